import { randomUUID } from "node:crypto";
import { describeBatch, describePublish } from "./batch.js";
import { Exchange, type HubRequest, type Timing } from "./exchange.js";
import type { HubFailure } from "./failure.js";
import type { components } from "./generated/openapi.js";
import { type EnqueueOptions, NotificationQueue, type QueueCounts, type QueueLimits } from "./queue.js";
import type { RetryPolicy } from "./retry.js";

type Schemas = components["schemas"];

/** A notification and whom it is for, one of the hub's built-in types. */
export type PublishRequest = Schemas["PublishRequest"];
/** The type of a notification, such as `order_created`. */
export type NotificationType = PublishRequest["type"];
/** The request of one type: `Publish<"stock_alert">`. */
export type Publish<T extends NotificationType> = Extract<PublishRequest, { type: T }>;
/** A signal and whom it is for: "this changed, fetch it again". */
export type SignalRequest = Schemas["SignalRequest"];
export type SignalReceipt = Schemas["SignalReceipt"];
export type Receipt = Schemas["Receipt"];
/** A field of `data` that is not as its type declares it, and was passed on as it came. */
export type FieldWarning = Schemas["FieldWarning"];
export type BatchResult = Schemas["BatchResult"];
export type Stats = Schemas["Stats"];
export type DisconnectRequest = Schemas["DisconnectRequest"];
export type DisconnectReceipt = Schemas["DisconnectReceipt"];
export type ForgetRequest = Schemas["ForgetRequest"];
export type ForgetReceipt = Schemas["ForgetReceipt"];
/** What to explain about a publish beside the publish itself. */
export type ExplainQuestion = Pick<
  Schemas["ExplainRequest"],
  "explain_user_id" | "explain_account_id" | "explain_service"
>;
export type Explanation = Schemas["Explanation"];
/** What became of one notification. */
export type Trace = Schemas["Trace"];
export type Ticket = Schemas["Ticket"];
export type Readiness = Schemas["Readiness"];

/** What every notification has, whatever a company's own types are. */
export interface AnyPublishRequest {
  type: string;
  title: string;
  message: string;
}

/** What every signal has, whatever a company's own types are. */
export interface AnySignalRequest {
  type: string;
}

/** Where the hub is, and how long things may take. */
export interface HubOptions<N extends AnyPublishRequest = PublishRequest> {
  /** The hub's address, such as `https://hub.example.com`. */
  url: string;
  /** This service's key, made by `hub key`. */
  key: string;
  /** How long one attempt may take; 5,000 ms. */
  timeoutMs?: number;
  /** How long a call that is waited for may take with all its attempts; 20,000 ms. */
  deadlineMs?: number;
  /** 4 attempts (queued notifications: until they are too old), from 200 ms, waits up to 10,000 ms. */
  retry?: Partial<RetryPolicy>;
  /** 1,000 notifications, 8 MiB, 10 minutes. */
  queue?: Partial<QueueLimits>;
  /** Called for every queued notification that was given up; without it `console.warn` is. */
  onError?: (failure: HubFailure, notification: N) => void;
  /**
   * Called for every queued notification with a field of `data` that is not as declared; without it `console.warn` is,
   * once for each type and field.
   */
  onWarning?: (warnings: readonly FieldWarning[], notification: N) => void;
  /** In place of Node's own `fetch`. */
  fetch?: typeof fetch;
}

/** How one call differs from the others. */
export interface CallOptions {
  timeoutMs?: number;
  deadlineMs?: number;
  signal?: AbortSignal;
}

/** How one publish differs from the others. */
export interface PublishOptions extends CallOptions {
  /** Makes a repeat by the caller harmless too, for 24 hours; 1 to 255 printable ASCII characters. */
  idempotencyKey?: string;
}

const RETRY: RetryPolicy = { attempts: 4, baseMs: 200, capMs: 10_000 };
const QUEUE: QueueLimits = { notifications: 1000, bytes: 8 * 2 ** 20, maxAgeMs: 600_000 };
const CLOSE_MS = 5000;

