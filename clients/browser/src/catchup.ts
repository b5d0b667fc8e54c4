/** What a tab missed while it was being reloaded or frozen, though another tab kept the connection. */
import { backoffMs, pageMs } from "./backoff.js";
import type { LinkOptions } from "./link.js";
import { fetchPage, leadsOn } from "./poll.js";
import { isFinal } from "./status.js";
import type { AnyFrame } from "./wire.js";

const MOST_REFUSALS = 3;

/**
 * Fetch everything since the cursor of the link's options, in order; resolves with true at its end, or when `signal` is
 * aborted, and with false where the hub refuses this tab.
 *
 * Failures are tried again without a limit: the live frames wait for what comes before them.
 */
export async function catchUp(
  getLinkOptions: () => Promise<LinkOptions>,
  deliver: (frame: AnyFrame) => void,
  signal: AbortSignal,
): Promise<boolean> {
  let cursor: string | undefined;
  let refusals = 0;
  let pages = 0;
  for (let attempt = 0; !signal.aborted; ) {
    let waitMs = backoffMs(attempt);
    try {
      const options = await getLinkOptions();
      const page = await fetchPage(options.base, options.token, (cursor ??= options.cursor), signal);
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
      // The network failed, or the page gave no token: try again.
    }
    attempt++;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return true;
}
