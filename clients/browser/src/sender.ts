/** Sends the queued changes to the hub, in order: one tab at a time, again and again until the hub has them. */
import { backoffMs, boundMs } from "./backoff.js";
import type { Hub } from "./hub.js";
import type { Queue, Queued } from "./queue.js";
import type { Change, Count } from "./store.js";

/** So that many clicks are one request. */
const COLLECT_MS = 100;
/** A tab that hangs while it sends holds the others up for so long. */
const PATIENCE_MS = 15_000;
const MOST_IDS = 1_000;
/** So many ids that the hub does not know are left out of one change; then it is refused as a whole. */
const LONGEST_KEY = 64;
/** These pass by themselves: no permission right now, too many requests, a hub that restarts. */
const PASSING = [401, 403, 408, 425, 429];

export interface SenderOptions {
  hub: Hub;
  queue: Queue;
  /** Whether the hub takes changes now. */
  canSend(): boolean;
  /** The hub took a change; `count` is what it counts now. */
  onTaken(change: Change, at: string, count: Count): void;
  /** The hub keeps no inbox any more. */
  onOff(): void;
}

export interface Sender {
  start(): void;
  /** Send what is pending, soon; does nothing where nothing is. */
  wake(): void;
  stop(): void;
}

type Batch = Change & { parts: Queued[] };

export function createSender({ hub, queue, canSend, onTaken, onOff }: SenderOptions): Sender {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sending = false;
  let over = true;
  let failures = 0;
  /** After a refusal that names no part: one change at a time, to find which one it was. */
  let alone = false;

  const wake = (waitMs = COLLECT_MS): void => {
    if (!over && canSend() && queue.pending().length) timer ??= setTimeout(() => void run(), waitMs);
  };
  const run = async (): Promise<void> => {
    timer = undefined;
    if (sending) return;
    sending = true;
    const waitMs = await holdLock(`hub:inbox-send:${hub.identity}`, sendAll);
    sending = false;
    if (waitMs !== undefined) wake(waitMs);
  };
  /** Send until nothing is pending; return after how long to try again, or undefined. Never rejects. */
  const sendAll = async (): Promise<number | undefined> => {
    for (;;) {
      // Another tab may have sent it while this one waited.
      queue.read();
      const batch = takeBatch(queue.pending(), alone ? 1 : MOST_IDS);
      if (over || !canSend() || !batch.parts.length) return undefined;
      const response = await post(batch).catch(() => undefined);
      if (over) return undefined;
      const { status = 0, body } = response ?? {};
      if (status === 200) {
        const { cursor, unread, more } = body as Count & { cursor: string };
        failures = 0;
        alone = false;
        onTaken(batch, cursor, { unread, more });
        queue.settle(batch.parts, { at: cursor });
      } else if (status === 404) {
        onOff();
        return undefined;
      } else if (status < 400 || status >= 500 || PASSING.includes(status)) {
        return backoffMs(failures++, Math.random, 60_000) + (response?.retryMs ?? 0);
      } else refuse(batch, (body as { field?: string } | undefined)?.field);
    }
  };
  const post = async ({ parts: _, archived: archive, until: read_until, ...change }: Batch) => {
    const body = { ...change, ...(archive && { archive }), ...(read_until && { read_until }) };
    const response = await hub.request("/api/inbox", { method: "POST", body });
    const retryMs = boundMs(Number(response.headers.get("retry-after")) * 1000);
    return { status: response.status, body: await response.json().catch(() => undefined), retryMs };
  };
  /** Take back what the hub refused: the id that it names, or a change as a whole. */
  const refuse = (batch: Batch, field = ""): void => {
    const [, list, index] = /^\$\.(read|unread|archive)\[(\d+)\]/.exec(field) ?? [];
    const name = list === "archive" ? "archived" : (list as "read" | "unread" | undefined);
    const id = name && batch[name]?.[Number(index)];
    const part = id === undefined ? undefined : batch.parts.find((one) => one[name!]?.includes(id));
    if (!part && batch.parts.length > 1) {
      alone = true;
      return;
    }
    const refused = part ?? batch.parts[0]!;
    queue.settle([refused], { refused: true });
    const { key: _, ...rest } = refused;
    const others = name && part ? rest[name]!.filter((one) => one !== id) : [];
    // Each one that is left out makes the key longer.
    if (name && others.length && refused.key.length < LONGEST_KEY)
      queue.add({ ...rest, [name]: others }, `${refused.key}-`);
  };

  return {
    start: () => {
      over = false;
    },
    wake: () => wake(),
    stop: () => {
      over = true;
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

/** Return the first changes as one request: each id once, and nothing beside a watermark. */
function takeBatch(pending: readonly Queued[], most: number): Batch {
  const lists = { read: [] as string[], unread: [] as string[], archived: [] as string[] };
  const ids = new Set<string>();
  const parts: Queued[] = [];
  let until: string | undefined;
  for (const change of pending) {
    const own = [...(change.read ?? []), ...(change.unread ?? []), ...(change.archived ?? [])];
    const fits = ids.size + own.length <= most && !change.until && !own.some((id) => ids.has(id));
    if (parts.length && (!fits || until)) break;
    parts.push(change);
    until = change.until;
    for (const id of own) ids.add(id);
    for (const name of ["read", "unread", "archived"] as const) lists[name].push(...(change[name] ?? []));
  }
  const filled = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length));
  return { ...filled, ...(until && { until }), parts };
}

/** Do it while no other tab of this browser does; without the lock where there is none, or it is not given in time. */
async function holdLock<T>(name: string, act: () => Promise<T>): Promise<T> {
  let locks: LockManager | undefined;
  try {
    locks = navigator.locks;
  } catch {
    // Site data is denied.
  }
  if (!locks) return act();
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  let done: Promise<T> | undefined;
  try {
    await locks.request(name, { signal: patience.signal }, () => {
      clearTimeout(timer);
      return (done = act());
    });
  } catch {
    // Refused, or the tab that has it hangs. To send a change twice changes nothing.
  }
  clearTimeout(timer);
  return done ?? act();
}
