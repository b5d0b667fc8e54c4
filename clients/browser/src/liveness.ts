/** Finds dead links. Browsers do not show pings to a page, so a link counts as dead after a time of silence. */
import { LONGEST_MS } from "./backoff.js";

const DEFAULT_MS = 30_000;
/** The network's delay, which matters where the heartbeat is short. */
const SLACK_MS = 2_500;
const LATE_MS = 2_000;
const GRACE_MS = 1_000;

export interface Liveness {
  /** Watch a link that is never silent for longer than this; 0: it has no heartbeat. */
  start(intervalMs: number): void;
  /** Something was received. */
  received(): void;
  /** Check now, without a timer; `woken`: the page slept, and a link that missed one heartbeat counts as dead. */
  check(woken: boolean): void;
  stop(): void;
}

/**
 * Return what calls `onDead` once for a link that was silent for one and a half intervals, and at least for an interval
 * and 2.5 s. `livedMs` is the time from its start to the last thing received.
 */
export function createLiveness(onDead: (livedMs: number) => void): Liveness {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let intervalMs = 0;
  let startedAt = 0;
  let receivedAt = 0;
  let dueAt = 0;
  let graced = false;

  const stop = (): void => clearTimeout(timer);
  const limitMs = (): number => intervalMs + Math.max(SLACK_MS, intervalMs / 2);
  const die = (): void => onDead(receivedAt - startedAt);
  const wait = (ms: number): void => {
    stop();
    dueAt = Date.now() + ms;
    timer = setTimeout(judge, ms);
  };
  const judge = (): void => {
    const now = Date.now();
    const silentMs = now - receivedAt;
    // A clock that was set back makes the silence negative; then it counts from now.
    if (silentMs < 0) receivedAt = now;
    // After sleep or throttling the timer is late, and what arrived meanwhile has not been read yet.
    // Only once: in a throttled page the extra time is late too.
    graced = !graced && now - dueAt > LATE_MS;
    if (graced) wait(GRACE_MS);
    else if (silentMs >= limitMs()) die();
    else wait(limitMs() - Math.max(0, silentMs));
  };
  return {
    start: (ms) => {
      stop();
      // Not a valid number: the hub's default is used.
      intervalMs = ms >= 0 ? Math.min(ms, LONGEST_MS) : DEFAULT_MS;
      startedAt = receivedAt = Date.now();
      if (intervalMs) wait(limitMs());
    },
    received: () => {
      receivedAt = Date.now();
    },
    check: (woken) => {
      if (intervalMs && Date.now() - receivedAt > (woken ? intervalMs : limitMs())) die();
    },
    stop: () => {
      intervalMs = 0;
      stop();
    },
  };
}
