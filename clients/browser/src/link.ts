/** What the transports have in common: a link, which is one open way to the hub. */
import type { AnyFrame } from "./wire.js";

/** Why a link ended, as a WebSocket close code; 1006 is a failure of the network. */
export interface Ending {
  code: number;
  /** The least wait that the hub asked for. */
  retryMs?: number | undefined;
  /** The reason in words, the hub's or this client's; never a token. */
  why?: string | undefined;
}

export const BROKEN: Ending = { code: 1006 };
/** Not close codes: the device has no network; the page's `getToken` gave no token. */
export const OFFLINE = 1;
export const NO_TOKEN = 2;

/** A link, or a request for a token, that ended like this. */
export class LinkError extends Error {
  constructor(readonly ending: Ending) {
    super(`ended with ${ending.code}`);
  }
}

/** Return the ending that an error stands for; any other error is a failure of the network. */
export function endingOf(error: unknown): Ending {
  return error instanceof LinkError ? error.ending : BROKEN;
}

/** What a link is opened with. */
export interface LinkOptions {
  /** The hub's address, `http(s)`, without a slash at its end. */
  base: string;
  token: string;
  cursor: string | undefined;
  /** The types of signals that are wanted. */
  signals?: readonly string[];
  /** A token for the next request, for a transport that makes several. */
  renew(): Promise<string>;
}

/** Receives what a link brings; nothing is called after `end` or after the link was closed. */
export interface Listener {
  frame(frame: AnyFrame): void;
  /** The link is at this cursor now, without a frame. */
  cursor(cursor: string): void;
  /** Something was received, if only a heartbeat. */
  alive(): void;
  end(ending: Ending): void;
}

export interface Link {
  close(): void;
  /** Send a message; only over a WebSocket. */
  send?(text: string): void;
  /** The page woke up: ask the hub at once. */
  wake?(): void;
}

export type OpenLink = (options: LinkOptions, listener: Listener) => Link;
