/** How often and how fast a request is repeated. */
export interface RetryPolicy {
  /** How many times a request is sent at most, the first included. */
  readonly attempts: number;
  /** The first wait is at most this; each later one may be twice as long. */
  readonly baseMs: number;
  /** The longest wait, but for what the hub asks for. */
  readonly capMs: number;
}

/** No wait is shorter, whatever the policy, the hub and chance say. */
const SHORTEST_MS = 50;
/** The longest that a server can make this client wait: shorter than a queued notification is kept. */
const LONGEST_ASKED_MS = 300_000;

/**
 * Return how long to wait before repeating a request that failed `failures` times (1 or more).
 *
 * Full jitter: anything between 50 ms and the doubled base, so that many clients of a hub that is back do not all return
 * at one moment. What the hub asked for (`Retry-After`), five minutes at most, is added to it.
 */
export function chooseDelayMs(
  policy: RetryPolicy,
  failures: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** (failures - 1));
  return bound(retryAfterMs, 0, LONGEST_ASKED_MS) + bound(random() * ceiling, SHORTEST_MS, LONGEST_ASKED_MS);
}

/** Return `ms` within bounds, the least for NaN: a timer of NaN, or of more than 24 days, fires at once. */
function bound(ms: number | undefined, least: number, most: number): number {
  return ms !== undefined && ms > least ? Math.min(ms, most) : least;
}

/** Return the milliseconds a `Retry-After` header asks for (RFC 9110 section 10.2.3), if it says anything. */
export function readRetryAfterMs(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const moment = Date.parse(text);
  return Number.isNaN(moment) ? undefined : Math.max(0, moment - nowMs);
}

/** Wait; end early, without an error, when one of the signals is aborted. */
export function sleep(durationMs: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal?.aborted)) return resolve();
    const end = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, durationMs);
    for (const signal of signals) signal?.addEventListener("abort", end);
  });
}
