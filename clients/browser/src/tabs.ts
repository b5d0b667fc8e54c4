/**
 * One connection for all tabs: the one that holds a Web Lock leads, and tells the others over a BroadcastChannel.
 *
 * A browser releases the lock of a tab that is closed, but not of one that hangs: with an alert open, frozen, in a
 * debugger, busy. So the other tabs watch the leader, and one of them steals the lock when the leader does not respond.
 */
import type { Status, Transport } from "./status.js";
import type { AnyFrame } from "./wire.js";

/**
 * What a tab asks of the leader. `hello`: send a report; `look`: the user looks at one of the tabs; `want`: send these
 * signals, too.
 */
export interface Request {
  kind: "hello" | "retry" | "wake" | "look" | "want";
  signals?: readonly string[];
}

/**
 * What the leader sends. `before` and `cursor` link its reports to a chain: a tab whose cursor is not `before` has missed
 * something, or had another leader. A report without a frame has the leader's state.
 */
export interface Report {
  kind: "report";
  before: string | undefined;
  cursor: string | undefined;
  frame?: AnyFrame;
  status?: Status;
  transports?: readonly Transport[];
  features?: readonly string[] | undefined;
}

export interface TabsListener {
  /** This tab leads from now on. */
  lead(): void;
  /** This tab no longer leads; what its connection still brings must not be delivered. */
  follow(): void;
  /** The browser cannot share: from now on this tab is alone. */
  alone(): void;
  /** A request to this tab as the leader. */
  onRequest(request: Request): void;
  /** A report from the leader. */
  onReport(report: Report): void;
}

export interface Tabs {
  post(message: Request | Report): void;
  /** Lead now, though another tab does. */
  claim(): void;
  /** Check whether the leader responds. */
  check(): void;
  /** Let another tab lead, and receive nothing more. */
  leave(): void;
}

/** How long a leader may be silent before it is asked, and how long it may then take to respond. */
const SILENT_MS = 8_000;
const RESPONSE_MS = 3_000;
const MOST_RESPONSE_MS = 24_000;
const LATE_MS = 1_000;

/**
 * Join the tabs that share under `name`. Throws where the browser has no channels or refuses one; where it has no Web
 * Locks, which need a secure context, this tab is alone before this returns.
 *
 * Each leader has a higher `term` than the one before, and the highest counts: a leader that receives a higher one steps
 * down, and reports with a lower one are ignored, such as those of a leader that slept while its lock was stolen.
 */
export function joinTabs(name: string, listener: TabsListener): Tabs {
  const channel = new BroadcastChannel(name);
  let leading = false;
  let over = false;
  let term = 0;
  /** This tab's place in the queue for the lock, and what frees the lock. */
  let place = new AbortController();
  let release = (): void => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  let dueAt = 0;
  let responseMs = RESPONSE_MS;
  let asking = false;
  let graced = false;
  let stealing = false;
  /** Whether another tab stole the lock of this one, and nothing was received since. */
  let stolen = false;

  const post = (message: Request | Report): void => {
    try {
      if (!over) channel.postMessage({ ...message, term });
    } catch {
      alone();
    }
  };
  const watch = (ms: number): void => {
    clearTimeout(timer);
    dueAt = Date.now() + ms;
    timer = setTimeout(judge, ms);
  };
  // With jitter: the other tabs receive a report of the first one that takes over.
  const ask = (): void => {
    asking = true;
    watch(responseMs * (1 + Math.random() / 2));
    post({ kind: "hello" });
  };
  const judge = (): void => {
    // After sleep or throttling the timer is late, and a response may wait to be read. Only once: it may be late again.
    graced = !graced && Date.now() - dueAt > LATE_MS;
    if (!asking || graced) return ask();
    // The leader's reports do not reach this tab, or the browser gives the lock to no tab.
    if (stolen || stealing) return alone();
    stealing = true;
    responseMs = Math.min(MOST_RESPONSE_MS, responseMs * 2);
    watch(RESPONSE_MS);
    void request({ steal: true });
  };

  const request = async (how: LockOptions): Promise<void> => {
    place.abort();
    const { signal } = (place = new AbortController());
    let held = false;
    try {
      await navigator.locks.request(name, how.steal ? how : { signal }, () => {
        held = true;
        if (over || signal.aborted) return;
        lead();
        return new Promise<void>((resolve) => (release = resolve));
      });
    } catch {
      if (over || signal.aborted) return;
      // A lock that was held was stolen. Otherwise the browser refuses locks.
      if (!held) return alone();
      stolen = true;
      stepDown();
    }
  };
  const lead = (): void => {
    clearTimeout(timer);
    stealing = asking = false;
    if (leading) return;
    leading = true;
    // Higher than the last leader's term, also where this tab received no report of it.
    term = Math.max(Date.now(), term) + 1 + Math.random();
    listener.lead();
  };
  /** Another tab leads: stop leading, and wait for the lock again. */
  const stepDown = (): void => {
    release();
    leading = false;
    void request({});
    ask();
    listener.follow();
  };

  const leave = (): void => {
    over = true;
    clearTimeout(timer);
    place.abort();
    release();
    channel.close();
  };
  const alone = (): void => {
    if (over) return;
    leave();
    listener.alone();
  };

  channel.onmessage = ({ data }: MessageEvent<(Request | Report) & { term: number }>) => {
    if (over) return;
    stolen = false;
    if (data.kind !== "report") {
      if (!leading) return;
      // This tab's clock was set back: the others would ignore its reports.
      if (data.term > term) term = data.term + Math.random();
      return listener.onRequest(data);
    }
    // The sender was replaced, and does not know it yet.
    if (data.term < term) return leading ? listener.onRequest({ kind: "hello" }) : undefined;
    if (leading) stepDown();
    term = data.term;
    asking = graced = stealing = false;
    watch(SILENT_MS * (1 + Math.random() / 2));
    listener.onReport(data);
  };
  ask();
  void request({});
  return {
    post,
    claim: () => {
      lead();
      void request({ steal: true });
    },
    check: () => {
      if (!leading && !over && !asking) ask();
    },
    leave,
  };
}
