/** `createHub`: the hub as a page sees it. Touches nothing of the browser before `connect()`, so a server may import it. */
import { createConnection, type Connection } from "./connection.js";
import { createContest } from "./contest.js";
import { keepCursor, type CursorKeeper } from "./cursor.js";
import { createFollower, gapAt } from "./follower.js";
import { ANY, UNKNOWN, attempt, createHandlers } from "./handlers.js";
import { nameIdentity } from "./identity.js";
import { BROKEN, Refusal, type Offer } from "./link.js";
import { createNotes } from "./notes.js";
import { createSeen } from "./seen.js";
import { IDLE, TRANSPORTS, type Status, type Transport } from "./status.js";
import { openStorage, type StorageLike } from "./storage.js";
import { findTransports, readAddress, watchSurroundings, type AppStateLike } from "./surroundings.js";
import { canShare, joinTabs, type Report, type Tabs } from "./tabs.js";
import { createTokens, type GetToken, type TokenReason } from "./tokens.js";
import {
  isNotification,
  type AnyFrame,
  type ConnectionEstablished,
  type EventOf,
  type EventType,
  type Gap,
  type Heartbeat,
  type Notification,
  type UnknownEvent,
} from "./wire.js";

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
  /** React Native's `AppState`: an app that is looked at again is a page that wakes up. */
  appState?: AppStateLike;
  /** Say everything on the console; never a token. Without it, only why the hub refused, once. */
  debug?: boolean;
}

export interface Hub {
  readonly status: Status;
  /** A short name of the signed-in user at this hub, the same in each tab; undefined until it is known. */
  readonly identity: string | undefined;
  /** Where this hub keeps what outlives the page. */
  readonly storage: StorageLike;
  /** Connect, and stay connected until `close()`. Throws where the address is none, or no transport can be used here. */
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
  /** Call `listener` after each change of `status` or `identity`. */
  subscribe(listener: () => void): () => void;
}

