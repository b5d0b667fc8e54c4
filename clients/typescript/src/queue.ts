import { randomUUID } from "node:crypto";
import { type Batch, type Entry, isOfTheBatch, readOutcomes, takeMany, takeOne, type Written } from "./batch.js";
import type { HubRequest } from "./exchange.js";
import { HubFailure, HubRefused, NotificationLost } from "./failure.js";
import { chooseDelayMs, type RetryPolicy, sleep } from "./retry.js";

/** What a queue may hold, and for how long. */
export interface QueueLimits {
  readonly notifications: number;
  readonly bytes: number;
  /** How old a notification may get before it is given up. */
  readonly maxAgeMs: number;
}

/** What became of what was queued, since the start. */
export interface QueueCounts {
  /** Waiting now, what is being sent included. */
  readonly queued: number;
  /** Acknowledged by the hub. */
  readonly sent: number;
  /** Given up: refused by the hub, too old, not JSON, or there when the client was closed. */
  readonly failed: number;
  /** Not taken, because the queue was full. */
  readonly dropped: number;
}

/** How one notification of the queue differs from the others. */
export interface EnqueueOptions<N> {
  /**
   * What to send in its place, once, if the hub says that its target is unknown: the same without an account that was a
   * guess, or with one for a hub that has no directory.
   */
  orElse?: N;
}

/** Sends one request once. */
export type SendOnce = (request: HubRequest, signal: AbortSignal) => Promise<unknown>;
/** Is called for every notification that was sent, with the hub's receipt. */
export type OnSent<N> = (receipt: unknown, notification: N) => void;
/** Is called for every notification that was given up. */
export type OnLost<N> = (failure: HubFailure, notification: N) => void;

/**
 * Notifications on their way to the hub, in memory and in order: one request at a time, with one notification until the
 * queue is closed, and then with as many as fit.
 *
 * A request keeps its body and its Idempotency-Key at every attempt, so that a repeat is not a second notification. What
 * does not fit into the queue is not taken: the caller, the counts and `onLost` say so. Nothing here throws.
 */
export class NotificationQueue<N> {
  readonly #send: SendOnce;
  readonly #retry: RetryPolicy;
  readonly #limits: QueueLimits;
  readonly #onLost: OnLost<N>;
  readonly #onSent: OnSent<N>;
  readonly #entries: Entry<N>[] = [];
  /** Ends the attempt and the wait of the moment, for good. */
  readonly #end = new AbortController();
  #bytes = 0;
  #sent = 0;
  #failed = 0;
  #dropped = 0;
  #closed = false;
  #running = false;
  /** How many of the next notifications are sent alone though the queue is closed. */
  #alone = 0;
  #hurry = new AbortController();
  readonly #waiting = new Set<() => void>();

  constructor(send: SendOnce, retry: RetryPolicy, limits: QueueLimits, onLost: OnLost<N>, onSent: OnSent<N>) {
    this.#send = send;
    this.#retry = retry;
    this.#limits = limits;
    this.#onLost = onLost;
    this.#onSent = onSent;
  }

