/** The hub's inbox as far as this page knows it: what was fetched, and what frames have changed since. Pure. */
import { comparePlaces, isLater } from "./position.js";
import type { Notification } from "./wire.js";

/** More are not held; older ones are fetched again. */
export const MOST_HELD = 1_000;

/** A change of the user's, as it is sent to the hub and comes back in frames. */
export interface Change {
  read?: readonly string[];
  unread?: readonly string[];
  archived?: readonly string[];
  /** Everything up to this cursor was read. */
  until?: string;
}

/** An item of the inbox. */
export interface Item {
  notification: Notification;
  read: boolean;
  /** The cursor from which on `read` is so. */
  at: string;
  /** Off the list, for good. */
  archived: boolean;
}

/** What the hub says of how many are unread: exactly, or at least so many. */
export interface Count {
  unread: number;
  more: boolean;
}

/** A page of `GET /api/inbox`. */
export interface Page extends Count {
  notifications: readonly (Notification & { read: boolean; archived: boolean })[];
  next: string | null;
  cursor: string;
  /** The types that are not listed in the inbox. */
  unlisted?: readonly string[];
}

/** What is kept between two visits. */
export interface Kept {
  items: Item[];
  count: Count;
  at: string;
  unlisted: readonly string[];
}

export interface Store {
  /** Newest first. */
  items(): readonly Item[];
  get(id: string): Item | undefined;
  /** Where the next page begins; null: there is none. Undefined before the first page. */
  readonly next: string | null | undefined;
  /** How many are unread, by what the hub has confirmed. */
  count(): Count;
  /** Take a notification that was delivered. */
  add(notification: Notification): void;
  /** Take a change that the hub confirmed at this cursor, and what it counted then. */
  apply(change: Change, at: string, count?: Count): void;
  /** Items that exist no longer. */
  drop(ids: readonly string[]): void;
  /** Take a page: the first one, or the one that begins before a cursor. */
  takePage(page: Page, before: string | undefined): void;
  keep(most: number): Kept;
  restore(kept: Kept): void;
}

export function createStore(): Store {
  const byId = new Map<string, Item>();
  let next: string | null | undefined;
  let counted: Count = { unread: 0, more: false };
  /** The count is of this place in the log; notifications behind it come on top. */
  let countedAt: string | undefined;
  let unlisted: readonly string[] = [];
  /** The ids, newest first; undefined where that has to be found again. */
  let order: string[] | undefined;

  const sort = (): string[] =>
    [...byId.values()]
      .sort(
        ({ notification: a }, { notification: b }) =>
          // Of two logs, until the first page of the new one: by time.
          comparePlaces(b.cursor, a.cursor) ?? (a.timestamp < b.timestamp ? 1 : -1),
      )
      .map(({ notification }) => notification.id);
  const items = (): readonly Item[] => (order ??= sort()).map((id) => byId.get(id)!);
  const setCount = (count: Count | undefined, at: string): void => {
    if (!count || (countedAt && (comparePlaces(at, countedAt) ?? 1) <= 0)) return;
    counted = { unread: count.unread, more: count.more };
    countedAt = at;
  };
  const setRead = (id: string, at: string, read: boolean): void => {
    const item = byId.get(id);
    // A frame may come after a response that has it already.
    if (item && isLater(at, item.at)) byId.set(id, { ...item, read, at });
  };
  /** Whether the hub has not counted it yet. */
  const isNewUnread = ({ read, archived, notification }: Item): boolean =>
    !read && !archived && (!countedAt || isLater(notification.cursor, countedAt));
  /** Drop those whose place a notification takes: the hub lists the newest of them alone. */
  const supersede = ({ collapse_id: key, cursor }: Notification & { collapse_id?: string }): void => {
    for (const item of key ? [...byId.values()] : []) {
      const { collapse_id: other, cursor: at, id } = item.notification as Notification & { collapse_id?: string };
      if (other !== key || !isLater(cursor, at)) continue;
      if (!item.read && !item.archived && !isNewUnread(item)) counted = { ...counted, unread: counted.unread - 1 };
      byId.delete(id);
      order = undefined;
    }
  };
  const bound = (): void => {
    if (byId.size <= MOST_HELD) return;
    const all = items();
    for (const item of all.slice(MOST_HELD)) {
      byId.delete(item.notification.id);
      // It is unread all the same, until the hub counts again.
      if (isNewUnread(item)) counted = { ...counted, unread: counted.unread + 1 };
    }
    order!.length = MOST_HELD;
    next = all[MOST_HELD - 1]!.notification.cursor;
  };

  const store: Store = {
    items,
    get: (id) => byId.get(id),
    get next() {
      return next;
    },
    count: () => {
      return { unread: counted.unread + [...byId.values()].filter(isNewUnread).length, more: counted.more };
    },
    add: (notification) => {
      if (byId.has(notification.id) || unlisted.includes(notification.type)) return;
      supersede(notification);
      const newest = order?.[0];
      byId.set(notification.id, { notification, read: false, archived: false, at: notification.cursor });
      // A long replay adds one at the front each time.
      if (newest && isLater(notification.cursor, byId.get(newest)!.notification.cursor))
        order!.unshift(notification.id);
      else order = undefined;
      bound();
    },
    apply: ({ read = [], unread = [], archived = [], until }, at, count) => {
      if (until)
        for (const { notification } of byId.values())
          if (!isLater(notification.cursor, until)) setRead(notification.id, at, true);
      for (const id of read) setRead(id, at, true);
      for (const id of unread) setRead(id, at, false);
      for (const id of archived) {
        const item = byId.get(id);
        if (item) byId.set(id, { ...item, archived: true });
      }
      setCount(count, at);
    },
    drop: (ids) => {
      for (const id of ids) byId.delete(id);
      order = undefined;
    },
    takePage: (page, before) => {
      // The first page was fetched again while this one was under way.
      if (before !== undefined && before !== next) return;
      unlisted = page.unlisted ?? unlisted;
      const listed = new Set(page.notifications.map(({ id }) => id));
      for (const { notification } of [...byId.values()]) {
        const { id, cursor, type } = notification;
        const isNewerThanPage = isLater(cursor, page.cursor) || (before !== undefined && !isLater(before, cursor));
        const isOlderThanPage = page.next !== null && isLater(page.next, cursor);
        // What the page leaves out is archived or erased, for good. What is older than the first page was not looked
        // at: it may have changed, and is fetched again.
        if (unlisted.includes(type) || (!listed.has(id) && !isNewerThanPage && !(isOlderThanPage && before)))
          byId.delete(id);
      }
      for (const { read, archived, ...notification } of page.notifications) {
        const known = byId.get(notification.id);
        const item = { notification: notification as Notification, read, at: page.cursor };
        const newest = known && isLater(known.at, page.cursor) ? known : item;
        byId.set(notification.id, { ...newest, archived: archived || Boolean(known?.archived) });
      }
      order = undefined;
      next = page.next;
      setCount(page, page.cursor);
      bound();
    },
    keep: (most) => ({ items: items().slice(0, most), count: counted, at: countedAt ?? "", unlisted }),
    restore: (kept) => {
      byId.clear();
      order = undefined;
      for (const item of kept.items) byId.set(item.notification.id, item);
      counted = kept.count;
      countedAt = kept.at || undefined;
      unlisted = kept.unlisted;
      next = undefined;
    },
  };
  return store;
}
