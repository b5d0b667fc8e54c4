/** How often and how fast a request is repeated. */
export interface RetryPolicy {
  /** How many times a request is sent at most, the first included. */
  readonly attempts: number;
  /** The first wait is between nothing and this; each later one may be twice as long. */
  readonly baseMs: number;
  /** No wait of our own choice is longer. */
  readonly capMs: number;
}

/**
 * Return how long to wait before repeating a request that failed `failures` times (1 or more).
 *
 * Full jitter: anything between nothing and the doubled base, so that many clients of a hub that came back do not
 * come at once. What the hub asked for (`Retry-After`) is waited for in any case, and the jitter comes on top.
 */
export function chooseDelayMs(
  policy: RetryPolicy,
  failures: number,
  retryAfterMs: number | undefined,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(policy.capMs, policy.baseMs * 2 ** (failures - 1));
  return (retryAfterMs ?? 0) + random() * ceiling;
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
