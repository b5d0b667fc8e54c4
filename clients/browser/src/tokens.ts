/** Asking the page for a token: for every attempt, one question at a time, never for ever. */
import { BROKEN, Refusal } from "./link.js";

/** Why a token is asked for: a first or further attempt, or the last one had expired or was refused. */
export type TokenReason = "connect" | "expired" | "unauthorized";

export type GetToken = (context: { reason: TokenReason }) => string | Promise<string>;

const DEADLINE_MS = 10_000;

/** Thrown by `getToken` where nobody is signed in: the client stops, until `reconnect()`. */
export class UnauthorizedError extends Error {
  override name = "UnauthorizedError";
}

/** Return `getToken` with a deadline; whoever asks while a question is open shares its answer. Rejects with a `Refusal`. */
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
    timer = setTimeout(() => reject(new Refusal(BROKEN)), DEADLINE_MS);
  });
  try {
    return await Promise.race([(async () => getToken({ reason }))(), deadline]);
  } catch (error) {
    // By name too: a page may have two copies of this module.
    throw new Refusal((error as Error | undefined)?.name === "UnauthorizedError" ? { code: 4500, retryMs: Infinity } : BROKEN);
  } finally {
    clearTimeout(timer);
  }
}
