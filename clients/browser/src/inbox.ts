/** The notifications behind a bell: received, read and archived; without a framework, for React and for custom elements. */
import { createArchive, type Archive } from "./archive.js";
import { backoffMs } from "./backoff.js";
import type { Hub } from "./hub.js";
import { createList, type Entry } from "./list.js";
import { createMover } from "./mover.js";
import { isOld } from "./old-list.js";
import { createPreferences, type Preferences } from "./preferences.js";
import { createQueue } from "./queue.js";
import { createSender } from "./sender.js";
import { createStore, type Change, type Count, type Kept, type Page } from "./store.js";
import {
  EMPTY_VIEW,
  MOST_SHOWN,
  showArchived,
  showEntries,
  showItems,
  withOld,
  type InboxNotification,
  type InboxView,
} from "./view.js";
import type { Notification } from "./wire.js";

export { EMPTY_ARCHIVE, type Archive, type ArchiveView } from "./archive.js";
export { EMPTY_VIEW, type InboxNotification, type InboxView } from "./view.js";
export { PreferencesError, type Preferences, type PreferencesView, type PreferenceType } from "./preferences.js";

const PAGE = 30;
const LONGEST_MS = 60_000;
/** When more is confirmed while a page is under way, it is fetched again. */
const MOST_MEANWHILE = 200;
const MOST_EMPTY_PAGES = 20;
const MOST_PAGES_BACK = 10;
/** So that a long replay is written a few times, and not once for each notification. */
const SAVE_MS = 50;
const PATH = "/api/inbox";
/** What the hub's inbox was when it was seen last, which the first render shows. */
const CACHE = "hub:inbox-cache:";
const ARCHIVED = { gone: true, archived: true };
const NOTHING: Kept = { items: [], count: { unread: 0, more: false }, at: "", unlisted: [] };

/** The control frame that tells of a change of the user's inbox, on whichever device. */
interface InboxFrame {
  type: "inbox";
  read?: string[];
  unread?: string[];
  archived?: string[];
  /** These exist no longer. */
  removed?: string[];
  /** Others may exist no longer, too: the list has to be fetched again. */
  stale?: boolean;
  read_until?: string | null;
  unread_count?: number;
  more?: boolean;
  /** Not after an erasure: that has no place in the log. */
  cursor?: string;
}

export interface Inbox {
  readonly view: InboxView;
  /** The last notification that this page received. */
  readonly last: Notification | null;
  /** Begin to listen to the hub and to other tabs; returns what ends that. May be called several times. */
  open(): () => void;
  /** Call `listener` after each change of `view` or `last`. */
  subscribe(listener: () => void): () => void;
  markRead(id: string): void;
  markUnread(id: string): void;
  markAllRead(): void;
  /** Take it off the list. */
  archive(id: string): void;
  /** The same as `archive`. */
  remove(id: string): void;
  /** Take everything that is shown off the list. */
  clear(): void;
  /** Load older ones, where `view.more`; resolves when they are in the view, or cannot be loaded now. */
  loadMore(): Promise<void>;
  /**
   * Take over the list that the page's bell kept before the hub, under this key of localStorage: what was read there is
   * read in the hub's inbox, and what the hub does not have is shown in this browser. Each message is shown once, however
   * often this is called. The list itself stays as it is, and belongs to the first user who takes it over.
   */
  adopt(key: string): void;
  /** What was taken off the list. */
  readonly archived: Archive;
  readonly preferences: Preferences;
}

const inboxes = new WeakMap<Hub, Inbox>();

/** Return the inbox of a hub: the same for everything on the page that asks. */
export function inboxOf(hub: Hub): Inbox {
  let inbox = inboxes.get(hub);
  if (!inbox) inboxes.set(hub, (inbox = createInbox(hub)));
  return inbox;
}

