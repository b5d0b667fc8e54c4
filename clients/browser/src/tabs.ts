/** One connection for all tabs: the one that holds a Web Lock leads, and tells the others over a BroadcastChannel. */
import type { Status } from "./status.js";
import type { AnyFrame } from "./wire.js";

/** What tabs say to each other. `hello`, `wake` and `retry` are for the leader, the others are its own. */
export type TabMessage =
  | { kind: "hello" | "wake" | "retry" }
  | { kind: "frame"; frame: AnyFrame }
  | { kind: "status"; status: Status; cursor: string | undefined };

export interface Tabs {
  /** Resolves when this tab leads, which may be never. */
  led: Promise<void>;
  post(message: TabMessage): void;
  /** Let another tab lead, and hear nothing more. */
  leave(): void;
}

/** Say whether this browser can share; Web Locks need a secure context. */
export function canShare(): boolean {
  return typeof BroadcastChannel === "function" && Boolean(globalThis.navigator?.locks);
}

/** Join the tabs that share under `name`; the browser frees the lock of a tab that is gone. */
export function joinTabs(name: string, receive: (message: TabMessage) => void): Tabs {
  const channel = new BroadcastChannel(name);
  const leaving = new AbortController();
  channel.onmessage = ({ data }) => receive(data as TabMessage);
  const led = new Promise<void>((resolve) => {
    const hold = (): Promise<void> =>
      new Promise((release) => {
        leaving.signal.addEventListener("abort", () => release());
        resolve();
      });
    // Rejected where this tab leaves before it ever led.
    navigator.locks.request(name, { signal: leaving.signal }, hold).catch(() => undefined);
  });
  const post = (message: TabMessage): void => {
    if (!leaving.signal.aborted) channel.postMessage(message);
  };
  post({ kind: "hello" });
  return {
    led,
    post,
    leave: () => {
      leaving.abort();
      channel.close();
    },
  };
}
