import { finishOnSignal } from "@notification-hub/service";
import { NotificationClient, type OldStats } from "./client.js";

/** Where StockTech's notifications go: to the hub, to StockTech's own server, or to both while frontends move. */
export type Via = "hub" | "local" | "both";

const PUBLISHING = [
  "notifyOrderCreated",
  "notifyPaymentConfirmed",
  "notifyOrderStatusUpdated",
  "notifyStockAlert",
  "notifyProductAdded",
  "notifyProductUpdated",
  "notifyProductDeleted",
  "notifyCartUpdated",
  "notifyTransactionCreated",
  "notifyProfileUpdated",
  "notifyReturnRequested",
  "notifyReturnResponded",
  "notifyReplacementSent",
  "notifyDefectiveReceived",
  "notifyExchangeValidated",
  "notifyExchangeResolved",
  "sendNotificationToUser",
  "broadcastToUsers",
  "broadcastToAccount",
] as const;

type Publishing = Pick<NotificationClient, (typeof PUBLISHING)[number]>;

/** StockTech's own server, as it was: whatever of the old names it has. */
export type LocalManager = LocalLife & {
  // Any arguments: they are handed on exactly as they came.
  [name in keyof Publishing]?: (...given: never[]) => unknown;
};

interface LocalLife {
  init?(server: never): unknown;
  cleanup?(): unknown;
  getStats?(): unknown;
}

/** The old `wsManager`, name by name. */
export interface WsManager extends Publishing {
  /** Does nothing but warn once, unless StockTech's own server runs. */
  init(server?: unknown): void;
  /** Does nothing but warn once, unless StockTech's own server runs. */
  cleanup(): void;
  /** The connections; the result can be awaited, and holds what was known last for code that does not await it. */
  getStats(): Promise<OldStats> & OldStats;
  /** Send what is still queued for the hub, for the end of the process; say whether all of it was sent in time. */
  close(timeoutMs?: number): Promise<boolean>;
}

/** What a `WsManager` is made of. */
export interface WsManagerOptions {
  /** Default: what `NOTIFICATIONS_VIA` says, or `hub`. */
  via?: Via;
  /** Default: one made from `NOTIFICATION_HUB_URL` (or `AVADMIN_API_URL`) and `NOTIFICATION_HUB_KEY`. */
  client?: NotificationClient;
  /**
   * How long SIGINT and SIGTERM let the queue be sent before they end the process; 1,200 ms, since pm2 kills after 1,600.
   * 0: no signal is handled. Not with a `client` that is given: the code that made it closes it.
   */
  flushMs?: number;
  /** StockTech's own server; needed for `local` and `both`. */
  local?: LocalManager;
  env?: Record<string, string | undefined>;
}

const FLUSH_MS = 1200;

interface Routes {
  client: NotificationClient | undefined;
  local: LocalManager | undefined;
}

/**
 * Return an object with the old names that publishes through the hub.
 *
 * Nothing is read or connected before the first call. Settings that cannot be used are reported once on `console.error`,
 * and then nothing is sent: notifications must not keep StockTech from starting or selling.
 * Every method may be taken off the object and called alone.
 */
export function createWsManager(options: WsManagerOptions = {}): WsManager {
  let routes: Routes | undefined;
  const route = (): Routes => (routes ??= findRoutes(options));
  const warned = new Set<string>();
  const warnOnce = (name: string, instead: string) => {
    if (warned.has(name)) return;
    warned.add(name);
    console.warn(`wsManager.${name}() does nothing any more: ${instead}`);
  };
  const publishing = PUBLISHING.map((name) => [
    name,
    async (...given: unknown[]): Promise<void> => {
      const { client, local } = route();
      await Promise.all([call(client, name, given), call(local, name, given)]);
    },
  ]);
  return {
    // Each name takes what the client's method of that name takes, and hands it on.
    ...(Object.fromEntries(publishing) as Publishing),
    init(server) {
      const { local } = route();
      if (local) local.init?.(server as never);
      else warnOnce("init", "the hub holds the connections");
    },
    cleanup() {
      const { local } = route();
      if (local) local.cleanup?.();
      else warnOnce("cleanup", "call `close()` to send what is queued");
    },
    async close(timeoutMs) {
      return (await route().client?.close(timeoutMs)) ?? true;
    },
    getStats() {
      const { client, local } = route();
      const own = readStats(local);
      const remote = client?.getStats();
      const now = add(own, remote);
      return Object.assign(
        Promise.resolve(remote).then((fresh) => add(own, fresh)),
        now,
      );
    },
  };
}

