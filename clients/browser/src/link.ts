/** What the transports have in common: one open line to the hub, whatever carries it. */
import type { AnyFrame } from "./wire.js";

/** Why a line ended, as the WebSocket close code that says it; 1006 is the network's. */
export interface Ending {
  code: number;
  /** The least wait that the hub asked for. */
  retryMs?: number | undefined;
  /** What the hub, or this client, has to say of it; never a token. */
  why?: string | undefined;
}

export const BROKEN: Ending = { code: 1006 };
/** Not close codes: the device says that it has no network; the page's `getToken` gave no token. */
export const OFFLINE = 1;
export const NO_TOKEN = 2;

/** A wait for a token or a line that ended like this. */
export class Refusal extends Error {
  constructor(readonly ending: Ending) {
    super(`refused with ${ending.code}`);
  }
}

/** Return the ending that a failure stands for; one that nobody named is the network's. */
export function endingOf(error: unknown): Ending {
  return error instanceof Refusal ? error.ending : BROKEN;
}

/** What a line is opened with. */
export interface Offer {
  /** The hub's address, `http(s)`, without a slash at its end. */
  base: string;
  token: string;
  cursor: string | undefined;
  /** A token for the next request, for a transport that makes several. */
  renew(): Promise<string>;
}

/** Whom a line tells; nothing is told after `end` or after the line was closed. */
export interface Listener {
  frame(frame: AnyFrame): void;
  /** The line has come as far as this cursor, without a frame. */
  cursor(cursor: string): void;
  /** Something came, if only a sign of life. */
  alive(): void;
  end(ending: Ending): void;
}

export interface Link {
  close(): void;
  /** The page woke up: look at once. */
  wake?(): void;
}

export type OpenLink = (offer: Offer, listener: Listener) => Link;
