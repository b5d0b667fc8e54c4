/** How a tab that follows uses the leader's reports: each frame once, in order, and what it missed from the log. */
import { catchUp } from "./catchup.js";
import type { CursorKeeper } from "./cursor.js";
import type { LinkOptions } from "./link.js";
import type { Report } from "./tabs.js";
import type { AnyFrame, Gap } from "./wire.js";

/** When more reports than this wait for a tab to catch up, they are dropped, and the log is read again. */
const MOST_HELD = 1_000;

export interface Follower {
  /** The cursor at the end of the last report, received or sent. */
  reported: string | undefined;
  onReport(report: Report): void;
  /** Start again at the tab's own cursor; drop what is held, and stop fetching. */
  begin(): void;
}

/** Return a follower; `deliver` hands a frame to the page, and says whether it was new. */
export function createFollower(
  cursor: () => CursorKeeper,
  deliver: (frame: AnyFrame) => boolean,
  getLinkOptions: () => Promise<LinkOptions>,
): Follower {
  /** The leader's reports that arrive while this tab catches up. */
  let held: Report[] | undefined;
  let catching: AbortController | undefined;
  /** Whether this tab fetched frames that the leader has not reported yet. */
  let ahead = false;

  const take = ({ frame, cursor: at }: Report): void => {
    follower.reported = at;
    if (frame) {
      if (deliver(frame)) ahead = false;
    } else if (at && !ahead) cursor().move(at, false);
  };

  const forget = (): void => {
    catching?.abort();
    held = catching = undefined;
  };

  /** Fetch what this tab missed before this report; the reports that arrive meanwhile wait. */
  const fetchMissed = (report: Report): void => {
    forget();
    held = [report];
    const { signal } = (catching = new AbortController());
    const bring = (frame: AnyFrame): void => {
      if (deliver(frame)) ahead = true;
    };
    void catchUp(getLinkOptions, bring, signal).then((complete) => {
      if (signal.aborted) return;
      const reports = held!;
      forget();
      // The hub accepts the leader and refuses this tab: announce the loss.
      if (!complete) deliver(gapAt(report.before));
      reports.forEach(take);
    });
  };

  const follower: Follower = {
    reported: undefined,
    onReport: (report) => {
      if (held) {
        if (held.push(report) > MOST_HELD) fetchMissed(report);
        return;
      }
      // A new tab starts at the present.
      if (!cursor().own) {
        follower.reported = report.before;
        if (report.before) cursor().move(report.before, false);
      }
      if (report.before === follower.reported) take(report);
      else fetchMissed(report);
    },
    begin: () => {
      forget();
      ahead = false;
      follower.reported = cursor().current;
    },
  };
  return follower;
}

/** A gap that this client announces and not the hub: frames are missing before the cursor. */
export function gapAt(cursor = ""): Gap {
  return { type: "gap", title: "", message: "", data: { cursor }, timestamp: "" };
}
