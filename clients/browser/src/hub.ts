/** `createHub`: the hub as a page sees it. Touches nothing of the browser before `connect()`, so a server may import it. */
import { catchUp } from "./catchup.js";
import { createConnection, type Connection } from "./connection.js";
import { keepCursor, type CursorKeeper } from "./cursor.js";
import { createHandlers } from "./handlers.js";
import { nameIdentity } from "./identity.js";
import type { Offer } from "./link.js";
import { createSeen } from "./seen.js";
import { IDLE, type Status, type Transport } from "./status.js";
import { openStorage, type StorageLike } from "./storage.js";
import { canShare, joinTabs, type TabMessage, type Tabs } from "./tabs.js";
import { createTokens, type GetToken, type TokenReason } from "./tokens.js";
import { isNotification, type AnyFrame, type ConnectionEstablished, type EventOf, type EventType, type Gap, type Heartbeat, type Notification } from "./wire.js";

/** More than this waiting for a tab to catch up is let go: the log has it, and is read again. */
const MOST_HELD = 1_000;

export interface HubOptions {
  /** Where the hub is, with or without `/ws` at its end: `wss://hub.example/ws`, `https://hub.example`, `/hub`. */
  url: string;
  /** Return a token, or a ticket; asked for every attempt. Throw `UnauthorizedError` where nobody is signed in. */
  getToken: GetToken;
  /** Who is signed in, where the token does not say; without it tabs do not share a connection. */
  user?: string;
  /** Which transports to try, best first. */
  transports?: readonly Transport[];
  /** `auto`: one connection for all tabs, where the browser can. */
  shared?: "auto" | "off";
  /** Where the cursor is kept over a reload; null keeps none. */
  storage?: StorageLike | null;
  /** Where this tab's own cursor is kept; null keeps none. */
  tabStorage?: StorageLike | null;
  /** Tells apart pages of one origin that want cursors of their own. */
  cursorKey?: string;
  /** Closes the hub when it is aborted. */
  signal?: AbortSignal;
}

export interface Hub {
  readonly status: Status;
  /** A short name of the signed-in user at this hub, the same in each tab; undefined until it is known. */
  readonly identity: string | undefined;
  /** Where this hub keeps what outlives the page. */
  readonly storage: StorageLike;
  /** Connect, and stay connected until `close()`. */
  connect(): void;
  /** Try again at once, also after a final refusal. */
  reconnect(): void;
  /** Disconnect; `connect()` may follow. */
  close(): void;
  /** Call `handler` for each notification of this type, once and in order, or for each `gap`; returns what ends that. */
  on<T extends EventType>(type: T, handler: (event: EventOf<T>) => void): () => void;
  /** Call `handler` for each notification. */
  onAny(handler: (event: Notification) => void): () => void;
  /** Call `listener` after each change of `status` or `identity`. */
  subscribe(listener: () => void): () => void;
}

