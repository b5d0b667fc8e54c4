/** Asks the page for a token: for every attempt, one request at a time, with a deadline. */
import { BROKEN, NO_TOKEN, LinkError } from "./link.js";

/** Why a token is asked for: for an attempt, or because the last token had expired or was refused. */
export type TokenReason = "connect" | "expired" | "unauthorized";

export type GetToken = (context: { reason: TokenReason }) => string | Promise<string>;

const DEADLINE_MS = 10_000;
/** What an `Authorization` header may carry (RFC 6750, section 2.1): JSON Web Tokens and tickets are of that form. */
const TOKEN = /^[\w.~+/-]+=*$/;

/** Thrown by `getToken` where no user is signed in: the client stops, until `reconnect()`. */
export class UnauthorizedError extends Error {
  override name = "UnauthorizedError";
}

/** Return `getToken` with a deadline; calls at the same time share one result. Rejects with a `LinkError`. */
export function createTokens(getToken: GetToken): (reason: TokenReason) => Promise<string> {
  let asking: Promise<string> | undefined;
  return (reason) =>
    (asking ??= ask(getToken, reason).finally(() => {
      asking = undefined;
    }));
}

async function ask(getToken: GetToken, reason: TokenReason): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new LinkError(BROKEN)), DEADLINE_MS);
  });
  try {
    return check(await Promise.race([(async () => getToken({ reason }))(), deadline]));
  } catch (error) {
    if (error instanceof LinkError) throw error;
    // By name too: a page may have two copies of this module.
    throw new LinkError(
      (error as Error | undefined)?.name === "UnauthorizedError" ? { code: 4500, retryMs: Infinity } : BROKEN,
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Return the token without the line break that a file or a template ends with. Throws where it is not a valid token. */
function check(given: unknown): string {
  const token = typeof given === "string" && given.trim();
  if (token && TOKEN.test(token)) return token;
  const what = !token
    ? `nothing (${typeof given})`
    : token.startsWith("<")
      ? "HTML (of a login?)"
      : /^[[{"]/.test(token)
        ? "JSON"
        : "invalid text";
  throw new LinkError({ code: NO_TOKEN, why: `getToken gave ${what}` });
}
