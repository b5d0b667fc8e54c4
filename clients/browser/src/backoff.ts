/** How long to wait before the next attempt: with full jitter, so that clients do not all reconnect at one moment. */

const FLOOR_MS = 500;
const BASE_MS = 500;
const CAP_MS = 20_000;
const EVICTED_MS = 60_000;
const PAGE_MS = 50;
const PAGE_CAP_MS = 1_000;

/** The longest wait that the hub or a proxy can ask for; a timer of more than 24 days would fire at once. */
export const LONGEST_MS = 3_600_000;
/** After a connection of this length the next failure counts from zero. */
export const HEALTHY_MS = 10_000;
/** The window that reconnects after a restart of the hub are spread over, where the hub named none. */
export const RESTART_WINDOW_MS = 5_000;

/** Return the wait before attempt `attempt` (0 is the first retry), between 0.5 s and `capMs` and 0.5 s. */
export function backoffMs(attempt: number, random: () => number = Math.random, capMs = CAP_MS): number {
  return FLOOR_MS + random() * Math.min(capMs, BASE_MS * 2 ** Math.min(attempt, 20));
}

/** Return the wait after the hub closed this connection for another one of the user `evictions` times (1 or more). */
export function evictedMs(evictions: number): number {
  return halfJitter(Math.min(LONGEST_MS, EVICTED_MS * 2 ** (evictions - 1)));
}

/** Return the wait after the `pages`th page in a row that held frames: short, so that a long gap is soon caught up. */
export function pageMs(pages: number): number {
  return halfJitter(Math.min(PAGE_CAP_MS, PAGE_MS * 1.3 ** pages));
}

/** Return a duration (ms) from outside as one to wait: 0 where it is not a positive number, an hour at most. */
export function boundMs(ms: unknown): number {
  return Number(ms) > 0 ? Math.min(Number(ms), LONGEST_MS) : 0;
}

function halfJitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
