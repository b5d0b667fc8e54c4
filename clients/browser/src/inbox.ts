/** The list behind a bell: received, read and removed notifications; the same in every tab, kept over visits. */
import type { Hub } from "./hub.js";
import type { Notification } from "./wire.js";

/** So that a long replay is written a few times, and not once for each notification. */
const SAVE_MS = 50;
const MOST_SHOWN = 100;
/** Removed notifications are kept too, so that no other tab restores them. */
const MOST_KEPT = 200;

export type InboxNotification = Notification & { read: boolean };

/** One moment's list; a new object for each change. */
export interface InboxView {
  /** Newest first, at most 100. */
  notifications: readonly InboxNotification[];
  unreadCount: number;
}

export interface Inbox {
  readonly view: InboxView;
  /** The last notification that this page received. */
  readonly last: Notification | null;
  /** Listen to the hub and to other tabs until each of those that opened it has called what this returns. */
  open(): () => void;
  subscribe(listener: () => void): () => void;
  markRead(id: string): void;
  markAllRead(): void;
  remove(id: string): void;
  clear(): void;
}

interface Entry {
  notification: Notification;
  read?: boolean | undefined;
  gone?: boolean | undefined;
}

export const EMPTY_VIEW: InboxView = { notifications: [], unreadCount: 0 };

const inboxes = new WeakMap<Hub, Inbox>();

/** Return the one inbox of a hub, which all that show it share: hooks, bells, handlers of the page. */
export function inboxOf(hub: Hub): Inbox {
  let inbox = inboxes.get(hub);
  if (!inbox) inboxes.set(hub, (inbox = createInbox(hub)));
  return inbox;
}

/**
 * Return the inbox of a hub.
 *
 * Flags only change from false to true, so two tabs that write at the same moment cannot undo each other: a tab that
 * reads merges both lists, and writes again what the other tab had not seen.
 */
export function createInbox(hub: Hub): Inbox {
  const { storage } = hub;
  const listeners = new Set<() => void>();
  let entries: Entry[] = [];
  let view = EMPTY_VIEW;
  let last: Notification | null = null;
  let key: string | undefined;
  let saving: ReturnType<typeof setTimeout> | undefined;
  let users = 0;
  let stop: (() => void)[] = [];

  const show = (): void => {
    const shown = entries.filter((entry) => !entry.gone).slice(0, MOST_SHOWN);
    view = {
      notifications: shown.map(({ notification, read }) => ({ ...notification, read: Boolean(read) })),
      unreadCount: shown.filter((entry) => !entry.read).length,
    };
    for (const listener of [...listeners]) listener();
  };
  /** Merge the stored list and this page's, and store the result. */
  const commit = (): void => {
    clearTimeout(saving);
    saving = undefined;
    const stored = key ? storage.getItem(key) : null;
    entries = merge(entries, parse(stored));
    const text = JSON.stringify(entries);
    if (key && text !== stored) storage.setItem(key, text);
    show();
  };
  const change = (matches: (entry: Entry) => boolean, flags: Partial<Entry>): void => {
    entries = entries.map((entry) => (matches(entry) ? { ...entry, ...flags } : entry));
    commit();
  };
  const identify = (): void => {
    const wanted = hub.identity && `hub:inbox:${hub.identity}`;
    if (!wanted || wanted === key) return;
    // The notifications of the user before must not be shown to this one.
    if (key) entries = [];
    key = wanted;
    commit();
  };

  const listen = (): void => {
    const onStorage = (event: StorageEvent): void => {
      if (key && event.key === key) commit();
    };
    const onLeave = (): void => {
      if (saving !== undefined) commit();
    };
    // React Native has no such events.
    globalThis.addEventListener?.("storage", onStorage);
    globalThis.addEventListener?.("pagehide", onLeave);
    stop = [
      onLeave,
      () => globalThis.removeEventListener?.("storage", onStorage),
      () => globalThis.removeEventListener?.("pagehide", onLeave),
      hub.subscribe(identify),
      hub.onAny((notification) => {
        last = notification;
        entries = merge([{ notification }], entries);
        saving ??= setTimeout(commit, SAVE_MS);
        show();
      }),
    ];
    commit();
    identify();
  };

  return {
    get view() {
      return view;
    },
    get last() {
      return last;
    },
    open: () => {
      if (!users++) listen();
      let open = true;
      return () => {
        if (open && !--users) for (const end of stop.splice(0)) end();
        open = false;
      };
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    markRead: (id) => change((entry) => entry.notification.id === id, { read: true }),
    markAllRead: () => change(() => true, { read: true }),
    remove: (id) => change((entry) => entry.notification.id === id, { gone: true }),
    clear: () => change(() => true, { gone: true }),
  };
}

function parse(text: string | null): Entry[] {
  try {
    const entries: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(entries)
      ? (entries as Entry[]).filter((entry) => typeof entry?.notification?.id === "string")
      : [];
  } catch {
    return [];
  }
}

/** Merge two lists, in any order: each notification once, with the flags of both, newest first. */
function merge(mine: Entry[], theirs: Entry[]): Entry[] {
  const byId = new Map<string, Entry>();
  for (const entry of [...mine, ...theirs]) {
    const known = byId.get(entry.notification.id);
    byId.set(entry.notification.id, {
      notification: entry.notification,
      read: known?.read || entry.read,
      gone: known?.gone || entry.gone,
    });
  }
  const newestFirst = (a: Notification, b: Notification): number =>
    a.timestamp === b.timestamp ? (a.id < b.id ? 1 : -1) : a.timestamp < b.timestamp ? 1 : -1;
  return [...byId.values()].sort((a, b) => newestFirst(a.notification, b.notification)).slice(0, MOST_KEPT);
}
