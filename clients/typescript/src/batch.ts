import { randomUUID } from "node:crypto";
import type { HubRequest } from "./exchange.js";
import { type HubFailure, HubRefused, HubUnreachable } from "./failure.js";
import type { components } from "./generated/openapi.js";

/** A notification as JSON text, written at the moment it was queued, and the key of the request that sends it alone. */
export interface Written<N> {
  readonly notification: N;
  readonly body: string;
  readonly idempotencyKey: string;
}

/** One notification of the queue. */
export interface Entry<N> extends Written<N> {
  /** What is sent in its place if the hub does not know its target. */
  readonly orElse: Written<N> | undefined;
  /** What is sent now: the notification itself, or `orElse`. */
  sending: Written<N>;
  readonly bytes: number;
  readonly queuedAt: number;
}

/**
 * The notifications of one request.
 *
 * The request is the same at every attempt: the hub knows a notification of a batch by the batch's Idempotency-Key and its
 * index, so another composition would be stored a second time.
 */
export interface Batch<N> {
  readonly request: HubRequest;
  /** By index, those whose outcome is not known yet. */
  readonly pending: Map<number, Entry<N>>;
}

/** What became of one notification of a request: the hub's receipt, or why there is none. */
export type Outcome = { receipt: unknown } | { failure: HubFailure };

/**
 * The bounds of a batch. A hub takes 1,000 notifications and sixteen times its HUB_MAX_BODY, 1 MiB by default; what is
 * smaller has its response sooner, and exceeds a proxy's own limit less often.
 */
const BATCH_NOTIFICATIONS = 100;
const BATCH_BYTES = 256 * 1024;

const BATCH_PATH = "/api/internal/notify/batch";

/** Return the request that publishes one notification. */
export function describePublish(body: string, idempotencyKey: string): HubRequest {
  return { method: "POST", path: "/api/internal/notify", body, idempotencyKey };
}

/** Return the request that publishes several; each of `bodies` is the JSON text of one. */
export function describeBatch(bodies: readonly string[], idempotencyKey: string): HubRequest {
  const body = `{"notifications":[${bodies.join()}]}`;
  return { method: "POST", path: BATCH_PATH, body, idempotencyKey };
}

/** Return the batch of one entry: a request under the entry's own key. */
export function takeOne<N>(entry: Entry<N>): Batch<N> {
  const { body, idempotencyKey } = entry.sending;
  return { request: describePublish(body, idempotencyKey), pending: new Map([[0, entry]]) };
}

/** Return the batch of the first of `entries`, of which there is one at least, and as many more as may go with it. */
export function takeMany<N>(entries: readonly Entry<N>[]): Batch<N> {
  const taken: Entry<N>[] = [];
  const targets: Target[] = [];
  let bytes = 0;
  for (const entry of entries) {
    bytes += Buffer.byteLength(entry.sending.body) + 1;
    if (taken.length === BATCH_NOTIFICATIONS || bytes > BATCH_BYTES) break;
    const target = readTarget(entry);
    if (targets.some((earlier) => mayChangeOrder(earlier, target))) break;
    taken.push(entry);
    targets.push(target);
  }
  if (taken.length < 2) return takeOne(entries[0]!);
  const bodies = taken.map(({ sending }) => sending.body);
  return { request: describeBatch(bodies, randomUUID()), pending: new Map(taken.entries()) };
}

/**
 * Return the outcome of each notification of a batch by the hub's response.
 *
 * @throws HubUnreachable when it has no result for one of them.
 */
export function readOutcomes<N>(batch: Batch<N>, response: unknown): Map<number, Outcome> {
  if (batch.request.path !== BATCH_PATH) return new Map([[0, { receipt: response }]]);
  const outcomes = new Map<number, Outcome>();
  const { results } = (response ?? {}) as Partial<components["schemas"]["BatchReceipt"]>;
  for (const { index, receipt, problem } of Array.isArray(results) ? results : []) {
    if (receipt) outcomes.set(index, { receipt });
    else if (problem) outcomes.set(index, { failure: new HubRefused(problem.status, problem) });
  }
  if ([...batch.pending.keys()].some((index) => !outcomes.has(index))) {
    throw new HubUnreachable("The server is not a hub: its response has no result for each notification");
  }
  return outcomes;
}

/**
 * Say whether a hub that gave this failure stored nothing of a batch and may take its notifications one by one: the batch
 * is too large, or one of them keeps the hub from reading it or from looking up its users.
 */
export function isOfTheBatch(failure: HubFailure): boolean {
  if (!(failure instanceof HubRefused)) return false;
  return (failure.status < 500 && !failure.retryable) || failure.code === "directory_unavailable";
}

/** Whom an entry is for, as far as the order of notifications depends on it. */
interface Target {
  /** The users that its forms may reach; undefined: all of an account, or everybody. */
  readonly users: ReadonlySet<string> | undefined;
  /** Both forms' targets as text; undefined where nothing else would be sent. */
  readonly alternatives: string | undefined;
}

function readTarget<N>({ sending, orElse }: Entry<N>): Target {
  const forms = (orElse && orElse !== sending ? [sending, orElse] : [sending]).map(({ body }) => {
    const { user_id, user_ids, account_id, everyone } = JSON.parse(body) ?? {};
    return { user_id, user_ids, account_id, everyone };
  });
  const users = forms.map(({ user_id, user_ids }) => user_ids ?? (user_id ? [user_id] : undefined));
  return {
    users: users.every(Array.isArray) ? new Set(users.flat()) : undefined,
    alternatives: forms.length > 1 ? JSON.stringify(forms) : undefined,
  };
}

/**
 * Say whether a user could get `later` before `earlier` if both were in one batch: where the hub does not know the target
 * of `earlier`, it is sent again, to its other target, and the hub has stored `later` by then. Entries with the same two
 * targets share a batch, since the hub knows that target for both of them or for none.
 */
function mayChangeOrder(earlier: Target, later: Target): boolean {
  if (earlier.alternatives === undefined || earlier.alternatives === later.alternatives) return false;
  if (!earlier.users || !later.users) return true;
  for (const user of later.users) if (earlier.users.has(user)) return true;
  return false;
}
