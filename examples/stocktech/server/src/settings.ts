/** What the service needs to know. */
export interface Settings {
  readonly hubUrl: string;
  readonly hubKey: string;
  readonly secret: string;
  readonly tokenTtlS: number;
  readonly port: number;
  /** Within how many seconds a client has to get an order, before the hub calls the service's webhook; undefined: never. */
  readonly confirmWithinS: number | undefined;
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
  const whole = (name: string, usual: number, most: number): number => {
    const value = Number(env[name]?.trim() || usual);
    if (!Number.isInteger(value) || value < 1 || value > most) {
      throw new Error(`${name}: is not a whole number from 1 to ${most} (example: ${name}=${usual})`);
    }
    return value;
  };
  return {
    hubUrl: need("AVADMIN_API_URL", "http://localhost:8000"),
    hubKey: need("NOTIFICATION_HUB_KEY", "hubk_..."),
    secret: need("JWT_SECRET", "the hub's own"),
    tokenTtlS: whole("DEMO_TOKEN_TTL", 900, 604_800),
    port: whole("PORT", 5174, 65_535),
    confirmWithinS: env["DEMO_CONFIRM_WITHIN"]?.trim() ? whole("DEMO_CONFIRM_WITHIN", 60, 604_800) : undefined,
  };
}
