/** What a tab missed while it was being reloaded or frozen, though another tab kept the connection. */
import { backoffMs } from "./backoff.js";
import type { Offer } from "./link.js";
import { fetchPage } from "./poll.js";
import type { AnyFrame } from "./wire.js";

/**
 * Fetch everything since the offer's cursor, in order; resolves at the end of it, or when `signal` is aborted.
 *
 * Failures are tried again without an end: the live frames behind this wait for it.
 */
export async function catchUp(getOffer: () => Promise<Offer>, deliver: (frame: AnyFrame) => void, signal: AbortSignal): Promise<void> {
  let cursor: string | undefined;
  for (let attempt = 0; !signal.aborted; ) {
    try {
      const offer = await getOffer();
      const page = await fetchPage(offer.base, offer.token, (cursor ??= offer.cursor), signal);
      if ("frames" in page) {
        if (signal.aborted) return;
        page.frames.forEach(deliver);
        cursor = page.cursor;
        if (!page.frames.length || page.resume === "gap") return;
        attempt = 0;
        continue;
      }
    } catch {
      // The network, or the page's own token: another time.
    }
    await new Promise((resolve) => setTimeout(resolve, backoffMs(attempt++)));
  }
}
