import { randomUUID } from "node:crypto";
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
  /** Waiting now, the one on its way included. */
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

interface Written<N> {
  readonly notification: N;
  readonly body: string;
  readonly idempotencyKey: string;
}

interface Entry<N> extends Written<N> {
  readonly orElse: Written<N> | undefined;
  readonly bytes: number;
  readonly queuedAt: number;
}

/** Sends one body once, under this key. */
export type SendOnce = (body: string, idempotencyKey: string, signal: AbortSignal) => Promise<unknown>;
/** Hears of every notification that was sent, with the hub's answer. */
export type OnSent<N> = (answer: unknown, notification: N) => void;
/** Hears of every notification that was given up. */
export type OnLost<N> = (failure: HubFailure, notification: N) => void;

/**
 * Notifications on their way to the hub, in memory and in order, one at a time.
 *
 * Each keeps its body and its Idempotency-Key from the moment it is queued, so that a repeat is no second
 * notification. What does not fit is not taken: the caller, the counts and `onLost` say so. Nothing here throws.
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
    this.#entries.push({ ...written, orElse, bytes, queuedAt: performance.now() });
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

  /** Take no more, try what is left at once, and give up what is not sent in time; say whether all was sent. */
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
    for (let entry = this.#entries[0]; entry && !this.#end.signal.aborted; entry = this.#entries[0]) {
      const failure = await this.#deliver(entry);
      // Closed meanwhile: the entry was given up and reported there.
      if (this.#end.signal.aborted) break;
      this.#entries.shift();
      if (failure) {
        this.#lose(entry, failure);
      } else {
        this.#bytes -= entry.bytes;
        this.#sent++;
      }
    }
    this.#running = false;
    for (const done of [...this.#waiting]) done();
  }

  async #deliver(entry: Entry<N>): Promise<HubFailure | undefined> {
    let sending: Written<N> = entry;
    for (let failures = 1; ; failures++) {
      const { body, idempotencyKey, notification } = sending;
      try {
        const answer = await this.#send(body, idempotencyKey, this.#end.signal);
        this.#call(() => this.#onSent(answer, notification));
        return undefined;
      } catch (error) {
        const failure = error instanceof HubFailure ? error : new HubFailure("The request failed", { cause: error });
        if (!failure.retryable) {
          const isUnknown = failure instanceof HubRefused && failure.code === "unknown_target";
          if (!isUnknown || !entry.orElse || sending === entry.orElse) return failure;
          sending = entry.orElse;
          continue;
        }
        const delayMs = chooseDelayMs(this.#retry, failures, failure.retryAfterMs);
        if (performance.now() + delayMs - entry.queuedAt > this.#limits.maxAgeMs) {
          return new NotificationLost("too_old", { cause: failure });
        }
        await sleep(delayMs, this.#end.signal, this.#hurry.signal);
        // A hub that is down is asked once at once when the client closes, and then no faster than before.
        if (this.#hurry.signal.aborted) this.#hurry = new AbortController();
        if (this.#end.signal.aborted) return undefined;
      }
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

function write<N>(notification: N): Written<N> | undefined {
  try {
    // JavaScript says `undefined`, whatever the type says, of what is no value of JSON at all.
    const body = JSON.stringify(notification) as string | undefined;
    return body === undefined ? undefined : { notification, body, idempotencyKey: randomUUID() };
  } catch {
    return undefined;
  }
}
