/** What a bell shows: of the hub's inbox with the changes that are on their way to it, or of this browser's list. Pure. */
import type { Entry } from "./list.js";
import { isOld } from "./old-list.js";
import { isLater } from "./position.js";
import { MOST_HELD, type Change, type Item, type Store } from "./store.js";
import type { Notification } from "./wire.js";

/** How many this browser keeps and shows by itself. */
export const MOST_SHOWN = 100;

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

export const EMPTY_VIEW: InboxView = {
  notifications: [],
  unreadCount: 0,
  unreadMore: false,
  more: false,
  shared: false,
};

/** Add what only this browser has from before the hub, each at its time. */
export function withOld(view: InboxView, entries: readonly Entry[]): InboxView {
  const old = showEntries(entries.filter(({ notification }) => isOld(notification.id)));
  if (!old.notifications.length) return view;
  const notifications = [...view.notifications];
  for (const notification of old.notifications) {
    const place = notifications.findIndex(({ timestamp }) => timestamp < notification.timestamp);
    notifications.splice(place < 0 ? notifications.length : place, 0, notification);
  }
  return { ...view, notifications, unreadCount: view.unreadCount + old.unreadCount };
}

export function showEntries(entries: readonly Entry[]): InboxView {
  const shown = entries.filter((entry) => !entry.gone).slice(0, MOST_SHOWN);
  return {
    ...EMPTY_VIEW,
    notifications: shown.map(({ notification, read }) => ({ ...notification, read: Boolean(read) })),
    unreadCount: shown.filter((entry) => !entry.read).length,
  };
}

/** What each item is shown as: the same object as long as nothing changes, so that a list renders little again. */
const shownAs = new WeakMap<Item, InboxNotification>();

/** Return what the hub has confirmed, with the changes that are on their way to it. */
export function showItems(store: Store, pending: readonly Change[]): InboxView {
  const { unread, more } = store.count();
  const items = store.items();
  const now = new Map<string, Item>();
  const change = (id: string, to: Partial<Item>): void => {
    const item = now.get(id) ?? store.get(id);
    if (item) now.set(id, { ...item, ...to });
  };
  let until: string | undefined;
  for (const one of pending) {
    if (one.until) {
      until = one.until;
      for (const { notification } of items)
        if (!isLater(notification.cursor, until)) change(notification.id, { read: true });
    }
    for (const id of one.read ?? []) change(id, { read: true });
    for (const id of one.unread ?? []) change(id, { read: false });
    for (const id of one.archived ?? []) change(id, { archived: true });
  }
  const notifications: InboxNotification[] = [];
  let counted = 0;
  let left = 0;
  for (const item of items) {
    const is = now.get(item.notification.id) ?? item;
    counted += Number(!item.read && !item.archived);
    left += Number(!is.read && !is.archived);
    if (is.archived) continue;
    let shown = shownAs.get(is);
    if (!shown) shownAs.set(is, (shown = { ...is.notification, read: is.read }));
    notifications.push(shown);
  }
  return {
    notifications,
    // What is not loaded is older than the watermark.
    unreadCount: until ? left : Math.max(0, unread + left - counted),
    unreadMore: more && !until,
    more: Boolean(store.next) && items.length < MOST_HELD,
    shared: true,
  };
}

/** Return the archived ones of what the hub has confirmed, and those that are on their way to it. */
export function showArchived(store: Store, pending: readonly Change[]): InboxNotification[] {
  const archiving = new Set(pending.flatMap(({ archived = [] }) => archived));
  return store
    .items()
    .filter(({ archived, notification }) => archived || archiving.has(notification.id))
    .map(({ notification, read }) => ({ ...notification, read }));
}
