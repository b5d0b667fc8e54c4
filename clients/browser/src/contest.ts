/** When a tab that follows tries to do better than the leader: with another transport, or a token that is taken. */
import { TRANSPORTS, type ReasonCode, type Status, type Transport } from "./status.js";

/** What another tab's try does not change: an operator's word, the hub's limits, the network's absence. */
const HOPELESS: readonly ReasonCode[] = ["disconnected", "full", "replaced", "offline"];
/** It tries so long after the leader stopped, or failed to connect; then longer and longer. */
const STOPPED_MS = 1_000;
const FAILING_MS = 10_000;
const MOST_PATIENCE_MS = 30 * 60_000;

export interface Contest {
  /** Whether this tab is trying. */
  trying: boolean;
  /** The leader is like this, and can use these: see whether to try, and then, after a while, do. */
  consider(leader: Status, theirs: readonly Transport[]): void;
  /** Try now. */
  begin(): void;
  /** What came of a try; say whether this tab does better than the leader. */
  judge(mine: Status, leader: Status): boolean;
  /** Nothing is tried any more; `won`: nor was anything in vain. */
  stop(won: boolean): void;
}

/** Return the contest of a tab that can use `mine`; `act` is called to try. */
export function createContest(mine: () => readonly Transport[], act: () => void): Contest {
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const contest: Contest = {
    trying: false,
    consider: ({ state, transport, reason }, theirs) => {
      const up = state === "connected";
      const better = up
        ? mine().some((one) => rank(one) < rank(transport) && !theirs.includes(one))
        : !reason || !HOPELESS.includes(reason.code);
      if (!better) {
        if (!contest.trying) contest.stop(up);
      } else if (timer === undefined && !contest.trying) {
        const patienceMs = (up || state === "closed" ? STOPPED_MS : FAILING_MS) * 2 ** tries;
        timer = setTimeout(contest.begin, Math.min(MOST_PATIENCE_MS, patienceMs) * (1 + Math.random()));
      }
    },
    begin: () => {
      contest.stop(false);
      tries++;
      contest.trying = true;
      act();
    },
    judge: (now, leader) => {
      contest.trying = false;
      return (
        now.state === "connected" && (leader.state !== "connected" || rank(now.transport) < rank(leader.transport))
      );
    },
    stop: (won) => {
      if (won) tries = 0;
      clearTimeout(timer);
      timer = undefined;
      contest.trying = false;
    },
  };
  return contest;
}

function rank(transport: Transport | null): number {
  return TRANSPORTS.indexOf(transport!);
}