/** Return a hub that is not connected yet. */
export function createHub(options: HubOptions): Hub {
  const { transports = ["ws", "sse", "poll"], shared = "auto", cursorKey = "" } = options;
  const handlers = createHandlers();
  const listeners = new Set<() => void>();
  const askToken = createTokens(options.getToken);
  const storage = openStorage("localStorage", options.storage);
  const tabStorage = openStorage("sessionStorage", options.storage === null ? null : options.tabStorage);

  let status = IDLE;
  let base = "";
  let identity: string | undefined;
  let connection: Connection | undefined;
  let cursor: CursorKeeper | undefined;
  let isNew = createSeen();
  let tabs: Tabs | undefined;
  let leading = false;
  let started = false;
  /** What the leader says while this tab still has to catch up. */
  let held: AnyFrame[] | undefined;
  let catching: AbortController | undefined;

  const tell = (now: Status): void => {
    status = now;
    for (const listener of [...listeners]) listener();
  };

  /** Hand a frame to this page's handlers, and only then note that the page has come that far. */
  const deliver = (frame: AnyFrame): void => {
    if (frame.type === "gap") {
      handlers.emit("gap", frame);
      cursor?.move((frame as Gap).data.cursor, leading);
    } else if (isNotification(frame) && isNew(frame.id)) {
      handlers.emit(frame.type, frame);
      cursor?.move(frame.cursor, leading);
    }
  };

  const receive = (frame: AnyFrame): void => {
    if (frame.type === "connection_established") {
      const { resume, cursor: at } = (frame as ConnectionEstablished).data;
      if (resume === "live") cursor?.move(at, true);
    } else if (frame.type === "heartbeat") {
      cursor?.move((frame as Heartbeat).cursor, true);
    } else {
      if (frame.type === "gap" || isNotification(frame)) tabs?.post({ kind: "frame", frame });
      deliver(frame);
    }
  };

  const tellTabs = (): void => tabs?.post({ kind: "status", status, cursor: cursor?.current });

  const hear = (message: TabMessage): void => {
    if (leading) {
      if (message.kind === "hello") tellTabs();
      else if (message.kind === "retry") connection?.start();
      else if (message.kind === "wake") connection?.wake(false);
    } else if (message.kind === "frame") {
      if (!held) deliver(message.frame);
      else if (held.push(message.frame) > MOST_HELD) follow();
    } else if (message.kind === "status") {
      if (held && !catching) follow();
      else if (message.cursor && !cursor?.own) cursor?.move(message.cursor, false);
      tell(message.status);
    }
  };

  /** Fetch what this tab missed before it heard the leader; what the leader says meanwhile waits. */
  const follow = (): void => {
    forget();
    held = [];
    const { signal } = (catching = new AbortController());
    void catchUp(() => makeOffer("connect"), deliver, signal).then(() => {
      if (signal.aborted) return;
      const waiting = held!;
      forget();
      waiting.forEach(deliver);
    });
  };

  const forget = (): void => {
    catching?.abort();
    held = catching = undefined;
  };

  const leave = (): void => {
    forget();
    tabs?.leave();
    cursor?.flush();
    tabs = undefined;
    leading = false;
  };

  const become = (name: string | undefined): void => {
    leave();
    if (identity !== name || !cursor) {
      identity = name;
      isNew = createSeen();
      cursor = keepCursor(`hub:cursor:${cursorKey}:${name ?? base}`, storage, tabStorage);
      tell(status);
    }
    if (!name || shared === "off" || !canShare()) {
      leading = true;
    } else {
      // From here on the leader's frames may come, and this tab may have missed some before them.
      if (cursor.own) held = [];
      tabs = joinTabs(`hub1:${cursorKey}:${name}`, hear);
    }
  };

  const makeOffer = async (reason: TokenReason): Promise<Offer> => ({
    base,
    token: await askToken(reason),
    cursor: cursor?.current,
    renew: () => askToken("connect"),
  });

  /** Resolves when this tab is the one to connect; the token says whose tabs these are. */
  const getOffer = async (reason: TokenReason): Promise<Offer> => {
    const mine = connection;
    const offer = await makeOffer(reason);
    if (mine !== connection) return offer;
    const name = nameIdentity(base, offer.token, options.user);
    if (name !== identity || !(tabs || leading)) become(name);
    if (leading) return { ...offer, cursor: cursor?.current };
    const joined = tabs;
    await joined!.led;
    if (joined !== tabs) return offer;
    // What was held comes again over the connection, from this tab's own cursor.
    forget();
    leading = true;
    tell(connection!.status);
    tellTabs();
    return makeOffer(reason);
  };

  const wake = (event: Event): void => {
    if (event.type === "pagehide") return suspend();
    if (event.type === "pageshow") return (event as PageTransitionEvent).persisted ? resume() : undefined;
    if (event.type === "visibilitychange" && document.visibilityState === "hidden") return cursor?.flush();
    if (leading) connection?.wake(event.type === "online");
    else tabs?.post({ kind: "wake" });
  };

  const resume = (): void => {
    connection = createConnection({
      transports,
      storage,
      memoryKey: `hub:transport:${base}`,
      getOffer,
      onFrame: receive,
      onCursor: (at) => cursor?.move(at, true),
      onStatus: (now) => {
        // A tab that follows shows the leader's.
        if (tabs && !leading) return;
        tell(now);
        if (leading) tellTabs();
      },
    });
    connection.start();
  };

  /** Let go of socket and lock: both would keep the page out of the back-forward cache. */
  const suspend = (): void => {
    connection?.stop();
    connection = undefined;
    leave();
  };

  const events: [() => EventTarget, string[]][] = [
    [() => window, ["online", "pagehide", "pageshow"]],
    [() => document, ["visibilitychange", "resume"]],
  ];

  const close = (): void => {
    if (!started) return;
    started = false;
    for (const [target, names] of events) for (const name of names) target().removeEventListener(name, wake);
    suspend();
    tell({ ...IDLE, state: "closed" });
  };

  return {
    get status() {
      return status;
    },
    get identity() {
      return identity;
    },
    storage,
    connect: () => {
      if (started || typeof window === "undefined" || options.signal?.aborted) return;
      started = true;
      base = new URL(options.url, location.href).href.replace(/^ws/, "http").replace(/\/(ws\/?)?(\?.*)?$/, "");
      for (const [target, names] of events) for (const name of names) target().addEventListener(name, wake);
      options.signal?.addEventListener("abort", close);
      resume();
    },
    reconnect: () => {
      if (connection && tabs && !leading) tabs.post({ kind: "retry" });
      else connection?.start();
    },
    close,
    on: (type, handler) => handlers.add(type, handler),
    onAny: (handler) => handlers.add(undefined, handler),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
