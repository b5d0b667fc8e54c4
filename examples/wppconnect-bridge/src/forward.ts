import type { Deliver } from "./spool.js";

/** What the gateway posted, as it came. */
export interface Posted {
  readonly contentType: string;
  readonly body: Buffer;
}

const TIMEOUT_MS = 15_000;

/** Write what was posted as one piece for the spool: the content type, a line break, the body. */
export function packPosted(posted: Posted): Buffer {
  return Buffer.concat([Buffer.from(`${posted.contentType}\n`), posted.body]);
}

/** The statuses after which the same request may succeed: too slow, too early, too many, or a proxy without its server. */
const NOT_NOW = new Set([408, 425, 429, 502, 503, 504]);

/**
 * Return what passes everything on to the webhook that the gateway had before, byte for byte.
 *
 * Silence and "not now" are tried again. 500 is tried again for a while, since it may be this one event that breaks the
 * other side. Any other response is final, as it was for the gateway, which ignores responses.
 */
export function forwardTo(url: string): Deliver {
  let silent = false;
  return async (content, _id, signal) => {
    const end = content.indexOf("\n");
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": content.subarray(0, end).toString() },
        body: new Uint8Array(content.subarray(end + 1)),
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      if (NOT_NOW.has(response.status)) throw new Error(`status ${response.status}`);
      if (response.status >= 500) {
        console.error(`wppconnect-bridge: BRIDGE_FORWARD_URL responds to an event with ${response.status}`);
        return "failed";
      }
      if (silent) console.log("wppconnect-bridge: BRIDGE_FORWARD_URL takes events again");
      silent = false;
      return "done";
    } catch {
      if (!silent && !signal.aborted)
        console.error("wppconnect-bridge: BRIDGE_FORWARD_URL does not take events; they wait");
      silent = true;
      return "again";
    }
  };
}
