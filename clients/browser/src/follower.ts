/** What a tab that is led makes of the leader's reports: each frame once, in order, and what was missed from the log. */
import { catchUp } from "./catchup.js";
import type { CursorKeeper } from "./cursor.js";
import type { Offer } from "./link.js";
import type { Report } from "./tabs.js";
import type { AnyFrame, Gap } from "./wire.js";

/** More than this waiting for a tab to catch up is let go: the log has it, and is read again. */
const MOST_HELD = 1_000;

export interface FollowerOptions {
  cursor(): CursorKeeper;
  /** Hand a frame to the page; say whether it was new. */
  deliver(frame: AnyFrame): boolean;
  getOffer(): Promise<Offer>;
}

export interface Follower {
  /** How far the leader's reports have come: those that this tab has heard, or its own. */
  place: string | undefined;
  hear(report: Report): void;
  /** Begin where the tab itself is; nothing is held, nothing fetched any more. */
  begin(): void;
}

export function createFollower({ cursor, deliver, getOffer }: FollowerOptions): Follower {
  /** What the leader says while this tab still has to catch up. */
  let held: Report[] | undefined;
  let catching: AbortController | undefined;
  /** Whether this tab fetched what the leader has yet to bring. */
  let ahead = false;

  const take = ({ frame, cursor: at }: Report): void => {
    follower.place = at;
    if (frame) {
      if (deliver(frame)) ahead = false;
    } else if (at && !ahead) cursor().move(at, false);
  };

  const forget = (): void => {
    catching?.abort();
    held = catching = undefined;
  };

  /** Fetch what this tab missed before it heard the leader; what the leader says meanwhile waits. */
  const fetchMissed = (report: Report): void => {
    forget();
    held = [report];
    const { signal } = (catching = new AbortController());
    const bring = (frame: AnyFrame): void => {
      if (deliver(frame)) ahead = true;
    };
    void catchUp(getOffer, bring, signal).then((complete) => {
      if (signal.aborted) return;
      const reports = held!;
      forget();
      // The leader is let in, and this tab is not: better a loss that is told than silence.
      if (!complete) deliver(gapAt(report.before));
      reports.forEach(take);
    });
  };

  const follower: Follower = {
    place: undefined,
    hear: (report) => {
      if (held) {
        if (held.push(report) > MOST_HELD) fetchMissed(report);
        return;
      }
      // A tab that is new begins now.
      if (!cursor().own) {
        follower.place = report.before;
        if (report.before) cursor().move(report.before, false);
      }
      if (report.before === follower.place) take(report);
      else fetchMissed(report);
    },
    begin: () => {
      forget();
      ahead = false;
      follower.place = cursor().current;
    },
  };
  return follower;
}

/** A gap that the hub did not tell of, but this client: something is missing before the cursor. */
export function gapAt(cursor = ""): Gap {
  return { type: "gap", title: "", message: "", data: { cursor }, timestamp: "" };
}