/** Return an inbox of its own for a hub. Use `inboxOf`, unless nothing else on the page shows the inbox. */
export function createInbox(hub: Hub): Inbox {
  const { storage } = hub;
  const listeners = new Set<() => void>();
  let view = EMPTY_VIEW;
  let last: Notification | null = null;
  let opened = 0;
  let close: (() => void) | undefined;
  /** Whose inbox this is; undefined until it is known, and where the token does not name its user. */
  let identity: string | undefined;
  /** Who keeps the list; undefined until the hub has said what it can. */
  let keeper: "hub" | "browser" | undefined;
  let wasConnected = false;
  /** Whether the newest page has to be fetched. */
  let stale = true;
  let fetching: Promise<void> | undefined;
  let loading: Promise<void> | undefined;
  /** How many pages are under way, and what the hub confirmed meanwhile. */
  let underWay = 0;
  let meanwhile: [Change, string, Count | undefined][] = [];
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let saving: ReturnType<typeof setTimeout> | undefined;

  const show = (): void => {
    view = keeper === "hub" ? withOld(showItems(store, queue.pending()), list.entries) : showEntries(list.entries);
    for (const listener of [...listeners]) listener();
    archived.look();
  };
  const list = createList(storage, show);
  const store = createStore();
  const queue = createQueue(storage, () => {
    // What another tab sent holds from there on, though its frame has not come yet.
    for (const change of queue.settled()) if (change.at) store.apply(change, change.at);
    show();
    sender.wake();
  });
  const isConnected = (): boolean => hub.status.state === "connected";
  const sender = createSender({
    hub,
    queue,
    canSend: () => keeper === "hub" && isConnected(),
    onTaken: (change, at, count) => learn(change, at, count),
    onOff: () => setKeeper("browser"),
  });
  const mover = createMover(storage, list, store, queue);
  const archived = createArchive(
    hub,
    () => keeper === "browser",
    (): readonly InboxNotification[] => [
      ...(keeper === "hub" ? showArchived(store, queue.pending()) : []),
      ...list.entries
        .filter(({ notification: { id }, gone, archived }) => (isOld(id) ? archived : gone && keeper === "browser"))
        .map(({ notification, read }) => ({ ...notification, read: Boolean(read) })),
    ],
  );

  const save = (): void => {
    clearTimeout(saving);
    saving = undefined;
    if (identity && keeper === "hub") storage.setItem(CACHE + identity, JSON.stringify(store.keep(MOST_SHOWN)));
  };
  const changed = (): void => {
    saving ??= setTimeout(save, SAVE_MS);
    show();
  };

  const setKeeper = (now: "hub" | "browser"): void => {
    if (keeper === now) return;
    const before = keeper;
    keeper = now;
    if (now === "browser") {
      if (identity) storage.setItem(CACHE + identity, "");
      // What only the hub had is not lost to this page.
      if (before === "hub")
        list.add(store.items().map(({ notification, read, archived }) => ({ notification, read, gone: archived })));
    }
    move();
    show();
    sender.wake();
  };

  const fetchPage = async (before: string | undefined, limit: number): Promise<void> => {
    const query = new URLSearchParams({ limit: `${limit}`, ...(before && { before }) });
    underWay++;
    try {
      const response = await hub.request(`${PATH}?${query}`);
      if (response.status === 404) return setKeeper("browser");
      if (!response.ok) throw new Error(`${response.status}`);
      const page = (await response.json()) as Page;
      // The user changed while the request was under way.
      if (identity !== hub.identity) return;
      store.takePage(page, before);
      for (const [change, at, count] of meanwhile) store.apply(change, at, count);
      keeper = "hub";
    } finally {
      if (!--underWay) meanwhile = [];
    }
  };
  /** Take what the hub confirmed; a page that is under way may be older, and would take it back. */
  const learn = (change: Change, at: string, count?: Count): void => {
    store.apply(change, at, count);
    if (underWay && meanwhile.push([change, at, count]) > MOST_MEANWHILE) {
      meanwhile = [];
      stale = true;
    }
  };
  const move = (): void => {
    if (!identity) return;
    if (keeper === "browser") mover.moveToBrowser(identity);
    else if (keeper === "hub" && store.next !== undefined) mover.moveToHub(identity);
  };
  /** Fetch until the pages reach back to what was kept before the hub kept it. */
  const reachBack = async (): Promise<void> => {
    if (!identity) return;
    const earliestMs = mover.earliestMs(identity);
    for (let pages = 0; store.next && pages < MOST_PAGES_BACK; pages++) {
      const oldest = store.items().at(-1)?.notification.timestamp ?? "";
      if (earliestMs >= Date.parse(oldest)) break;
      await fetchPage(store.next, MOST_SHOWN);
    }
    move();
  };
  /** Fetch the newest page, until that succeeds: the hub's list takes the place of the one that was kept here. */
  const refresh = (): Promise<void> =>
    (fetching ??= (async () => {
      stale = false;
      try {
        await fetchPage(undefined, Math.min(MOST_SHOWN, Math.max(PAGE, store.items().length)));
        await reachBack();
        failures = 0;
        changed();
        sender.wake();
      } catch {
        clearTimeout(timer);
        timer = setTimeout(
          () => {
            stale = true;
            look();
          },
          backoffMs(failures++, Math.random, LONGEST_MS),
        );
      }
      fetching = undefined;
      look();
    })());

  const look = (): void => {
    if (hub.identity && hub.identity !== identity) {
      clearTimeout(timer);
      if (identity) store.restore(NOTHING);
      identity = hub.identity;
      list.use(`hub:inbox:${identity}`);
      queue.use(`hub:inbox-queue:${identity}`);
      const kept = parseKept(storage.getItem(CACHE + identity));
      keeper = kept && "hub";
      if (kept) store.restore(kept);
      stale = true;
      show();
    }
    const connected = isConnected();
    if (connected && !wasConnected && keeper !== "hub") stale = true;
    wasConnected = connected;
    if (!connected) return;
    const { features, status } = hub;
    // Over a WebSocket every hub that keeps inboxes says so.
    if (features ? !features.includes("inbox") : status.transport === "ws") setKeeper("browser");
    else if (stale) void refresh();
    sender.wake();
  };

  const loadNext = async (): Promise<void> => {
    const { next } = store;
    const before = store.items().length;
    try {
      if (view.more && next) await fetchPage(next, PAGE);
      // A page may be empty before the end: where all of it was archived.
      for (let pages = 1; store.next && pages < MOST_EMPTY_PAGES && store.items().length === before; pages++)
        await fetchPage(store.next, PAGE);
      changed();
    } catch {
      // `more` stays, and can be asked for again.
    }
    look();
  };

  const onFrame = (frame: InboxFrame): void => {
    const { read, unread, archived, removed = [], read_until: until, unread_count, cursor } = frame;
    const count = unread_count === undefined ? undefined : { unread: unread_count, more: frame.more ?? false };
    if (cursor)
      learn(
        { ...(read && { read }), ...(unread && { unread }), ...(archived && { archived }), ...(until && { until }) },
        cursor,
        count,
      );
    store.drop(removed);
    changed();
    if (!frame.stale) return;
    stale = true;
    look();
  };

  const listen = (): void => {
    const onLeave = (): void => {
      if (saving !== undefined) save();
    };
    // React Native has no such events.
    globalThis.addEventListener?.("pagehide", onLeave);
    const ends = [
      list.open(),
      queue.open(),
      hub.subscribe(look),
      hub.onControl("inbox", onFrame),
      hub.on("gap", () => {
        // The frames that are missing may have been about the inbox.
        stale = true;
        look();
      }),
      hub.onAny((notification) => {
        last = notification;
        store.add(notification);
        if (keeper !== "hub") list.add([{ notification }]);
        changed();
      }),
    ];
    close = () => {
      for (const end of ends) end();
      globalThis.removeEventListener?.("pagehide", onLeave);
      onLeave();
      clearTimeout(timer);
      sender.stop();
      wasConnected = false;
    };
    sender.start();
    look();
  };

  /** Change a notification: at once here, and in the hub's inbox where it keeps one. */
  const change = (id: string, name: "read" | "unread" | "archived", entry: Partial<Entry>): void => {
    const shown = view.notifications.find((one) => one.id === id);
    if (keeper === "hub" && !isOld(id)) {
      if (!shown || name === "archived" || shown.read !== (name === "read")) queue.add({ [name]: [id] });
    } else list.change((one) => one.notification.id === id, entry);
  };
  /** Whether an entry of this browser's list is in the view. */
  const isShown = ({ notification }: Entry): boolean => keeper !== "hub" || isOld(notification.id);
  const archive = (id: string): void => change(id, "archived", ARCHIVED);

  return {
    get view() {
      return view;
    },
    get last() {
      return last;
    },
    open: () => {
      if (!opened++) listen();
      let over = false;
      return () => {
        if (over) return;
        over = true;
        if (!--opened) close?.();
      };
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    markRead: (id) => change(id, "read", { read: true }),
    markUnread: (id) => change(id, "unread", { read: false }),
    markAllRead: () => {
      if (!view.unreadCount) return;
      list.change(isShown, { read: true });
      if (keeper !== "hub") return;
      const until = store.items()[0]?.notification.cursor;
      if (until) queue.add({ until });
    },
    archive,
    remove: archive,
    clear: () => {
      const ids = view.notifications.map(({ id }) => id).filter((id) => !isOld(id));
      list.change(isShown, ARCHIVED);
      if (keeper !== "hub") return;
      if (ids.length) queue.add({ archived: ids });
    },
    loadMore: () =>
      (loading ??= loadNext().finally(() => {
        loading = undefined;
      })),
    adopt: (key) => {
      mover.adopt(key);
      stale = true;
      move();
      look();
    },
    archived,
    preferences: createPreferences(hub),
  };
}

function parseKept(text: string | null): Kept | undefined {
  try {
    const kept = JSON.parse(text ?? "") as Kept | null;
    return Array.isArray(kept?.items) &&
      kept.items.every((item) => typeof item?.notification?.id === "string") &&
      kept.count
      ? kept
      : undefined;
  } catch {
    return undefined;
  }
}
