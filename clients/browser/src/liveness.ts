/** Notices that a line is dead though nobody said so. Browsers show no pings, so silence is all there is to go by. */

const SLACK_MS = 10_000;
const LATE_MS = 2_000;
const GRACE_MS = 1_000;

export interface Liveness {
  /** Watch a line that is never silent for longer than this; 0: it has no heartbeat. */
  start(intervalMs: number): void;
  /** Something came. */
  sign(): void;
  /** The page woke up: judge now whether the line has been silent too long. */
  check(): void;
  stop(): void;
}

/** Return a watch that calls `onDead` once for a line that was silent for its interval and 10 s. */
export function createLiveness(onDead: () => void): Liveness {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let intervalMs = 0;
  let signAt = 0;
  let dueAt = 0;
  let graced = false;

  const stop = (): void => clearTimeout(timer);
  const wait = (ms: number): void => {
    stop();
    dueAt = Date.now() + ms;
    timer = setTimeout(judge, ms);
  };
  const judge = (): void => {
    const now = Date.now();
    const silentMs = now - signAt;
    const limitMs = intervalMs + SLACK_MS;
    // A clock that was set back makes silence negative; then it counts from now.
    if (silentMs < 0) signAt = now;
    // After sleep or throttling the timer is late, and what arrived meanwhile has not been read yet.
    // Once only: in a throttled page the grace is late too.
    graced = !graced && now - dueAt > LATE_MS;
    if (graced) wait(GRACE_MS);
    else if (silentMs >= limitMs) onDead();
    else wait(limitMs - Math.max(0, silentMs));
  };
  return {
    start: (ms) => {
      stop();
      intervalMs = ms;
      signAt = Date.now();
      if (ms) wait(ms + SLACK_MS);
    },
    sign: () => {
      signAt = Date.now();
    },
    check: () => {
      if (intervalMs && Date.now() - signAt > intervalMs) onDead();
    },
    stop: () => {
      intervalMs = 0;
      stop();
    },
  };
}
