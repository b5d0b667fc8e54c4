/** How long to wait before the next attempt: full jitter, so that clients that fell together do not return together. */

const FLOOR_MS = 500;
const BASE_MS = 500;
const CAP_MS = 20_000;
const EVICTED_MS = 60_000;
const PAGE_MS = 50;
const PAGE_CAP_MS = 1_000;

/** Nothing that somebody else names is waited for longer; a timer of more than 24 days would fire at once. */
export const LONGEST_MS = 3_600_000;
/** A connection that lived this long was a success: the next failure counts from zero. */
export const HEALTHY_MS = 10_000;
/** What a restart of the hub is spread over where it named no window. */
export const RESTART_WINDOW_MS = 5_000;

/** Return the wait before attempt `attempt` (0 is the first retry), between 0.5 s and `capMs` and 0.5 s. */
export function backoffMs(attempt: number, random: () => number = Math.random, capMs = CAP_MS): number {
  return FLOOR_MS + random() * Math.min(capMs, BASE_MS * 2 ** Math.min(attempt, 20));
}

/** Return the wait of one that had to make room for another tab, the `evictions`th time (1 or more) since it was looked at. */
export function evictedMs(evictions: number): number {
  return halfJitter(Math.min(LONGEST_MS, EVICTED_MS * 2 ** (evictions - 1)));
}

/** Return the wait after the `pages`th page running that brought something: short, so that much is soon caught up with. */
export function pageMs(pages: number): number {
  return halfJitter(Math.min(PAGE_CAP_MS, PAGE_MS * 1.3 ** pages));
}

/** Return a duration (ms) that somebody else named as one that can be waited for: 0 where it is none, an hour at most. */
export function boundMs(ms: unknown): number {
  return Number(ms) > 0 ? Math.min(Number(ms), LONGEST_MS) : 0;
}

function halfJitter(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}
