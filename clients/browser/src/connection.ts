/** The one live connection: which transport, when to try again, when to stop. */
import { HEALTHY_MS, RESTART_WINDOW_MS, backoffMs } from "./backoff.js";
import { BROKEN, type Ending, type Link, type Offer } from "./link.js";
import { createLiveness } from "./liveness.js";
import { openLink, type RaceListener } from "./race.js";
import { IDLE, describeReason, isFinal, type Status, type Transport } from "./status.js";
import type { StorageLike } from "./storage.js";
import type { TokenReason } from "./tokens.js";
import type { AnyFrame, ConnectionEstablished, Reconnect } from "./wire.js";

const MEMORY_MS = 24 * 3_600_000;
const PROBE_MS = 5 * 60_000;
const MOST_REFUSALS = 3;

export interface ConnectionOptions {
  /** Best first. */
  transports: readonly Transport[];
  /** Where the transport that worked is remembered for a day, and under which key. */
  storage: StorageLike;
  memoryKey: string;
  /** Return what an attempt opens its line with; asked for each line. */
  getOffer(reason: TokenReason): Promise<Offer>;
  onFrame(frame: AnyFrame): void;
  onCursor(cursor: string): void;
  onStatus(status: Status): void;
}

export interface Connection {
  status: Status;
  /** Connect now, whatever was waited for or refused. */
  start(): void;
  /** Close, without a word to anybody. */
  stop(): void;
  /** The page woke up, or the network (`online`) came back: look at once. */
  wake(online: boolean): void;
}

/** Return a connection that keeps itself up until it is stopped or finally refused. */
export function createConnection(options: ConnectionOptions): Connection {
  const { transports, storage, memoryKey } = options;
  let link: Link | undefined;
  let probe: Link | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let probing: ReturnType<typeof setTimeout> | undefined;
  let attempt = 0;
  let refusals = 0;
  let openedAt = 0;
  let windowMs = 0;
  let tokenReason: TokenReason = "connect";

  const tell = (change: Partial<Status>): void => {
    connection.status = { ...connection.status, retryAt: null, ...change };
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
  const liveness = createLiveness(() => {
    clear();
    connect(describeReason(BROKEN.code, false));
  });

  /** Open the best line of `order`. */
  const race = (order: readonly Transport[], open: RaceListener["open"], end: RaceListener["end"]): Link =>
    openLink(order, () => options.getOffer(tokenReason), {
      open,
      end,
      alive: liveness.sign,
      cursor: options.onCursor,
      frame: (frame) => {
        if (frame.type === "reconnect") windowMs = (frame as Reconnect).withinSeconds * 1000;
        options.onFrame(frame);
      },
    });

  const connect = (reason = connection.status.reason): void => {
    openedAt = 0;
    const again = connection.status.state === "connected" || connection.status.state === "reconnecting";
    tell({ state: again ? "reconnecting" : "connecting", transport: null, attempt, reason });
    link = race(transports.slice(remembered()), opened, ended);
  };

  const opened = (transport: Transport, greeting: ConnectionEstablished): void => {
    openedAt = Date.now();
    refusals = windowMs = 0;
    tokenReason = "connect";
    remember(transport);
    liveness.start(greeting.data.heartbeatSeconds * 1000);
    clearTimeout(probing);
    if (transport !== transports[0]) probing = setTimeout(seekBetter, PROBE_MS);
    options.onFrame(greeting);
    tell({ state: "connected", transport, reason: null });
  };

  const ended = ({ code, retryMs = 0 }: Ending): void => {
    clear();
    const refused = code === 4001 || code === 4500;
    if (refused) tokenReason = code === 4001 ? "expired" : "unauthorized";
    // A newer token may be better, so the page is asked for one a few times before its refusal is final.
    const terminal = refused ? ++refusals >= MOST_REFUSALS || retryMs === Infinity : isFinal(code);
    const reason = describeReason(code, terminal);
    if (terminal) return tell({ state: "closed", transport: null, reason });
    if (openedAt && Date.now() - openedAt >= HEALTHY_MS) attempt = 0;
    // None got through: the network may be another one than the transport was remembered for.
    if (!openedAt) remember(undefined);
    const restarting = code === 1012 && !retryMs;
    const waitMs = restarting ? Math.random() * (windowMs || RESTART_WINDOW_MS) : retryMs + backoffMs(attempt);
    attempt++;
    tell({ state: "reconnecting", transport: null, attempt, retryAt: Math.ceil(Date.now() + waitMs), reason });
    retry = setTimeout(connection.start, waitMs);
  };

  /** On a fallback: see whether a better transport gets through by now, and go over without a hole. */
  const seekBetter = (): void => {
    const place = transports.indexOf(connection.status.transport!);
    clearTimeout(probing);
    if (place < 1 || probe) return;
    const again = (): void => {
      probe = undefined;
      probing = setTimeout(seekBetter, PROBE_MS);
    };
    const seeking = (probe = race(
      transports.slice(0, place),
      (transport, greeting) => {
        link?.close();
        link = seeking;
        probe = undefined;
        opened(transport, greeting);
      },
      (ending) => (link === seeking ? ended(ending) : again()),
    ));
  };

  const connection: Connection = {
    status: IDLE,
    start: () => {
      if (connection.status.state === "closed") attempt = refusals = 0;
      clear();
      connect();
    },
    stop: clear,
    wake: (online) => {
      if (retry !== undefined) connection.start();
      liveness.check();
      link?.wake?.();
      if (online) seekBetter();
    },
  };
  return connection;
}
