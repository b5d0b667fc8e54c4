import { jwtVerify, SignJWT } from "jose";

/** A demo user of `hub serve --dev`; the ids have wrong check digits, so no person has them. */
export interface Person {
  readonly userId: string;
  readonly accountId: string;
  readonly role: string;
}

export const PEOPLE = {
  buyer: { userId: "00000000001", accountId: "00000000000101", role: "user" },
  seller: { userId: "00000000002", accountId: "00000000000202", role: "manager" },
} as const satisfies Record<string, Person>;
export type Name = keyof typeof PEOPLE;

/** Say whether a text names a demo user. */
export function isName(text: unknown): text is Name {
  return typeof text === "string" && Object.hasOwn(PEOPLE, text);
}

/** What AvAdmin does in production: tokens, made and read with the secret it shares with the hub. */
export interface Tokens {
  make(name: Name): Promise<string>;
  /** Return whose token this is; undefined for one that is not good (any more). */
  read(token: string): Promise<Name | undefined>;
}

/** Return the maker and reader of tokens that live for `ttlS` seconds. */
export function createTokens(secret: string, ttlS: number): Tokens {
  const key = new TextEncoder().encode(secret);
  return {
    make: (name) => {
      const { userId, accountId, role } = PEOPLE[name];
      const exp = Math.floor(Date.now() / 1000) + ttlS;
      return new SignJWT({
        sub: userId,
        user_id: userId,
        account_id: accountId,
        role,
        enabled_modules: ["stocktech"],
        exp,
      })
        .setProtectedHeader({ alg: "HS256" })
        .sign(key);
    },
    read: async (token) => {
      try {
        const { payload } = await jwtVerify(token, key, { algorithms: ["HS256"] });
        return (Object.keys(PEOPLE) as Name[]).find((name) => PEOPLE[name].userId === payload.sub);
      } catch {
        return undefined;
      }
    },
  };
}
