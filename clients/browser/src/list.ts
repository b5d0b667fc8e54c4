/** The list that this browser keeps by itself: the bell's, where the hub keeps no inbox; the same in every tab. */
import type { StorageLike } from "./storage.js";
import type { Notification } from "./wire.js";

/** So that a long replay is written a few times, and not once for each notification. */
const SAVE_MS = 50;
/** Removed notifications are kept too, so that no other tab restores them. */
const MOST_KEPT = 200;

/** A notification and what the user did with it. */
export interface Entry {
  notification: Notification;
  read?: boolean | undefined;
  /** Off the list: archived, or moved to the hub's inbox. */
  gone?: boolean | undefined;
  archived?: boolean | undefined;
  /** When `read` was last changed (ms), where it was changed back. */
  at?: number | undefined;
}

export interface List {
  /** Newest first. */
  readonly entries: readonly Entry[];
  /** Use the list of this user; the entries of the user before are dropped. */
  use(key: string): void;
  add(added: readonly Entry[]): void;
  /** Change those that match, and store it at once. */
  change(matches: (entry: Entry) => boolean, change: Partial<Entry>): void;
  /** Merge the stored list and this page's, and store the result. */
  commit(): void;
  /** Listen to the other tabs; returns what ends that. */
  open(): () => void;
}

/**
 * Return a list that calls `onChange` after each change.
 *
 * Two tabs that write at the same moment cannot undo each other: a tab that reads merges both lists, and writes again
 * what the other tab had not seen.
 */
export function createList(storage: StorageLike, onChange: () => void): List {
  let key: string | undefined;
  let saving: ReturnType<typeof setTimeout> | undefined;

  const list: List & { entries: readonly Entry[] } = {
    entries: [],
    use: (wanted) => {
      if (wanted === key) return;
      if (key) {
        // What came just now is kept for the user before, and must not be shown to this one.
        list.commit();
        list.entries = [];
      }
      key = wanted;
      list.commit();
    },
    add: (added) => {
      list.entries = merge(added, list.entries);
      saving ??= setTimeout(list.commit, SAVE_MS);
      onChange();
    },
    change: (matches, change) => {
      list.entries = list.entries.map((entry) => {
        if (!matches(entry)) return entry;
        // Later than the last change, also where the clock was set back.
        const at =
          "read" in change && (entry.at || !change.read) ? Math.max(Date.now(), (entry.at ?? 0) + 1) : entry.at;
        return { ...entry, ...change, at };
      });
      list.commit();
    },
    commit: () => {
      clearTimeout(saving);
      saving = undefined;
      const stored = key ? storage.getItem(key) : null;
      list.entries = merge(list.entries, parse(stored));
      const text = JSON.stringify(list.entries);
      if (key && text !== stored) storage.setItem(key, text);
      onChange();
    },
    open: () => {
      const onStorage = (event: StorageEvent): void => {
        if (key && event.key === key) list.commit();
      };
      const onLeave = (): void => {
        if (saving !== undefined) list.commit();
      };
      // React Native has no such events.
      globalThis.addEventListener?.("storage", onStorage);
      globalThis.addEventListener?.("pagehide", onLeave);
      list.commit();
      return () => {
        onLeave();
        globalThis.removeEventListener?.("storage", onStorage);
        globalThis.removeEventListener?.("pagehide", onLeave);
      };
    },
  };
  return list;
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

/** Merge two lists, in any order: each notification once, with the newest flags of both, newest first. */
function merge(mine: readonly Entry[], theirs: readonly Entry[]): Entry[] {
  const byId = new Map<string, Entry>();
  for (const entry of [...mine, ...theirs]) {
    const known = byId.get(entry.notification.id);
    const [at, knownAt] = [entry.at ?? 0, known?.at ?? 0];
    byId.set(entry.notification.id, {
      notification: entry.notification,
      read: at === knownAt ? known?.read || entry.read : at > knownAt ? entry.read : known?.read,
      gone: known?.gone || entry.gone,
      archived: known?.archived || entry.archived,
      at: Math.max(at, knownAt) || undefined,
    });
  }
  return [...byId.values()].sort((a, b) => newestFirst(a.notification, b.notification)).slice(0, MOST_KEPT);
}

function newestFirst(a: Notification, b: Notification): number {
  return a.timestamp === b.timestamp ? (a.id < b.id ? 1 : -1) : a.timestamp < b.timestamp ? 1 : -1;
}
