/** Notices that a line is dead though nobody said so. Browsers show no pings, so silence is all there is to go by. */
import { LONGEST_MS } from "./backoff.js";

const DEFAULT_MS = 30_000;
/** For what the network takes where the heartbeat is short. */
const SLACK_MS = 2_500;
const LATE_MS = 2_000;
const GRACE_MS = 1_000;

export interface Liveness {
  /** Watch a line that is never silent for longer than this; 0: it has no heartbeat. */
  start(intervalMs: number): void;
  /** Something came. */
  sign(): void;
  /** Judge now, whatever the timers do; `woken`: the page slept, and a line that missed one heartbeat is not trusted. */
  check(woken: boolean): void;
  stop(): void;
}

/**
 * Return a watch that calls `onDead` once for a line that was silent for half as long again as its interval, at least
 * 2.5 s more. `livedMs` is how long after its start the last sign came.
 */
export function createLiveness(onDead: (livedMs: number) => void): Liveness {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let intervalMs = 0;
  let startedAt = 0;
  let signAt = 0;
  let dueAt = 0;
  let graced = false;

  const stop = (): void => clearTimeout(timer);
  const limitMs = (): number => intervalMs + Math.max(SLACK_MS, intervalMs / 2);
  const die = (): void => onDead(signAt - startedAt);
  const wait = (ms: number): void => {
    stop();
    dueAt = Date.now() + ms;
    timer = setTimeout(judge, ms);
  };
  const judge = (): void => {
    const now = Date.now();
    const silentMs = now - signAt;
    // A clock that was set back makes silence negative; then it counts from now.
    if (silentMs < 0) signAt = now;
    // After sleep or throttling the timer is late, and what arrived meanwhile has not been read yet.
    // Once only: in a throttled page the grace is late too.
    graced = !graced && now - dueAt > LATE_MS;
    if (graced) wait(GRACE_MS);
    else if (silentMs >= limitMs()) die();
    else wait(limitMs() - Math.max(0, silentMs));
  };
  return {
    start: (ms) => {
      stop();
      // A number that is none says nothing of the line; the hub's own default does.
      intervalMs = ms >= 0 ? Math.min(ms, LONGEST_MS) : DEFAULT_MS;
      startedAt = signAt = Date.now();
      if (intervalMs) wait(limitMs());
    },
    sign: () => {
      signAt = Date.now();
    },
    check: (woken) => {
      if (intervalMs && Date.now() - signAt > (woken ? intervalMs : limitMs())) die();
    },
    stop: () => {
      intervalMs = 0;
      stop();
    },
  };
}
