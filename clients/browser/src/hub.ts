/** `createHub`: the page's connection to the hub. Uses nothing of the browser before `connect()`: a server may import it. */
import { createConnection, type Connection } from "./connection.js";
import { createTakeover } from "./takeover.js";
import { keepCursor, type CursorKeeper } from "./cursor.js";
import { createFollower, gapAt } from "./follower.js";
import { ANY, UNKNOWN, attempt, createHandlers } from "./handlers.js";
import { nameIdentity } from "./identity.js";
import { BROKEN, LinkError, type LinkOptions } from "./link.js";
import { createLogger } from "./logger.js";
import { requestHeaders } from "./refusal.js";
import { fetchInTime, type HubRequest } from "./request.js";
import { createSeen } from "./seen.js";
import { IDLE, TRANSPORTS, type Status, type Transport } from "./status.js";
import { openStorage, type StorageLike } from "./storage.js";
import { findTransports, readAddress, watchPage, type AppStateLike } from "./environment.js";
import { joinTabs, type Report, type Tabs } from "./tabs.js";
import { createTokens, type GetToken, type TokenReason } from "./tokens.js";
import {
  isSignal,
  type AnyFrame,
  type ConnectionEstablished,
  type EventOf,
  type EventType,
  type Gap,
  type Heartbeat,
  type Notification,
  type SignalOf,
  type SignalType,
  type UnknownEvent,
  type UnknownFrame,
} from "./wire.js";

export interface HubOptions {
  /** Where the hub is, with or without `/ws` at its end: `wss://hub.example/ws`, `https://hub.example`, `/hub`. */
  url: string;
  /** Return a token, or a ticket; called for every attempt. Throw `UnauthorizedError` where no user is signed in. */
  getToken: GetToken;
  /** The signed-in user, where the token does not name it; without it tabs do not share a connection. */
  user?: string;
  /** Which transports to try, best first. */
  transports?: readonly Transport[];
  /** `auto`: one connection for all tabs, where the browser can. */
  shared?: "auto" | "off";
  /** Where the cursor is kept over a reload; null keeps none. */
  storage?: StorageLike | null;
  /** Where this tab's own cursor is kept; null keeps none. */
  tabStorage?: StorageLike | null;
  /** A name for pages of one origin that need a cursor of their own. */
  cursorKey?: string;
  /** Closes the hub when it is aborted. */
  signal?: AbortSignal;
  /** React Native's `AppState`: an app that becomes active is a page that wakes up. */
  appState?: AppStateLike;
  /** Write everything to the console; never a token. Without it, only why the hub refused, once. */
  debug?: boolean;
}

export interface Hub {
  readonly status: Status;
  /** A short name of the signed-in user at this hub, the same in each tab; undefined until it is known. */
  readonly identity: string | undefined;
  /** What this hub can do beside delivering, such as `inbox`; undefined where it did not say, as an old one. */
  readonly features: readonly string[] | undefined;
  /** The storage for what outlives the page. */
  readonly storage: StorageLike;
  /** Connect, and stay connected until `close()`. Throws where the address is not valid, or no transport works here. */
  connect(): void;
  /** Try again at once, also after a final refusal. */
  reconnect(): void;
  /** Disconnect; `connect()` may follow. */
  close(): void;
  /** Call `handler` for each notification of this type, once and in order, or for each `gap`; returns what ends that. */
  on<T extends EventType>(type: T, handler: (event: EventOf<T>) => void): () => void;
  /** Call `handler` for each notification. */
  onAny(handler: (event: Notification) => void): () => void;
  /** Call `handler` for each notification whose type no handler of `on` asks for. */
  onUnknown(handler: (event: UnknownEvent) => void): () => void;
  /**
   * Ask for the signals of this type, and call `handler` for each that comes; returns what ends that. A signal is for who
   * is connected: fetch again after a reconnection, and in intervals while `status.transport` is `poll`.
   */
  onSignal<T extends SignalType>(type: T, handler: (signal: SignalOf<T>) => void): () => void;
  /** Call `handler` for each control frame that tells of the user's state, such as `inbox`; once and in order. */
  onControl(type: string, handler: (frame: never) => void): () => void;
  /** Call `listener` after each change of `status` or `identity`. */
  subscribe(listener: () => void): () => void;
  /**
   * Send a request to a path of the hub, such as `/api/inbox`, with a token of the user, and return the response, a
   * refusal too. Rejects where there is no whole response within 10 s, or `getToken` gives no token.
   */
  request(path: string, request?: HubRequest): Promise<Response>;
}

