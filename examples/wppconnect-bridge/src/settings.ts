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
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error("BRIDGE_PORT: is no port (example: 8100)");
  const accounts = new Map<string, string>();
  for (const pair of need("BRIDGE_SESSIONS", "vendas:12345678000190").split(",")) {
    const [session, account] = pair.split(":").map((part) => part.trim());
    if (!session || !account) throw new Error("BRIDGE_SESSIONS: is no list of session:account pairs");
    accounts.set(session, account);
  }
  return {
    hubUrl: need("NOTIFICATION_HUB_URL", "https://hub.example.com"),
    hubKey: need("NOTIFICATION_HUB_KEY", "hubk_..."),
    host: env.BRIDGE_HOST?.trim() || "127.0.0.1",
    port,
    secret,
    accounts,
  };
}
