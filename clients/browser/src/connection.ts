/** The connection: which transport it uses, when it is tried again, when it stops. */
import { HEALTHY_MS, RESTART_WINDOW_MS, backoffMs, boundMs, evictedMs } from "./backoff.js";
import { BROKEN, NO_TOKEN, OFFLINE, type Ending, type Link, type LinkOptions } from "./link.js";
import { createLiveness } from "./liveness.js";
import type { Logger } from "./logger.js";
import { openLink, type RaceListener } from "./race.js";
import { IDLE, describeReason, isFinal, type Status, type Transport } from "./status.js";
import type { StorageLike } from "./storage.js";
import type { TokenReason } from "./tokens.js";
import type { AnyFrame, ConnectionEstablished, Reconnect } from "./wire.js";

const MEMORY_MS = 24 * 3_600_000;
const PROBE_MS = 5 * 60_000;
/** After so long, and at most twice it, a link with newer options is tried again. */
const REOPEN_MS = 10_000;
const MOST_REFUSALS = 3;
/** The least time between two attempts that a waking page asks for. */
const WAKE_MS = 1_000;
const NO_TOKEN_CAP_MS = 5 * 60_000;
const EVICTED = 4002;
const SILENT: Ending = { ...BROKEN, why: "no heartbeat" };

export interface ConnectionOptions {
  /** Best first. */
  transports: readonly Transport[];
  /** Where the transport that worked is remembered for a day, and under which key. */
  storage: StorageLike;
  memoryKey: string;
  logger: Logger;
  /** Return what a link is opened with; called for each link. */
  getLinkOptions(reason: TokenReason): Promise<LinkOptions>;
  onFrame(frame: AnyFrame): void;
  onCursor(cursor: string): void;
  onStatus(status: Status): void;
  /** The hub could not read the request, most likely its cursor. */
  onUnreadable(): void;
}

export interface Connection {
  status: Status;
  /** Connect now, also during a wait or after a final refusal. */
  start(): void;
  /** Send the hub a message, where this is a WebSocket. */
  send(text: string): void;
  /** Close without a change of status. */
  stop(): void;
  /** The page woke up, or the network (`online`) is back, or the user looks at the page: check at once. */
  wake(online: boolean, looked: boolean): void;
  /** Another tab asks: check for a dead link although the browser may slow down this page's timers. */
  check(): void;
  /** The device says that it has no network. */
  offline(): void;
  /** Open another link of the same transport with newer options, and change to it without a gap. */
  reopen(): void;
}

/** Return what is left of `WAKE_MS` since a moment; a clock that was set does not make it longer. */
function leftMs(since: number): number {
  return Math.min(WAKE_MS, Math.max(0, since + WAKE_MS - Date.now()));
}

