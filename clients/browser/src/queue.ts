/** The user's changes on their way to the hub: kept over reloads, shared by all tabs, each one sent once. */
import type { Change } from "./store.js";
import type { StorageLike } from "./storage.js";

/** More changes of one notification each than anybody makes by hand without a network. */
const MOST_PENDING_IDS = 5_000;
/** Those that were sent are kept so long that every tab has seen it. */
const MOST_SETTLED = 50;

/** A change of the user's, and what became of it; ordered by `key`. */
export interface Queued extends Change {
  key: string;
  /** The hub took it: from this cursor on it holds. */
  at?: string;
  /** The hub refused it: it is taken back. */
  refused?: true;
}

export interface Queue {
  /** Those that the hub has neither taken nor refused, in order. */
  pending(): Queued[];
  settled(): Queued[];
  /** Use the queue of this user. */
  use(key: string | undefined): void;
  /** Add a change; one with the key of another is the same. */
  add(change: Change, key?: string): void;
  /** Say what became of changes. */
  settle(changes: readonly Queued[], outcome: { at: string } | { refused: true }): void;
  /** Merge what is stored. */
  read(): void;
  /** Listen to other tabs; returns what ends that. */
  open(): () => void;
}

/**
 * Return a queue that calls `onChange` after each change.
 *
 * Two tabs that write at the same moment cannot lose a change: each has its own in memory until it is settled, and
 * writes again what another tab had not seen.
 */
export function createQueue(storage: StorageLike, onChange: () => void): Queue {
  let key: string | undefined;
  let all: Queued[] = [];
  let newest = "";

  const isPending = ({ at, refused }: Queued): boolean => !at && !refused;
  const bound = (): void => {
    const settled = all.filter((one) => !isPending(one)).slice(-MOST_SETTLED);
    const pending = all.filter(isPending);
    let ids = 0;
    // From the newest: what is too much is taken back, so that nobody takes it for sent.
    const kept = pending.reverse().map((one) => {
      ids += 1 + count(one);
      return ids > MOST_PENDING_IDS ? { key: one.key, refused: true as const } : one;
    });
    all = [...settled, ...kept].sort(byKey);
  };
  const write = (stored: string | null): void => {
    bound();
    const text = JSON.stringify(all);
    if (key && text !== (stored ?? "[]")) storage.setItem(key, text);
    onChange();
  };
  const read = (): void => {
    const stored = key ? storage.getItem(key) : null;
    const byName = new Map(all.map((one) => [one.key, one]));
    for (const one of parse(stored)) {
      const mine = byName.get(one.key);
      if (!mine || rank(one) > rank(mine)) byName.set(one.key, one);
    }
    all = [...byName.values()].sort(byKey);
    write(stored);
  };
  /** A name that is later than all that this tab has made or read. */
  const makeKey = (): string => {
    const now = Date.now().toString(36).padStart(9, "0");
    const latest = [newest, all.at(-1)?.key ?? ""].sort()[1]!.slice(0, 9);
    newest = latest >= now ? (parseInt(latest, 36) + 1).toString(36).padStart(9, "0") : now;
    return newest + Math.random().toString(36).slice(2, 8);
  };

  return {
    pending: () => all.filter(isPending),
    settled: () => all.filter((one) => !isPending(one)),
    use: (wanted) => {
      if (wanted === key) return;
      if (key) all = [];
      key = wanted;
      read();
    },
    add: (change, name = makeKey()) => {
      if (all.some((one) => one.key === name)) return;
      all = [...all, { ...change, key: name }].sort(byKey);
      read();
    },
    settle: (changes, outcome) => {
      const names = new Set(changes.map((one) => one.key));
      // The other tabs need what was taken, and nothing of what was refused.
      const settle = (one: Queued): Queued => ("at" in outcome ? { ...one, ...outcome } : { key: one.key, ...outcome });
      all = all.map((one) => (names.has(one.key) ? settle(one) : one));
      read();
    },
    read,
    open: () => {
      const onStorage = (event: StorageEvent): void => {
        if (key && event.key === key) read();
      };
      // React Native has no such events.
      globalThis.addEventListener?.("storage", onStorage);
      read();
      return () => globalThis.removeEventListener?.("storage", onStorage);
    },
  };
}

function byKey(a: Queued, b: Queued): number {
  return a.key < b.key ? -1 : Number(a.key > b.key);
}

/** What two tabs say of one change, each after it sent it: the same is chosen in both. */
function rank({ at, refused }: Queued): string {
  return at ? `2${at}` : refused ? "1" : "0";
}

function count({ read = [], unread = [], archived = [] }: Change): number {
  return read.length + unread.length + archived.length;
}

function parse(text: string | null): Queued[] {
  try {
    const stored: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(stored) ? (stored as Queued[]).filter((one) => typeof one?.key === "string") : [];
  } catch {
    return [];
  }
}