/** Where the log is after a frame; undefined for one that has no place in it. */
function cursorOf(frame: AnyFrame): string | undefined {
  return (frame.type === "gap" ? (frame as Gap).data : (frame as Notification)).cursor;
}

/** Return a hub that is not connected yet. */
export function createHub(options: HubOptions): Hub {
  const { shared = "auto", cursorKey = "" } = options;
  const handlers = createHandlers();
  /** Those of signals and of control frames, whose types differ. */
  const others = createHandlers();
  const listeners = new Set<() => void>();
  /** The types of signals that this page wants, and the tabs that it leads; what was asked for once stays. */
  const wanted = new Set<string>();
  /** How many of them the newest link was opened with. */
  let asked = 0;
  const askToken = createTokens(options.getToken);
  const storage = openStorage("localStorage", options.storage);
  const tabStorage = openStorage("sessionStorage", options.storage === null ? null : options.tabStorage);
  const logger = createLogger(options.debug ?? false);

  let status = IDLE;
  let base = "";
  let transports: Transport[] = [];
  let identity: string | undefined;
  let features: readonly string[] | undefined;
  /** The newest notification that a handler took and the hub was not told of. */
  let taken: string | undefined;
  let connection: Connection | undefined;
  let cursor: CursorKeeper | undefined;
  let isNew = createSeen();
  let tabs: Tabs | undefined;
  let alone = false;
  let leading = false;
  let stop: (() => void)[] = [];
  /** What waits until this tab may connect. */
  let waiting: (() => void)[] = [];
  /** The transports that the leader can use. */
  let leaderTransports: readonly Transport[] = [];

  const setStatus = (now: Status): void => {
    if (now !== status) logger.debug([now.state, now.transport, now.reason?.code].filter(Boolean).join(", "));
    status = now;
    for (const listener of [...listeners]) attempt(listener);
  };

  const want = (types: readonly string[] = []): void => {
    for (const type of types) wanted.add(type);
    if (tabs && !leading) {
      if (wanted.size) tabs.post({ kind: "want", signals: [...wanted] });
    } else if (wanted.size > asked) connection?.reopen();
  };

  /** Call this page's handlers with a frame, and only then move the cursor; say whether the frame was new. */
  const deliver = (frame: AnyFrame): boolean => {
    const at = cursorOf(frame);
    // What has no place in the log comes once.
    if (isSignal(frame) || at === undefined) {
      others.emit(frame.type, frame);
      return false;
    }
    const { type, id } = frame as UnknownFrame;
    if (type === "gap") {
      if (at && at === cursor?.current) return false;
      handlers.emit(type, frame);
    } else {
      if (!isNew(id ?? at)) return false;
      if ((id ? handlers : others).emit(type, frame)) taken = at;
    }
    cursor?.move(at, leading);
    return true;
  };

  /** Send the tabs that follow the link's cursor, and the frame that led there or, without one, the status. */
  const report = (to = follower.reported, frame?: AnyFrame): void => {
    if (leading)
      tabs?.post({
        kind: "report",
        before: follower.reported,
        cursor: to,
        ...(frame ? { frame } : { status, transports, features }),
      });
    follower.reported = to;
  };

  /** The link is at this cursor, and no frame before it was for this user. */
  const advance = (at: string): void => {
    report(at);
    cursor?.move(at, true);
  };

  const receive = (frame: AnyFrame): void => {
    logger.debug(`${frame.type} ${(frame as UnknownFrame).id ?? ""}`);
    if (frame.type === "connection_established") {
      const { data } = frame as ConnectionEstablished;
      features = (data as { features?: readonly string[] }).features;
      if (data.resume === "live") advance(data.cursor);
    } else if (frame.type === "heartbeat") {
      advance((frame as Heartbeat).cursor);
    } else {
      report(cursorOf(frame), frame);
      deliver(frame);
    }
  };

  /** Tell the hub what the handlers took. The tabs that follow took the same; a hub learns it once a browser. */
  const acknowledge = (): void => {
    const message = { cursor: taken };
    taken = undefined;
    if (!leading || !message.cursor || !features?.includes("ack")) return;
    if (status.transport === "ws") connection?.send(JSON.stringify({ type: "ack", ...message }));
    // What fails here the next cursor makes good.
    else request("/api/ack", { method: "POST", body: message }).catch(() => {});
  };

  const request = async (path: string, { method = "GET", body }: HubRequest = {}): Promise<Response> =>
    fetchInTime(
      readAddress(options.url) + path,
      {
        method,
        headers: { ...requestHeaders(await askToken("connect")), "content-type": "application/json" },
        body: body ? JSON.stringify(body) : null,
      },
      async (response) => new Response((await response.text()) || null, response),
    );

  const follower = createFollower(
    () => cursor!,
    deliver,
    () => makeLinkOptions("connect"),
  );

  const onReport = (said: Report): void => {
    if (said.status) {
      leaderTransports = said.transports ?? [];
      features = said.features;
      setStatus(said.status);
      takeover.consider(status, leaderTransports);
      // A new leader does not know yet what this tab wants.
      want();
    }
    follower.onReport(said);
  };

  const takeover = createTakeover(
    () => transports,
    () => {
      logger.debug("tries to lead");
      if (waiting.length) letConnect();
      else connection?.start();
    },
  );

  const letConnect = (): void => {
    for (const go of waiting.splice(0)) go();
  };

  /** This tab is the one that is connected, or will be. */
  const lead = (): void => {
    logger.debug("leads");
    takeover.stop(true);
    leading = true;
    // The connection brings again what was held, from this tab's own cursor.
    follower.begin();
    setStatus(connection!.status);
    report();
    letConnect();
  };

  const stepDown = (): void => {
    logger.debug("follows");
    leading = false;
    follower.begin();
    connection?.stop();
    connection?.start();
  };

  const leave = (): void => {
    takeover.stop(false);
    tabs?.leave();
    if (cursor) follower.begin();
    cursor?.flush();
    tabs = undefined;
    leading = false;
  };

  const setIdentity = (name: string | undefined): void => {
    leave();
    if (identity !== name || !cursor) {
      identity = name;
      isNew = createSeen();
      cursor = keepCursor(`hub:cursor:${cursorKey}:${name ?? base}`, storage, tabStorage, acknowledge);
      setStatus(status);
    }
    follower.begin();
    if (name && shared !== "off" && !alone) {
      try {
        const joined = joinTabs(`hub3:${cursorKey}:${name}`, {
          lead,
          follow: stepDown,
          alone: () => {
            logger.debug("shares nothing");
            alone = true;
            tabs = undefined;
            if (!leading) lead();
          },
          onRequest: (request) => {
            if (request.kind === "hello") {
              connection?.check();
              report();
            } else if (request.kind === "want") want(request.signals);
            else if (request.kind === "retry") connection?.start();
            else connection?.wake(false, request.kind === "look");
          },
          onReport,
        });
        if (!alone) tabs = joined;
      } catch {
        alone = true;
      }
    }
    leading ||= !tabs;
  };

  const makeLinkOptions = async (reason: TokenReason): Promise<LinkOptions> => ({
    base,
    token: await askToken(reason),
    cursor: cursor?.current,
    renew: () => askToken("connect"),
  });

  /** Resolves when this tab may connect. The token names the user, whose tabs share a connection. */
  const getLinkOptions = async (reason: TokenReason): Promise<LinkOptions> => {
    const mine = connection;
    for (;;) {
      if (tabs && !leading && !takeover.trying) await new Promise<void>((resolve) => waiting.push(resolve));
      if (mine !== connection) throw new LinkError(BROKEN);
      logger.debug(`asks for a token: ${reason}`);
      const link = await makeLinkOptions(reason);
      if (mine !== connection) throw new LinkError(BROKEN);
      const name = nameIdentity(base, link.token, options.user);
      if (name !== identity || !(tabs || leading)) setIdentity(name);
      if (leading || takeover.trying) {
        asked = wanted.size;
        return { ...link, cursor: cursor?.current, signals: [...wanted] };
      }
    }
  };

  const onStatus = (now: Status): void => {
    if (leading || !tabs) {
      setStatus(now);
      report();
      // A handler may have come while the link was opened.
      want();
    } else if (takeover.trying && (now.state === "connected" || now.state === "closed" || now.retryAt)) {
      // A tab that follows shows the leader's status, unless its own connection is better.
      if (takeover.judge(now, status)) return tabs.claim();
      takeover.consider(status, leaderTransports);
      if (!now.retryAt) connection?.start();
    }
  };

  const wake = (event: Event): void => {
    const { type } = event;
    if (type === "pagehide" || type === "freeze") return suspend();
    if (type === "pageshow" && !(event as PageTransitionEvent).persisted) return;
    const hidden = globalThis.document?.visibilityState === "hidden";
    // Also of a page that is left, after it released everything.
    if (type === "visibilitychange" && hidden) cursor?.flush();
    else if (connection) look(type, type !== "online" && !hidden);
    else if (["pageshow", "resume", "visibilitychange"].includes(type)) resume();
  };

  const look = (type: string, looked: boolean): void => {
    if (type === "offline") {
      if (leading || !tabs) connection?.offline();
    } else if (tabs && !leading) {
      tabs.post({ kind: looked ? "look" : "wake" });
      tabs.check();
    } else connection?.wake(type === "online", looked);
  };

  const resume = (): void => {
    connection = createConnection({
      transports,
      storage,
      // Pages with other transports remember theirs under another key.
      memoryKey: `hub:transport:${transports.join()}:${base}`,
      logger,
      getLinkOptions,
      onFrame: receive,
      onCursor: advance,
      onStatus,
      onUnreadable: () => {
        // The cursor is of another hub, or damaged: what came since cannot be found.
        if (cursor?.current) deliver(gapAt());
      },
    });
    connection.start();
  };

  /** Release socket and lock: both would keep the page out of the back-forward cache. */
  const suspend = (): void => {
    cursor?.flush();
    connection?.stop();
    connection = undefined;
    waiting = [];
    leave();
  };

  const close = (): void => {
    if (!stop.length) return;
    for (const end of stop.splice(0)) end();
    suspend();
    setStatus({ ...IDLE, state: "closed" });
  };

  return {
    get status() {
      return status;
    },
    get identity() {
      return identity;
    },
    get features() {
      return features;
    },
    storage,
    connect: () => {
      if (stop.length || options.signal?.aborted) return;
      base = readAddress(options.url);
      transports = findTransports(options.transports ?? TRANSPORTS);
      stop = [watchPage(wake)];
      const app = options.appState?.addEventListener("change", (state) => {
        if (state === "active") look("focus", true);
        else cursor?.flush();
      });
      if (app) stop.push(() => app.remove());
      options.signal?.addEventListener("abort", close);
      resume();
    },
    reconnect: () => {
      if (!connection || !tabs || leading) return connection?.start();
      tabs.post({ kind: "retry" });
      if (status.state !== "connected") takeover.begin();
    },
    close,
    on: handlers.add,
    onAny: (handler) => handlers.add(ANY, handler),
    onUnknown: (handler) => handlers.add(UNKNOWN, handler),
    onSignal: (type, handler) => {
      const end = others.add(type, handler);
      want([type]);
      return end;
    },
    onControl: others.add,
    request,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
