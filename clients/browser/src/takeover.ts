/** When a tab that follows tries to connect in the leader's place: by a better transport, or with a valid token. */
import { TRANSPORTS, type ReasonCode, type Status, type Transport } from "./status.js";

/** Reasons that hold for every tab: an operator's request, the hub's limits, no network. */
const SAME_FOR_ALL_TABS: readonly ReasonCode[] = ["disconnected", "full", "replaced", "offline"];
/** The first try is this long after the leader stopped, or failed to connect; the waits then double. */
const STOPPED_MS = 1_000;
const FAILING_MS = 10_000;
const LONGEST_DELAY_MS = 30 * 60_000;

export interface Takeover {
  /** Whether this tab is trying. */
  trying: boolean;
  /** Decide by the leader's status and transports whether to try, and do so after a wait. */
  consider(leader: Status, leaderTransports: readonly Transport[]): void;
  /** Try now. */
  begin(): void;
  /** End a try; say whether this tab's connection is better than the leader's. */
  judge(mine: Status, leader: Status): boolean;
  /** Stop trying; `won`: the next waits start from the shortest. */
  stop(won: boolean): void;
}

/** Return the takeover of a tab with the transports `mine`; `act` is called to try. */
export function createTakeover(mine: () => readonly Transport[], act: () => void): Takeover {
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const takeover: Takeover = {
    trying: false,
    consider: ({ state, transport, reason }, leaderTransports) => {
      const up = state === "connected";
      const better = up
        ? mine().some((one) => rank(one) < rank(transport) && !leaderTransports.includes(one))
        : !reason || !SAME_FOR_ALL_TABS.includes(reason.code);
      if (!better) {
        if (!takeover.trying) takeover.stop(up);
      } else if (timer === undefined && !takeover.trying) {
        const delayMs = (up || state === "closed" ? STOPPED_MS : FAILING_MS) * 2 ** tries;
        timer = setTimeout(takeover.begin, Math.min(LONGEST_DELAY_MS, delayMs) * (1 + Math.random()));
      }
    },
    begin: () => {
      takeover.stop(false);
      tries++;
      takeover.trying = true;
      act();
    },
    judge: (now, leader) => {
      takeover.trying = false;
      return (
        now.state === "connected" && (leader.state !== "connected" || rank(now.transport) < rank(leader.transport))
      );
    },
    stop: (won) => {
      if (won) tries = 0;
      clearTimeout(timer);
      timer = undefined;
      takeover.trying = false;
    },
  };
  return takeover;
}

function rank(transport: Transport | null): number {
  return TRANSPORTS.indexOf(transport!);
}
