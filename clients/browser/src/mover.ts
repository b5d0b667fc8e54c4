/** Moves what was kept before into the list of now: this browser's own list, and those of the time before the hub. */
import type { Entry, List } from "./list.js";
import { LATE_MS, isOld, keepOld, matchOldList, readOldList, type OldEntry } from "./old-list.js";
import type { Queue } from "./queue.js";
import type { StorageLike } from "./storage.js";
import type { Store } from "./store.js";

/** Which flags of this browser's list were sent to the hub, and whose an old list is. */
const SENT = "hub:inbox-sent:";
const OWNER = "hub:inbox-owner:";
const MOST_SENT = 400;

export interface Mover {
  /** Take over the old list under this key of the storage, too. */
  adopt(key: string): void;
  /** How far back the pages of the hub must reach, so that everything can be moved (Unix time in ms); Infinity: not at all. */
  earliestMs(identity: string): number;
  /** Move to the hub's inbox: each flag once. */
  moveToHub(identity: string): void;
  /** Move to this browser's list: each message once. */
  moveToBrowser(identity: string): void;
}

export function createMover(storage: StorageLike, list: List, store: Store, queue: Queue): Mover {
  const keys = new Set<string>();

  /** The entries of old lists that this user may have, and that are not in the list as moved. */
  const readOld = (identity: string): OldEntry[] => {
    const byId = new Map(list.entries.map((entry) => [entry.notification.id, entry]));
    return [...keys]
      .flatMap((key) => {
        const owner = storage.getItem(OWNER + key);
        const entries = !owner || owner === identity ? readOldList(storage.getItem(key)) : [];
        if (entries.length) storage.setItem(OWNER + key, identity);
        return entries;
      })
      .filter(({ id }) => !byId.get(id)?.gone)
      .map((entry) => ({ ...entry, read: entry.read || Boolean(byId.get(entry.id)?.read) }));
  };
  /** What this browser's list says of the hub's notifications, and the hub was not told of. */
  const findFlagged = (identity: string): Entry[] => {
    const sent = new Set(parseIds(storage.getItem(SENT + identity)));
    return list.entries.filter(({ read, gone, notification: { id } }) => (read || gone) && !isOld(id) && !sent.has(id));
  };
  /** Add the old entries to the list, as moved where `known` has them; return the ids of `known` that were read. */
  const takeOld = (identity: string, known: readonly Pick<Entry, "notification">[]): Set<string> => {
    const read = new Set<string>();
    const added: Entry[] = [];
    const matches = matchOldList(
      readOld(identity),
      known.map(({ notification }) => notification),
    );
    for (const [entry, found] of matches) {
      if (found && entry.read) read.add(found.id);
      added.push({ ...keepOld(entry), gone: Boolean(found) });
    }
    if (added.length) list.add(added);
    return read;
  };

  return {
    adopt: (key) => keys.add(key),
    earliestMs: (identity) => {
      const moved = findFlagged(identity).map(({ notification }) => Date.parse(notification.timestamp));
      return Math.min(...moved, ...readOld(identity).map(({ atMs }) => atMs)) - LATE_MS;
    },
    moveToHub: (identity) => {
      const flagged = findFlagged(identity);
      const read = takeOld(identity, store.items());
      const archived: string[] = [];
      for (const { notification, gone } of flagged) {
        if (!store.get(notification.id)) continue;
        if (gone) archived.push(notification.id);
        else read.add(notification.id);
      }
      const unread = [...read].filter((id) => !store.get(id)!.read);
      // All tabs do this at the same moment: a change with the same key is the same one.
      if (archived.length) queue.add({ archived }, `00a${archived.length}${archived[0]}`);
      if (unread.length) queue.add({ read: unread }, `00r${unread.length}${unread[0]}`);
      if (!flagged.length) return;
      const sent = [
        ...parseIds(storage.getItem(SENT + identity)),
        ...flagged.map(({ notification }) => notification.id),
      ];
      storage.setItem(SENT + identity, JSON.stringify(sent.slice(-MOST_SENT)));
    },
    moveToBrowser: (identity) => {
      const read = takeOld(
        identity,
        list.entries.filter(({ notification }) => !isOld(notification.id)),
      );
      if (read.size) list.change(({ notification }) => read.has(notification.id), { read: true });
    },
  };
}

function parseIds(text: string | null): string[] {
  try {
    const ids: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [];
  } catch {
    return [];
  }
}