/** Return a connection that keeps itself up until it is stopped or finally refused. */
export function createConnection(options: ConnectionOptions): Connection {
  const { transports, storage, memoryKey, logger } = options;
  let link: Link | undefined;
  let probe: Link | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let probing: ReturnType<typeof setTimeout> | undefined;
  /** Whether the present link was opened with older options. */
  let reopening = false;
  let attempt = 0;
  let refusals = 0;
  let evictions = 0;
  let openedAt = 0;
  let wokenAt = 0;
  /** Whether the page woke up during the wait before the next attempt. */
  let hurried = false;
  let windowMs = 0;
  let tokenReason: TokenReason = "connect";

  const setStatus = (change: Partial<Status>): void => {
    connection.status = { ...connection.status, transport: null, retryAt: null, ...change };
    options.onStatus(connection.status);
  };

  const remembered = (): number => {
    const [transport, until] = (storage.getItem(memoryKey) ?? "").split(" ");
    return Number(until) > Date.now() ? Math.max(0, transports.indexOf(transport as Transport)) : 0;
  };
  const remember = (transport: Transport | undefined): void =>
    storage.setItem(memoryKey, transport ? `${transport} ${Date.now() + MEMORY_MS}` : "");

  const clear = (): void => {
    clearTimeout(retry);
    clearTimeout(probing);
    retry = undefined;
    liveness.stop();
    link?.close();
    probe?.close();
    link = probe = undefined;
  };
  const liveness = createLiveness((livedMs) => ended(SILENT, livedMs));

  /** Open a link by the best transport of `order` that works. */
  const race = (order: readonly Transport[], open: RaceListener["open"], end: RaceListener["end"]): Link =>
    openLink(order, () => options.getLinkOptions(tokenReason), {
      open,
      end,
      alive: liveness.received,
      cursor: options.onCursor,
      frame: (frame) => {
        if (frame.type === "reconnect") windowMs = boundMs((frame as Reconnect).withinSeconds * 1000);
        options.onFrame(frame);
      },
    });

  const connect = (): void => {
    retry = undefined;
    openedAt = 0;
    if (hurried) wokenAt = Date.now();
    hurried = false;
    const again = connection.status.state === "connected" || connection.status.state === "reconnecting";
    setStatus({ state: again ? "reconnecting" : "connecting", attempt });
    const order = transports.slice(remembered());
    logger.debug(`tries ${order}`);
    link = race(order, opened, ended);
  };

  const opened = (transport: Transport, greeting: ConnectionEstablished): void => {
    openedAt = Date.now();
    refusals = windowMs = 0;
    reopening = false;
    tokenReason = "connect";
    remember(transport);
    liveness.start(greeting.data.heartbeatSeconds * 1000);
    clearTimeout(probing);
    if (transport !== transports[0]) probing = setTimeout(seekBetter, PROBE_MS);
    options.onFrame(greeting);
    setStatus({ state: "connected", transport, reason: null });
  };

  const ended = (ending: Ending, livedMs = openedAt && Date.now() - openedAt): void => {
    const { code, retryMs, why } = ending;
    clear();
    logger.debug(`ended with ${code}${why ? ` (${why})` : ""}`);
    const refused = code === 4001 || code === 4500;
    if (refused) tokenReason = code === 4001 ? "expired" : "unauthorized";
    // A newer token may be accepted, so the page is asked for one a few times before the refusal is final.
    const terminal = refused ? ++refusals >= MOST_REFUSALS || retryMs === Infinity : isFinal(code);
    const reason = describeReason(code === 1006 && globalThis.navigator?.onLine === false ? OFFLINE : code, terminal);
    // What happens every day (a restart, an expiry, a broken network) is not worth a warning.
    const daily = code === 1006 || code === 1012 || retryMs === Infinity;
    if (!daily && (terminal || code === EVICTED || (why && !openedAt))) logger.warn(`${reason.code}: ${why || code}`);
    if (terminal) return setStatus({ state: "closed", reason });
    // A connection that is closed soon after it was accepted counts as a failure.
    if (livedMs >= HEALTHY_MS) attempt = 0;
    // No transport worked: the network may have changed since one was remembered.
    if (!openedAt) remember(undefined);
    if (!openedAt && code === 1008) options.onUnreadable();
    let waitMs = backoffMs(attempt, Math.random, code === NO_TOKEN ? NO_TOKEN_CAP_MS : undefined) + boundMs(retryMs);
    if (code === EVICTED) waitMs = evictedMs(++evictions);
    else if (code === 1012 && !retryMs) waitMs += Math.random() * (windowMs || RESTART_WINDOW_MS);
    // A link that had worked and went silent is tried again at once.
    else if (ending === SILENT && livedMs >= HEALTHY_MS) waitMs = 0;
    attempt++;
    setStatus({ state: "reconnecting", attempt, retryAt: Math.ceil(Date.now() + waitMs), reason });
    retry = setTimeout(connect, waitMs);
  };

  /** On a fallback: try whether a better transport works by now, and change to it without a gap. */
  const seekBetter = (): void => {
    // The present one is tried, too, where a link with newer options could not be opened.
    const count = transports.indexOf(connection.status.transport!) + +reopening;
    if (count > 0) seek(transports.slice(0, count));
  };
  const seek = (order: readonly Transport[]): void => {
    clearTimeout(probing);
    if (probe) return;
    const again = ({ retryMs }: Ending): void => {
      probe = undefined;
      probing = setTimeout(seekBetter, reopening ? REOPEN_MS * (1 + Math.random()) + boundMs(retryMs) : PROBE_MS);
    };
    const seeking = (probe = race(
      order,
      (transport, greeting) => {
        link?.close();
        link = seeking;
        probe = undefined;
        opened(transport, greeting);
      },
      (ending) => (link === seeking ? ended(ending) : again(ending)),
    ));
  };

  const connection: Connection = {
    status: IDLE,
    reopen: () => {
      const { transport } = connection.status;
      // A poll has no signals, whatever is asked for.
      reopening = !!transport && transport !== "poll";
      if (reopening) seek([transport!]);
    },
    start: () => {
      if (connection.status.state === "closed") attempt = refusals = 0;
      evictions = 0;
      clear();
      connect();
    },
    stop: clear,
    send: (text) => link?.send?.(text),
    wake: (online, looked) => {
      if (looked) evictions = 0;
      liveness.check(true);
      // A page may wake many times a second.
      if (retry !== undefined && !hurried && (looked || connection.status.reason?.code !== "replaced")) {
        hurried = true;
        clearTimeout(retry);
        retry = setTimeout(connect, leftMs(wokenAt));
      }
      if (leftMs(wokenAt)) return;
      wokenAt = Date.now();
      link?.wake?.();
      if (online) seekBetter();
    },
    check: () => liveness.check(false),
    offline: () => {
      if (link || retry !== undefined) ended({ code: OFFLINE });
    },
  };
  return connection;
}
