import type { components } from "./generated/openapi.js";

/** The hub's response to a request that it refuses (RFC 9457); `code` is stable. */
export type Problem = components["schemas"]["Problem"];

/** The base class of what goes wrong between a service and the hub. Its text never holds a key, a token or a person's id. */
export class HubFailure extends Error {
  override readonly name: string = "HubFailure";
  /** Whether the same request may succeed later. */
  readonly retryable: boolean = false;
  /** How long the hub asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined = undefined;
}

const RETRYABLE = new Set([429, 502, 503, 504]);

/** The hub, or a proxy before it, refused. */
export class HubRefused extends HubFailure {
  override readonly name = "HubRefused";
  override readonly retryable: boolean;
  override readonly retryAfterMs: number | undefined;
  readonly status: number;
  /** The hub's code, such as `unknown_type`; `http_502` and the like where another server responded. */
  readonly code: string;
  /** The path of the offending field, such as `$.data.total`. */
  readonly field: string | undefined;
  /** The types the hub knows, where the given one is not among them. */
  readonly known: readonly string[];

  constructor(status: number, problem: Partial<Problem>, retryAfterMs?: number) {
    const code = problem.code ?? `http_${status}`;
    super(`${code} (${status})${problem.detail ? `: ${problem.detail}` : ""}`);
    this.status = status;
    this.code = code;
    this.field = problem.field;
    this.known = problem.known ?? [];
    this.retryable = RETRYABLE.has(status);
    this.retryAfterMs = retryAfterMs;
  }
}

/** No response came in time, or none that can be read; whether the request arrived is not known. */
export class HubUnreachable extends HubFailure {
  override readonly name = "HubUnreachable";
  override readonly retryable = true;
}

/** Why a queued notification was given up without a response of the hub. */
export type LossReason = "queue_full" | "not_json" | "too_old" | "closed";

const LOSSES: Record<LossReason, string> = {
  queue_full: "the queue is full",
  not_json: "it cannot be written as JSON",
  too_old: "it waited too long",
  closed: "the client was closed first",
};

/** A queued notification was given up. */
export class NotificationLost extends HubFailure {
  override readonly name = "NotificationLost";

  constructor(
    readonly reason: LossReason,
    options?: ErrorOptions,
  ) {
    super(`A notification was not sent: ${LOSSES[reason]}`, options);
  }
}