  get counts(): QueueCounts {
    return { queued: this.#entries.length, sent: this.#sent, failed: this.#failed, dropped: this.#dropped };
  }

  /** Take a notification as it is now; say whether it was taken. Never throws and never waits. */
  add(notification: N, options: EnqueueOptions<N> = {}): boolean {
    const written = write(notification);
    if (written === undefined) {
      this.#failed++;
      this.#report(new NotificationLost("not_json"), notification);
      return false;
    }
    const orElse = options.orElse === undefined ? undefined : write(options.orElse);
    const bytes = Buffer.byteLength(written.body) + (orElse ? Buffer.byteLength(orElse.body) : 0);
    if (this.#closed) {
      this.#failed++;
      this.#report(new NotificationLost("closed"), notification);
      return false;
    }
    if (this.#entries.length >= this.#limits.notifications || this.#bytes + bytes > this.#limits.bytes) {
      this.#dropped++;
      this.#report(new NotificationLost("queue_full"), notification);
      return false;
    }
    this.#entries.push({ ...written, sending: written, orElse, bytes, queuedAt: performance.now() });
    this.#bytes += bytes;
    if (!this.#running) void this.#run();
    return true;
  }

  /** Wait until nothing is queued, but no longer than this; say whether nothing is. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#entries.length === 0) return true;
    return await new Promise<boolean>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve(this.#entries.length === 0);
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
    });
  }

  /**
   * Take no more, try what is left at once, many in one request, and give up what is not sent in time; say whether all
   * was sent.
   */
  async close(timeoutMs: number): Promise<boolean> {
    this.#closed = true;
    this.#hurry.abort();
    const empty = await this.flush(timeoutMs);
    this.#end.abort();
    for (const entry of this.#entries.splice(0)) this.#lose(entry, new NotificationLost("closed"));
    return empty;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let batch = this.#take(); batch && !this.#end.signal.aborted; batch = this.#take()) await this.#deliver(batch);
    this.#running = false;
    for (const done of [...this.#waiting]) done();
  }

  #take(): Batch<N> | undefined {
    const first = this.#entries[0];
    if (!first) return undefined;
    if (this.#closed && this.#alone === 0) return takeMany(this.#entries);
    this.#alone = Math.max(0, this.#alone - 1);
    return takeOne(first);
  }

  /** Send a batch until the outcome of each of its notifications is known. */
  async #deliver(batch: Batch<N>): Promise<void> {
    for (let failures = 1; ; failures++) {
      const retryable = await this.#try(batch, failures === 1);
      if (!retryable || batch.pending.size === 0 || this.#end.signal.aborted) return;
      const delayMs = chooseDelayMs(this.#retry, failures, retryable.retryAfterMs);
      for (const [index, entry] of batch.pending) {
        if (performance.now() + delayMs - entry.queuedAt <= this.#limits.maxAgeMs) continue;
        batch.pending.delete(index);
        this.#settle(entry, new NotificationLost("too_old", { cause: retryable }));
      }
      if (batch.pending.size === 0) return;
      await sleep(delayMs, this.#end.signal, this.#hurry.signal);
      // `close` ends one wait, for the hub may be back; the waits after it are as long as ever.
      if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
      if (this.#end.signal.aborted) return;
    }
  }

  /** Send a batch once and settle what became of it; return the failure to wait after, if any. */
  async #try(batch: Batch<N>, isFirst: boolean): Promise<HubFailure | undefined> {
    let outcomes: ReturnType<typeof readOutcomes>;
    try {
      outcomes = readOutcomes(batch, await this.#send(batch.request, this.#end.signal));
    } catch (error) {
      const failure = error instanceof HubFailure ? error : new HubFailure("The request failed", { cause: error });
      // Not after an earlier attempt, which may have been stored under the batch's key.
      if (isFirst && batch.pending.size > 1 && isOfTheBatch(failure)) {
        this.#alone = batch.pending.size;
        return undefined;
      }
      outcomes = new Map([...batch.pending.keys()].map((index) => [index, { failure }]));
    }
    // Closed meanwhile: what was queued was given up and reported there.
    if (this.#end.signal.aborted) return undefined;
    let retryable: HubFailure | undefined;
    for (const [index, entry] of batch.pending) {
      const outcome = outcomes.get(index)!;
      if ("failure" in outcome && outcome.failure.retryable) {
        retryable = outcome.failure;
        continue;
      }
      batch.pending.delete(index);
      if ("receipt" in outcome) {
        this.#call(() => this.#onSent(outcome.receipt, entry.sending.notification));
        this.#settle(entry);
      } else if (entry.orElse && entry.sending !== entry.orElse && isUnknownTarget(outcome.failure)) {
        // It stays in its place in the queue.
        entry.sending = entry.orElse;
      } else {
        this.#settle(entry, outcome.failure);
      }
    }
    return retryable;
  }

  /** Take out of the queue what was sent or, with a failure, given up. */
  #settle(entry: Entry<N>, failure?: HubFailure): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    if (failure) {
      this.#lose(entry, failure);
    } else {
      this.#bytes -= entry.bytes;
      this.#sent++;
    }
  }

  #lose(entry: Entry<N>, failure: HubFailure): void {
    this.#bytes -= entry.bytes;
    this.#failed++;
    this.#report(failure, entry.notification);
  }

  #report(failure: HubFailure, notification: N): void {
    this.#call(() => this.#onLost(failure, notification));
  }

  #call(hook: () => void): void {
    try {
      hook();
    } catch (error) {
      console.error("A hook of the notification hub failed", error);
    }
  }
}

function isUnknownTarget(failure: HubFailure): boolean {
  return failure instanceof HubRefused && failure.code === "unknown_target";
}

function write<N>(notification: N): Written<N> | undefined {
  try {
    // For a value that JSON does not have it is `undefined`, whatever the type says.
    const body = JSON.stringify(notification) as string | undefined;
    return body === undefined ? undefined : { notification, body, idempotencyKey: randomUUID() };
  } catch {
    return undefined;
  }
}
