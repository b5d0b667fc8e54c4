/**
 * One connection for all tabs: the one that holds a Web Lock leads, and tells the others over a BroadcastChannel.
 *
 * A browser frees the lock of a tab that is gone, but not of one that stands still: with an alert open, frozen, in a
 * debugger, busy. So the others watch the leader, and one of them steals the lock when it answers nobody.
 */
import type { Status, Transport } from "./status.js";
import type { AnyFrame } from "./wire.js";

/** What a tab asks of the leader; `hello`: say where you are, and that you live; `look`: somebody looks at one of us. */
export interface Request {
  kind: "hello" | "retry" | "wake" | "look";
}

/**
 * What the leader says. `before` and `cursor` link its reports to a chain: who is not where a report begins has missed
 * something, or comes from elsewhere. A report without a frame has the leader's state.
 */
export interface Report {
  kind: "report";
  before: string | undefined;
  cursor: string | undefined;
  frame?: AnyFrame;
  status?: Status;
  transports?: readonly Transport[];
}

export interface TabsListener {
  /** This tab leads from now on. */
  lead(): void;
  /** It does no longer; nothing that its connection still brings may be handed out. */
  follow(): void;
  /** Nothing can be shared here: there are no other tabs from now on. */
  alone(): void;
  /** To the leader. */
  asked(request: Request): void;
  /** To the others. */
  hear(report: Report): void;
}

export interface Tabs {
  post(message: Request | Report): void;
  /** Lead now, though another tab does. */
  claim(): void;
  /** See whether the leader lives. */
  check(): void;
  /** Let another tab lead, and hear nothing more. */
  leave(): void;
}

/** So long a leader may be silent before it is asked, and may take to answer. */
const SILENT_MS = 8_000;
const ANSWER_MS = 3_000;
const MOST_ANSWER_MS = 24_000;
const LATE_MS = 1_000;

/** Say whether this browser has what sharing takes; Web Locks need a secure context. */
export function canShare(): boolean {
  try {
    return typeof BroadcastChannel === "function" && Boolean(navigator.locks);
  } catch {
    return false;
  }
}

/**
 * Join the tabs that share under `name`. Throws where the browser refuses the channel.
 *
 * Each time a tab comes to lead has a higher `term` than the one before. The highest counts: whoever hears of a higher
 * one no longer leads, and a lower one is not listened to, such as that of a leader that slept while its lock was stolen.
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
  let answerMs = ANSWER_MS;
  let asking = false;
  let graced = false;
  let stealing = false;
  /** Whether another tab took the lock of this one, and nothing was heard since. */
  let robbed = false;

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
  // Not all at the same moment: the first one that takes over is heard by the others.
  const ask = (): void => {
    asking = true;
    watch(answerMs * (1 + Math.random() / 2));
    post({ kind: "hello" });
  };
  const judge = (): void => {
    // After sleep or throttling the timer is late, and an answer may wait to be read; once only, since it may be late again.
    graced = !graced && Date.now() - dueAt > LATE_MS;
    if (!asking || graced) return ask();
    // Whoever leads does not reach this tab, or the lock is given to nobody.
    if (robbed || stealing) return alone();
    stealing = true;
    answerMs = Math.min(MOST_ANSWER_MS, answerMs * 2);
    watch(ANSWER_MS);
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
      // Held: it was stolen. Otherwise the browser refuses locks.
      if (!held) return alone();
      robbed = true;
      step();
    }
  };
  const lead = (): void => {
    clearTimeout(timer);
    stealing = asking = false;
    if (leading) return;
    leading = true;
    // A tab that never heard of the last leader must be above it all the same.
    term = Math.max(Date.now(), term) + 1 + Math.random();
    listener.lead();
  };
  /** Another tab leads: step down, and queue again. */
  const step = (): void => {
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
    robbed = false;
    if (data.kind !== "report") {
      if (!leading) return;
      // A clock that was set back: the others would not listen to this one.
      if (data.term > term) term = data.term + Math.random();
      return listener.asked(data);
    }
    // It has been replaced, and does not know yet.
    if (data.term < term) return leading ? listener.asked({ kind: "hello" }) : undefined;
    if (leading) step();
    term = data.term;
    asking = graced = stealing = false;
    watch(SILENT_MS * (1 + Math.random() / 2));
    listener.hear(data);
  };
  void request({});
  ask();
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