/**
 * A service's way to the notification hub.
 *
 * `enqueue` is for the middle of other work: it never throws and never waits, and what it took is sent in the
 * background. All other calls are waited for; they throw `HubRefused` or `HubUnreachable` once repeating did not help.
 * Repeats carry the same Idempotency-Key, so nothing is published twice.
 *
 * `N` is what may be published: the hub's built-in types unless a company's own are given.
 */
export class NotificationHub<N extends AnyPublishRequest = PublishRequest> {
  readonly #exchange: Exchange;
  readonly #timing: Timing;
  readonly #queue: NotificationQueue<N>;

  /** @throws TypeError when the address or the key cannot be used. */
  constructor(options: HubOptions<N>) {
    const retry = { ...RETRY, ...options.retry };
    this.#exchange = new Exchange(options.url, options.key, options.fetch ?? fetch);
    this.#timing = { timeoutMs: options.timeoutMs ?? 5000, deadlineMs: options.deadlineMs ?? 20_000, retry };
    this.#queue = new NotificationQueue<N>(
      (request, signal) => this.#exchange.attempt(request, this.#timing.timeoutMs, signal),
      retry,
      { ...QUEUE, ...options.queue },
      options.onError ?? warn,
      readWarnings(options.onWarning ?? warnOnce()),
    );
  }

  /** Publish and wait until the hub has it on disk. */
  async notify(notification: N, options: PublishOptions = {}): Promise<Receipt> {
    const request = describePublish(JSON.stringify(notification), options.idempotencyKey ?? randomUUID());
    return (await this.#send(request, options)) as Receipt;
  }

  /**
   * Publish in the background, in order; say whether the queue took it. Never throws and never waits.
   *
   * `onError` is called for what is lost: because the queue is full, the hub refuses it or stays away for too long.
   */
  enqueue(notification: N, options: EnqueueOptions<N> = {}): boolean {
    return this.#queue.add(notification, options);
  }

  /** Publish up to 1,000 at once; return a receipt or a problem for each, in order. */
  async notifyBatch(notifications: readonly N[], options: PublishOptions = {}): Promise<BatchResult[]> {
    const bodies = notifications.map((notification) => JSON.stringify(notification) ?? "null");
    const request = describeBatch(bodies, options.idempotencyKey ?? randomUUID());
    return ((await this.#send(request, options)) as Schemas["BatchReceipt"]).results;
  }

  /**
   * Send a signal to the clients that are connected and asked for its type; nobody gets it later. A repeat after a broken
   * connection may reach a client a second time.
   */
  async signal<S extends AnySignalRequest = SignalRequest>(
    signal: S,
    options: CallOptions = {},
  ): Promise<SignalReceipt> {
    const request: HubRequest = { method: "POST", path: "/api/internal/signal", body: JSON.stringify(signal) };
    return (await this.#send(request, options)) as SignalReceipt;
  }

  /** Return the connections and what happened since the hub started. */
  async stats(options: CallOptions = {}): Promise<Stats> {
    return (await this.#send({ method: "GET", path: "/api/internal/ws-stats" }, options)) as Stats;
  }

  /** Close a user's, an account's or a token's connections and, with `revoke`, refuse their tokens from now on. */
  async disconnect(whom: DisconnectRequest, options: CallOptions = {}): Promise<DisconnectReceipt> {
    const request: HubRequest = { method: "POST", path: "/api/internal/disconnect", body: JSON.stringify(whom) };
    return (await this.#send(request, options)) as DisconnectReceipt;
  }

  /** Erase what the hub has of a user; the key needs the operation `forget`. */
  async forget(whom: ForgetRequest, options: CallOptions = {}): Promise<ForgetReceipt> {
    const request: HubRequest = { method: "POST", path: "/api/internal/forget", body: JSON.stringify(whom) };
    return (await this.#send(request, options)) as ForgetReceipt;
  }

  /** Return what publishing this would do, without publishing; the key needs the operation `observe`. */
  async explain(notification: N, question: ExplainQuestion = {}, options: CallOptions = {}): Promise<Explanation> {
    const body = JSON.stringify({ ...notification, ...question });
    return (await this.#send({ method: "POST", path: "/api/internal/explain", body }, options)) as Explanation;
  }

  /** Return what became of a notification; with the `cursor` of its receipt the hub need not search its log. */
  async trace(id: string, options: CallOptions & { cursor?: string } = {}): Promise<Trace> {
    const query = options.cursor === undefined ? "" : `?cursor=${encodeURIComponent(options.cursor)}`;
    const path = `/api/internal/notifications/${encodeURIComponent(id)}${query}`;
    return (await this.#send({ method: "GET", path }, options)) as Trace;
  }

  /** Return a one-use stand-in for a user's token, for a URL. */
  async ticket(userToken: string, options: CallOptions = {}): Promise<Ticket> {
    if (!/^[!-~]+$/.test(userToken)) throw new TypeError("userToken: is not a token");
    return (await this.#send({ method: "POST", path: "/api/ticket", bearer: userToken }, options)) as Ticket;
  }

  /** Return whether the hub wants new work, and how its parts are; asked once. */
  async health(options: CallOptions = {}): Promise<Readiness> {
    const request: HubRequest = { method: "GET", path: "/health/ready", alsoAccepts: 503 };
    const timeoutMs = options.timeoutMs ?? this.#timing.timeoutMs;
    return (await this.#exchange.attempt(request, timeoutMs, options.signal)) as Readiness;
  }

  /** Return whether the hub's process responds; asked once, never throws for a hub that is away. */
  async live(options: CallOptions = {}): Promise<boolean> {
    const timeoutMs = options.timeoutMs ?? this.#timing.timeoutMs;
    try {
      const request: HubRequest = { method: "GET", path: "/health/live" };
      return ((await this.#exchange.attempt(request, timeoutMs, options.signal)) as { live: boolean }).live;
    } catch {
      return false;
    }
  }

  /** What became of what was queued. */
  get counts(): QueueCounts {
    return this.#queue.counts;
  }

  /** Wait until the queue is empty, but no longer than this; say whether it is. */
  flush(timeoutMs: number = CLOSE_MS): Promise<boolean> {
    return this.#queue.flush(timeoutMs);
  }

  /**
   * Send what is queued, up to 100 notifications in one request, and take no more; what is not sent in time is given up.
   * Say whether all was sent.
   */
  close(timeoutMs: number = CLOSE_MS): Promise<boolean> {
    return this.#queue.close(timeoutMs);
  }

  #send(request: HubRequest, options: CallOptions): Promise<unknown> {
    const { timeoutMs = this.#timing.timeoutMs, deadlineMs = this.#timing.deadlineMs, signal } = options;
    return this.#exchange.send(request, { ...this.#timing, timeoutMs, deadlineMs }, signal);
  }
}

function warn(failure: HubFailure, notification: AnyPublishRequest): void {
  // The type alone: whom it was for is a person's number.
  console.warn(`notification hub: ${notification.type} was not sent: ${failure.message}`);
}

/** How many different warnings are written; paths may hold an index, and so be many. */
const MOST_WARNINGS = 100;

function readWarnings<N>(tell: (warnings: readonly FieldWarning[], notification: N) => void) {
  return (response: unknown, notification: N): void => {
    const { warnings } = (response ?? {}) as Partial<Receipt>;
    if (Array.isArray(warnings) && warnings.length > 0) tell(warnings, notification);
  };
}

function warnOnce(): (warnings: readonly FieldWarning[], notification: AnyPublishRequest) => void {
  const written = new Set<string>();
  return (warnings, { type }) => {
    for (const { field, detail } of warnings) {
      const what = `${type}: ${field}`;
      if (written.has(what) || written.size >= MOST_WARNINGS) continue;
      written.add(what);
      console.warn(`notification hub: ${what} is not as declared: ${detail}`);
    }
  };
}