/** Return a hub that is not connected yet. */
export function createHub(options: HubOptions): Hub {
  const { shared = "auto", cursorKey = "" } = options;
  const handlers = createHandlers();
  const listeners = new Set<() => void>();
  const askToken = createTokens(options.getToken);
  const storage = openStorage("localStorage", options.storage);
  const tabStorage = openStorage("sessionStorage", options.storage === null ? null : options.tabStorage);
  const notes = createNotes(options.debug ?? false);

  let status = IDLE;
  let base = "";
  let transports: Transport[] = [];
  let identity: string | undefined;
  let connection: Connection | undefined;
  let cursor: CursorKeeper | undefined;
  let isNew = createSeen();
  let tabs: Tabs | undefined;
  let alone = false;
  let leading = false;
  let stop: (() => void)[] = [];
  /** Who waits until this tab may connect. */
  let waiting: (() => void)[] = [];
  /** What the leader can use. */
  let theirs: readonly Transport[] = [];

  const tell = (now: Status): void => {
    if (now !== status) notes.debug([now.state, now.transport, now.reason?.code].filter(Boolean).join(", "));
    status = now;
    for (const listener of [...listeners]) attempt(listener);
  };

  /** Hand a frame to this page's handlers, and only then note that the page has come that far; say whether it was new. */
  const deliver = (frame: AnyFrame): boolean => {
    if (frame.type === "gap") {
      const at = (frame as Gap).data.cursor;
      if (at && at === cursor?.current) return false;
      handlers.emit("gap", frame);
      cursor?.move(at, leading);
    } else {
      if (!isNotification(frame) || !isNew(frame.id)) return false;
      handlers.emit(frame.type, frame);
      cursor?.move(frame.cursor, leading);
    }
    return true;
  };

  /** Tell the tabs that follow how far the line has come, and by which frame; without one, how it is. */
  const report = (to = follower.place, frame?: AnyFrame): void => {
    if (leading)
      tabs?.post({
        kind: "report",
        before: follower.place,
        cursor: to,
        ...(frame ? { frame } : { status, transports }),
      });
    follower.place = to;
  };

  /** The line has come this far, and nothing was for this user. */
  const advance = (at: string): void => {
    report(at);
    cursor?.move(at, true);
  };

  const receive = (frame: AnyFrame): void => {
    notes.debug(`${frame.type} ${isNotification(frame) ? frame.id : ""}`);
    if (frame.type === "connection_established") {
      const { resume, cursor: at } = (frame as ConnectionEstablished).data;
      if (resume === "live") advance(at);
    } else if (frame.type === "heartbeat") {
      advance((frame as Heartbeat).cursor);
    } else if (frame.type === "gap" || isNotification(frame)) {
      report(frame.type === "gap" ? (frame as Gap).data.cursor : (frame as Notification).cursor, frame);
      deliver(frame);
    }
  };

  const follower = createFollower({ cursor: () => cursor!, deliver, getOffer: () => makeOffer("connect") });

  const hear = (said: Report): void => {
    if (said.status) {
      theirs = said.transports ?? [];
      tell(said.status);
      contest.consider(status, theirs);
    }
    follower.hear(said);
  };

  const contest = createContest(
    () => transports,
    () => {
      notes.debug("this tab tries by itself");
      if (waiting.length) letConnect();
      else connection?.start();
    },
  );

  const letConnect = (): void => {
    for (const go of waiting.splice(0)) go();
  };

  /** This tab is the one that is connected, or will be. */
  const lead = (): void => {
    notes.debug("this tab leads");
    contest.stop(true);
    leading = true;
    // What was held comes again over the connection, from this tab's own cursor.
    follower.begin();
    tell(connection!.status);
    report();
    letConnect();
  };

  const stepDown = (): void => {
    notes.debug("another tab leads");
    leading = false;
    follower.begin();
    connection?.stop();
    connection?.start();
  };

  const leave = (): void => {
    contest.stop(false);
    tabs?.leave();
    if (cursor) follower.begin();
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
    follower.begin();
    if (name && shared !== "off" && !alone && canShare()) {
      try {
        const joined = joinTabs(`hub2:${cursorKey}:${name}`, {
          lead,
          follow: stepDown,
          alone: () => {
            notes.debug("this tab shares nothing: the browser refuses locks or channels");
            alone = true;
            tabs = undefined;
            if (!leading) lead();
          },
          asked: (request) => {
            if (request.kind === "hello") {
              connection?.check();
              report();
            } else if (request.kind === "retry") connection?.start();
            else connection?.wake(false, request.kind === "look");
          },
          hear,
        });
        if (!alone) tabs = joined;
      } catch {
        alone = true;
      }
    }
    leading ||= !tabs;
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
    for (;;) {
      if (tabs && !leading && !contest.trying) await new Promise<void>((resolve) => waiting.push(resolve));
      if (mine !== connection) throw new Refusal(BROKEN);
      notes.debug(`a token is asked for: ${reason}`);
      const offer = await makeOffer(reason);
      if (mine !== connection) throw new Refusal(BROKEN);
      const name = nameIdentity(base, offer.token, options.user);
      if (name !== identity || !(tabs || leading)) become(name);
      if (leading || contest.trying) return { ...offer, cursor: cursor?.current };
    }
  };

  const onStatus = (now: Status): void => {
    if (leading || !tabs) {
      tell(now);
      report();
    } else if (contest.trying && (now.state === "connected" || now.state === "closed" || now.retryAt)) {
      // A tab that follows shows the leader's status, unless it does better.
      if (contest.judge(now, status)) return tabs.claim();
      contest.consider(status, theirs);
      if (!now.retryAt) connection?.start();
    }
  };

  const wake = (event: Event): void => {
    const { type } = event;
    const visibility = globalThis.document?.visibilityState;
    if (type === "pagehide" || type === "freeze") return suspend();
    if (type === "pageshow" && !(event as PageTransitionEvent).persisted) return;
    const hidden = visibility === "hidden";
    // Also a page that goes away is told that it is hidden, after it let go of all.
    if (!connection)
      return type === "pageshow" || type === "resume" || (type === "visibilitychange" && !hidden)
        ? resume()
        : undefined;
    if (type === "visibilitychange" && hidden) return cursor?.flush();
    look(type, type !== "online" && !hidden);
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
      // A page that asks for other transports decides nothing for this one.
      memoryKey: `hub:transport:${transports.join()}:${base}`,
      notes,
      getOffer,
      onFrame: receive,
      onCursor: advance,
      onStatus,
      onUnreadable: () => {
        // Of another hub, or damaged: what came since cannot be found by it.
        if (cursor?.current) deliver(gapAt());
      },
    });
    connection.start();
  };

  /** Let go of socket and lock: both would keep the page out of the back-forward cache. */
  const suspend = (): void => {
    connection?.stop();
    connection = undefined;
    waiting = [];
    leave();
  };

  const close = (): void => {
    if (!stop.length) return;
    for (const end of stop.splice(0)) end();
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
      if (stop.length || options.signal?.aborted) return;
      base = readAddress(options.url);
      transports = findTransports(options.transports ?? TRANSPORTS);
      stop = [watchSurroundings(wake)];
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
      if (status.state !== "connected") contest.begin();
    },
    close,
    on: (type, handler) => handlers.add(type, handler),
    onAny: (handler) => handlers.add(ANY, handler),
    onUnknown: (handler) => handlers.add(UNKNOWN, handler),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
