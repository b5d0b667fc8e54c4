import { createHmac } from "node:crypto";

/** Somebody who listens: a user in an account. */
export interface Person {
  userId: string;
  accountId: string;
}

/** The demo users of a hub that is started with `demoUsers`, each in an account of their own. */
export const DEMO_USERS = {
  buyer: { userId: "00000000001", accountId: "00000000000101" },
  seller: { userId: "00000000002", accountId: "00000000000202" },
} as const satisfies Record<string, Person>;

/** Return a user's token (HS256), as the issuer of your system makes them; `claims` are added. */
export function signToken(
  secret: string,
  person: Person,
  { lifetimeMs = 3_600_000, claims = {} }: { lifetimeMs?: number; claims?: Record<string, unknown> } = {},
): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = {
    sub: person.userId,
    user_id: person.userId,
    account_id: person.accountId,
    role: "user",
    exp: Math.floor((Date.now() + lifetimeMs) / 1000),
    ...claims,
  };
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(payload)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}
