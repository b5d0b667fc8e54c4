/** The page's cursor, kept over a reload: in the tab's storage for the tab, in the browser's for the next visit. */
import type { StorageLike } from "./storage.js";

const THROTTLE_MS = 1_000;

export interface CursorKeeper {
  /** Everything up to here was handed to this page's handlers. */
  current: string | undefined;
  /** Whether `current` is this tab's own: the tab then needs what came since, whatever other tabs received. */
  own: boolean;
  /** Set the cursor of this page, and with `lead` of the whole browser. Written at most once a second. */
  move(cursor: string, lead: boolean): void;
  /** Write what is not written yet. */
  flush(): void;
}

/** Return the keeper of the cursor under `key`; `onWritten` is called whenever it was written. */
export function keepCursor(key: string, browser: StorageLike, tab: StorageLike, onWritten?: () => void): CursorKeeper {
  const own = tab.getItem(key);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let leading = false;
  const keeper: CursorKeeper = {
    current: own || browser.getItem(key) || undefined,
    own: Boolean(own),
    move: (cursor, lead) => {
      keeper.current = cursor;
      keeper.own = true;
      leading = lead;
      timer ??= setTimeout(keeper.flush, THROTTLE_MS);
    },
    flush: () => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      tab.setItem(key, keeper.current!);
      if (leading) browser.setItem(key, keeper.current!);
      onWritten?.();
    },
  };
  return keeper;
}
