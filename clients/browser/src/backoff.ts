/** How long to wait before the next attempt: full jitter, so that clients that fell together do not return together. */

const FLOOR_MS = 500;
const BASE_MS = 500;
const CAP_MS = 20_000;

/** An attempt that stayed up this long was a success: the next failure counts from zero. */
export const HEALTHY_MS = 5_000;
/** What a restart of the hub is spread over where it named no window. */
export const RESTART_WINDOW_MS = 5_000;

/** Return the wait before attempt `attempt` (0 is the first retry), between 0.5 s and 20.5 s. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  return FLOOR_MS + random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(attempt, 10));
}
