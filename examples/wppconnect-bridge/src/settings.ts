import type { Gateway } from "./send.js";

/** What the bridge needs to know. */
export interface Settings {
  readonly hubUrl: string;
  readonly hubKey: string;
  readonly host: string;
  readonly port: number;
  /** The last part of the webhook's path: the gateway can send no header of its own. */
  readonly secret: string;
  /** Whose account each of the gateway's sessions is. */
  readonly accounts: ReadonlyMap<string, string>;
  /** The session of events that name none. */
  readonly defaultSession: string | undefined;
  /** The webhook that the gateway had before, which gets everything that is posted here. */
  readonly forwardUrl: string | undefined;
  /** Where what was taken waits on disk. */
  readonly spoolFolder: string;
  readonly spoolBytes: number;
  /** How long one event may fail by itself before it is kept aside. */
  readonly giveUpMs: number;
  /** What the hub signs its webhooks with, and where unconfirmed orders go; undefined where nobody is told. */
  readonly webhookSecret: string | undefined;
  readonly gateway: Gateway | undefined;
}

/**
 * Return the settings of an environment.
 *
 * @throws Error naming the variable, what is wrong and an example, never its value.
 */
export function readSettings(env: Record<string, string | undefined>): Settings {
  const need = (name: string, example: string): string => {
    const value = env[name]?.trim();
    if (!value) throw new Error(`${name}: is missing (example: ${name}=${example})`);
    return value;
  };
  const secret = need("BRIDGE_SECRET", "$(openssl rand -hex 32)");
  if (!/^[A-Za-z0-9_-]{32,}$/.test(secret)) {
    throw new Error("BRIDGE_SECRET: is not 32 or more letters, digits, _ or - (example: $(openssl rand -hex 32))");
  }
  const port = Number(env.BRIDGE_PORT?.trim() || "8100");
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error("BRIDGE_PORT: is not a port (example: 8100)");
  const accounts = new Map<string, string>();
  for (const pair of need("BRIDGE_SESSIONS", "vendas:12345678000190").split(",")) {
    const [session, account] = pair.split(":").map((part) => part.trim());
    if (!session || !account)
      throw new Error("BRIDGE_SESSIONS: is not a list of session:account pairs (example: vendas:12345678000190)");
    accounts.set(session, account);
  }
  const [only] = accounts.size === 1 ? accounts.keys() : [];
  const defaultSession = env.BRIDGE_DEFAULT_SESSION?.trim() || only;
  if (defaultSession !== undefined && !accounts.has(defaultSession)) {
    throw new Error("BRIDGE_DEFAULT_SESSION: is not one of BRIDGE_SESSIONS (example: BRIDGE_DEFAULT_SESSION=vendas)");
  }
  const forwardUrl = env.BRIDGE_FORWARD_URL?.trim() || undefined;
  if (forwardUrl !== undefined && !/^https?:$/.test(URL.canParse(forwardUrl) ? new URL(forwardUrl).protocol : "")) {
    throw new Error("BRIDGE_FORWARD_URL: is not a URL (example: BRIDGE_FORWARD_URL=http://127.0.0.1:8001/api/webhook)");
  }
  const spoolBytes = Number(env.BRIDGE_SPOOL_BYTES?.trim() || String(2 ** 30));
  if (!Number.isInteger(spoolBytes) || spoolBytes < 2 ** 20) {
    throw new Error("BRIDGE_SPOOL_BYTES: is not a number of bytes from 1 MiB on (example: 1073741824)");
  }
  const giveUpS = Number(env.BRIDGE_GIVE_UP?.trim() || "300");
  if (!(giveUpS >= 0)) throw new Error("BRIDGE_GIVE_UP: is not a number of seconds (example: 300)");
  const webhookSecret = env.BRIDGE_WEBHOOK_SECRET?.trim() || undefined;
  if (webhookSecret !== undefined && !/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(webhookSecret)) {
    throw new Error("BRIDGE_WEBHOOK_SECRET: is not the secret of the hub's key file (example: whsec_...)");
  }
  return {
    webhookSecret,
    gateway: webhookSecret === undefined ? undefined : readGateway(need, accounts),
    hubUrl: need("NOTIFICATION_HUB_URL", "https://hub.example.com"),
    hubKey: need("NOTIFICATION_HUB_KEY", "hubk_..."),
    host: env.BRIDGE_HOST?.trim() || "127.0.0.1",
    port,
    secret,
    accounts,
    defaultSession,
    forwardUrl,
    spoolFolder: env.BRIDGE_SPOOL?.trim() || "bridge-spool",
    spoolBytes,
    giveUpMs: giveUpS * 1000,
  };
}

function readGateway(need: (name: string, example: string) => string, accounts: ReadonlyMap<string, string>): Gateway {
  const url = need("BRIDGE_GATEWAY_URL", "http://127.0.0.1:21465").replace(/\/+$/, "");
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    throw new Error("BRIDGE_GATEWAY_URL: is not a URL (example: BRIDGE_GATEWAY_URL=http://127.0.0.1:21465)");
  }
  const phones = new Map<string, string>();
  for (const pair of need("BRIDGE_PHONES", "00000000191:5511999990000").split(",")) {
    const [user, phone] = pair.split(":").map((part) => part.trim());
    if (!user || !/^\d{8,15}$/.test(phone ?? ""))
      throw new Error("BRIDGE_PHONES: is not a list of user:number pairs (example: 00000000191:5511999990000)");
    phones.set(user, phone as string);
  }
  // The last session of an account would win, so that the first one is written last.
  const sessions = new Map([...accounts].reverse().map(([session, account]) => [account, session]));
  return { url, token: need("BRIDGE_GATEWAY_TOKEN", "the token of the gateway's API"), phones, sessions };
}
