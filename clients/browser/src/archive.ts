/** What the user has archived: fetched while somebody looks at it, and followed as long. */
import type { Hub } from "./hub.js";
import { comparePlaces } from "./position.js";
import type { Page } from "./store.js";
import type { InboxNotification } from "./view.js";

const PAGE = 30;
const MOST = 100;
const MOST_EMPTY_PAGES = 20;

/** One moment's archive; a new object for each change. */
export interface ArchiveView {
  /** Newest first. */
  notifications: readonly InboxNotification[];
  /** Whether `loadMore` would bring older ones, or the first ones where they could not be loaded. */
  more: boolean;
  state: "loading" | "ready" | "failed";
}

export interface Archive {
  readonly view: ArchiveView;
  /** Call `listener` after each change of `view`. */
  subscribe(listener: () => void): () => void;
  /** Fetch what is archived, and follow its changes until what this returns is called. */
  open(): () => void;
  /** Load older ones, where `view.more`; resolves when they are in the view, or cannot be loaded now. */
  loadMore(): Promise<void>;
}

export const EMPTY_ARCHIVE: ArchiveView = { notifications: [], more: false, state: "ready" };

/**
 * Return the archive of a hub's user, and `look`, to be called when the inbox has changed. `isHere` says whether this
 * browser keeps the inbox and not the hub, and `findHere` returns the archived ones that this page has.
 */
export function createArchive(
  hub: Hub,
  isHere: () => boolean,
  findHere: () => readonly InboxNotification[],
): Archive & { look(): void } {
  const listeners = new Set<() => void>();
  let view = EMPTY_ARCHIVE;
  let opened = 0;
  let close: (() => void) | undefined;
  /** Whose the hub's pages are; where the next one begins: null is nowhere, undefined before the first one. */
  let identity: string | undefined;
  let listed: readonly InboxNotification[] = [];
  let next: string | null | undefined;
  /** Whether the first page has to be fetched. */
  let stale = true;
  let failed = false;
  let wasConnected = false;
  let loading: Promise<void> | undefined;

  const show = (): void => {
    const byId = new Map([...findHere(), ...(isHere() ? [] : listed)].map((one) => [one.id, one]));
    const notifications = [...byId.values()].sort(
      (a, b) => comparePlaces(b.cursor, a.cursor) ?? (a.timestamp < b.timestamp ? 1 : -1),
    );
    const isWhole = isHere() || (next !== undefined && !failed);
    view = {
      notifications,
      more: !isHere() && next !== null,
      state: loading ? "loading" : isWhole ? "ready" : "failed",
    };
    for (const listener of [...listeners]) listener();
  };
  const fetchPages = async (): Promise<void> => {
    let before = stale ? undefined : next;
    const first = before ? PAGE : Math.min(MOST, Math.max(PAGE, listed.length));
    stale = failed = false;
    // A page may be empty before the end.
    for (let pages = 0; before !== null && pages < MOST_EMPTY_PAGES; pages++) {
      const query = new URLSearchParams({ archived: "true", limit: `${first}`, ...(before && { before }) });
      const response = await hub.request(`/api/inbox?${query}`);
      if (!response.ok) throw new Error(`${response.status}`);
      const page = (await response.json()) as Page;
      // The user or the archive has changed meanwhile.
      if (stale) return;
      listed = before ? [...listed, ...page.notifications] : page.notifications;
      before = next = page.next;
      if (page.notifications.length) return;
    }
  };
  const load = (): Promise<void> => {
    loading ??= fetchPages()
      .catch(() => {
        failed = true;
      })
      .then(() => {
        loading = undefined;
        look();
      });
    show();
    return loading;
  };
  const look = (): void => {
    if (!opened) return;
    const isConnected = hub.status.state === "connected";
    if (identity !== hub.identity) {
      listed = [];
      next = undefined;
    }
    stale ||= identity !== hub.identity || (failed && isConnected && !wasConnected);
    identity = hub.identity;
    wasConnected = isConnected;
    if (stale && isConnected && !isHere() && !loading) void load();
    else show();
  };

  return {
    get view() {
      return view;
    },
    look,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    open: () => {
      if (!opened++) {
        const refresh = (): void => {
          stale = true;
          look();
        };
        const ends = [
          hub.subscribe(look),
          hub.onControl("inbox", ({ archived = [], removed = [] }: { archived?: string[]; removed?: string[] }) => {
            listed = listed.filter(({ id }) => !removed.includes(id));
            if (archived.length || removed.length) refresh();
          }),
          hub.on("gap", refresh),
        ];
        close = () => ends.forEach((end) => end());
        // It may have changed while nobody looked.
        refresh();
      }
      let over = false;
      return () => {
        if (over) return;
        over = true;
        if (!--opened) close?.();
      };
    },
    loadMore: async () => {
      if (view.more) await load();
    },
  };
}