let injected: LocalManager | undefined;

/**
 * Hand over StockTech's own server, for `NOTIFICATIONS_VIA=local` and `both`; before the first use of `notificationClient`.
 *
 * @deprecated For the time of the migration.
 */
export function useLocalManager(local: LocalManager): void {
  injected = local;
}

/** StockTech's client of the hub, ready to use: settings and `NOTIFICATIONS_VIA` are read at the first call. */
export const notificationClient: WsManager = createWsManager();

/**
 * The drop-in for StockTech's own `wsManager`: the same object by its old name.
 *
 * @deprecated For the time of the migration; say `notificationClient` instead.
 */
export const wsManager: WsManager = notificationClient;

function findRoutes(options: WsManagerOptions): Routes {
  const env = options.env ?? process.env;
  const via = (options.via ?? env.NOTIFICATIONS_VIA?.trim().toLowerCase()) || "hub";
  if (via !== "hub" && via !== "local" && via !== "both") {
    console.error("Notifications are off: NOTIFICATIONS_VIA: is not one of hub, local, both");
    return { client: undefined, local: undefined };
  }
  // With both, an error of one must not stop the other.
  const local = via === "hub" ? undefined : (options.local ?? injected);
  const client = via === "local" ? undefined : tryClient(options, env, local ? "Nothing goes to the hub" : OFF);
  if (via !== "hub" && !local) {
    const what = client ? "Notifications go to the hub alone" : OFF;
    console.error(`${what}: NOTIFICATIONS_VIA=${via}: StockTech's own server was not handed over (useLocalManager)`);
  }
  return { client, local };
}

const OFF = "Notifications are off";

function tryClient(
  options: WsManagerOptions,
  env: Record<string, string | undefined>,
  what: string,
): NotificationClient | undefined {
  try {
    return options.client ?? clientFrom(env, options.flushMs ?? FLUSH_MS);
  } catch (error) {
    console.error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function clientFrom(env: Record<string, string | undefined>, flushMs: number): NotificationClient {
  const urlName = env.NOTIFICATION_HUB_URL?.trim() ? "NOTIFICATION_HUB_URL" : "AVADMIN_API_URL";
  const url = env[urlName]?.trim();
  const key = env.NOTIFICATION_HUB_KEY?.trim();
  if (!url || !key) {
    throw new Error("NOTIFICATION_HUB_URL (or AVADMIN_API_URL) and NOTIFICATION_HUB_KEY are not both set");
  }
  const client = make({ url, key }, { url: urlName, key: "NOTIFICATION_HUB_KEY" });
  if (flushMs > 0) {
    finishOnSignal((timeoutMs) => client.close(timeoutMs), flushMs);
    process.once("exit", () => tellUnsent(client.hub.counts.queued));
  }
  return client;
}

/** Make a client; an error names the variable that cannot be used. */
function make(options: { url: string; key: string }, variables: Record<string, string>): NotificationClient {
  try {
    return new NotificationClient(options);
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new Error(
      said.replace(/^(\w+):/, (whole, name: string) => (variables[name] ? `${variables[name]}:` : whole)),
      { cause: error },
    );
  }
}

/** Report what is unsent: a program that calls `process.exit` leaves no time to send it. */
function tellUnsent(queued: number): void {
  if (queued > 0) console.warn(`notification hub: the process ended before ${queued} notifications were sent`);
}

async function call(target: object | undefined, name: string, given: unknown[]): Promise<void> {
  const method = target && (target as Record<string, unknown>)[name];
  if (typeof method !== "function") return;
  try {
    await method.apply(target, given);
  } catch (error) {
    console.error(`wsManager.${name} failed`, error instanceof Error ? error.message : undefined);
  }
}

function readStats(local: LocalManager | undefined): Partial<OldStats> | undefined {
  try {
    const said = local?.getStats?.();
    return typeof said === "object" && said !== null ? (said as Partial<OldStats>) : undefined;
  } catch {
    return undefined;
  }
}

function add(one: Partial<OldStats> | undefined, other: Partial<OldStats> | undefined): OldStats {
  const connectionsByAccount: Record<string, number> = { ...one?.connectionsByAccount };
  for (const [account, count] of Object.entries(other?.connectionsByAccount ?? {})) {
    connectionsByAccount[account] = (connectionsByAccount[account] ?? 0) + count;
  }
  return {
    totalConnections: (one?.totalConnections ?? 0) + (other?.totalConnections ?? 0),
    connectionsByAccount,
  };
}
