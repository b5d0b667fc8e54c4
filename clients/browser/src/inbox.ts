/** The notifications behind a bell: received, read and archived; without a framework, for React and for custom elements. */
import type { Hub } from "./hub.js";
import { createList, type Entry } from "./list.js";
import { createPreferences, type Preferences } from "./preferences.js";
import type { Notification } from "./wire.js";

export { PreferencesError, type Preferences, type PreferencesView, type PreferenceType } from "./preferences.js";

const MOST_SHOWN = 100;

export type InboxNotification = Notification & { read: boolean };

/** One moment's list; a new object for each change. */
export interface InboxView {
  /** Newest first. */
  notifications: readonly InboxNotification[];
  /** How many are unread, also of those that are not loaded. */
  unreadCount: number;
  /** Whether there are more unread ones than `unreadCount`, which the hub counts up to 999. */
  unreadMore: boolean;
  /** Whether `loadMore` would bring older ones. */
  more: boolean;
  /** Whether the hub keeps this list, so that the user's other devices show the same; else this browser does. */
  shared: boolean;
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
  readonly preferences: Preferences;
}

export const EMPTY_VIEW: InboxView = {
  notifications: [],
  unreadCount: 0,
  unreadMore: false,
  more: false,
  shared: false,
};

const inboxes = new WeakMap<Hub, Inbox>();

/** Return the inbox of a hub: the same for everything on the page that asks. */
export function inboxOf(hub: Hub): Inbox {
  let inbox = inboxes.get(hub);
  if (!inbox) inboxes.set(hub, (inbox = createInbox(hub)));
  return inbox;
}

/** Return an inbox of its own for a hub. Use `inboxOf`, unless nothing else on the page shows the inbox. */
export function createInbox(hub: Hub): Inbox {
  const listeners = new Set<() => void>();
  let view = EMPTY_VIEW;
  let last: Notification | null = null;
  let opened = 0;
  let close = (): void => {};

  const show = (): void => {
    const shown = list.entries.filter((entry) => !entry.gone).slice(0, MOST_SHOWN);
    view = {
      ...EMPTY_VIEW,
      notifications: shown.map(({ notification, read }) => ({ ...notification, read: Boolean(read) })),
      unreadCount: shown.filter((entry) => !entry.read).length,
    };
    for (const listener of [...listeners]) listener();
  };
  const list = createList(hub.storage, show);
  const identify = (): void => {
    if (hub.identity) list.use(`hub:inbox:${hub.identity}`);
  };
  const mark = (id: string, change: Partial<Entry>): void =>
    list.change((entry) => entry.notification.id === id, change);
  const archive = (id: string): void => mark(id, { gone: true });

  return {
    get view() {
      return view;
    },
    get last() {
      return last;
    },
    open: () => {
      if (!opened++) {
        const ends = [
          list.open(),
          hub.subscribe(identify),
          hub.onAny((notification) => {
            last = notification;
            list.add([{ notification }]);
          }),
        ];
        close = () => ends.forEach((end) => end());
        identify();
      }
      let over = false;
      return () => {
        if (over) return;
        over = true;
        if (!--opened) close();
      };
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    markRead: (id) => mark(id, { read: true }),
    markUnread: (id) => mark(id, { read: false }),
    markAllRead: () => list.change(() => true, { read: true }),
    archive,
    remove: archive,
    clear: () => list.change(() => true, { gone: true }),
    loadMore: async () => {},
    preferences: createPreferences(hub),
  };
}
