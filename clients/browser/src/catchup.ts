/** What a tab missed while it was being reloaded or frozen, though another tab kept the connection. */
import { backoffMs, pageMs } from "./backoff.js";
import type { Offer } from "./link.js";
import { fetchPage, leadsOn } from "./poll.js";
import { isFinal } from "./status.js";
import type { AnyFrame } from "./wire.js";

const MOST_REFUSALS = 3;

/**
 * Fetch everything since the offer's cursor, in order; resolves with true at the end of it, or when `signal` is
 * aborted, with false where the hub will not give it to this tab.
 *
 * Failures are tried again without an end: the live frames behind this wait for it.
 */
export async function catchUp(
  getOffer: () => Promise<Offer>,
  deliver: (frame: AnyFrame) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let cursor: string | undefined;
  let refusals = 0;
  let pages = 0;
  for (let attempt = 0; !signal.aborted; ) {
    let waitMs = backoffMs(attempt);
    try {
      const offer = await getOffer();
      const page = await fetchPage(offer.base, offer.token, (cursor ??= offer.cursor), signal);
      if (signal.aborted) break;
      if ("frames" in page) {
        page.frames.forEach(deliver);
        if (!leadsOn(page, cursor)) break;
        cursor = page.cursor;
        attempt = -1;
        waitMs = pageMs(++pages);
      } else {
        if ((isFinal(page.code) || page.code === 1008) && ++refusals >= MOST_REFUSALS) return false;
        waitMs += page.retryMs ?? 0;
      }
    } catch {
      // The network, or the page's own token: another time.
    }
    attempt++;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return true;
}
