/** Polling, the last resort: requests in intervals, for networks on which nothing stays open. */
import { pageMs } from "./backoff.js";
import { BROKEN, endingOf, type Ending, type LinkOptions, type OpenLink } from "./link.js";
import { readRefusal, requestHeaders } from "./refusal.js";
import { fetchInTime } from "./request.js";
import type { AnyFrame, ConnectionData } from "./wire.js";

const SHORTEST_MS = 5_000;
const LONGEST_MS = 30_000;

/** The frames after a cursor, at most one page of them, and the cursor to go on with. */
export interface Page {
  frames: AnyFrame[];
  cursor: string;
  resume: ConnectionData["resume"];
}

/** Fetch the page after a cursor; a refusal is returned as the ending it stands for. Rejects where the network fails. */
export function fetchPage(
  base: string,
  token: string,
  cursor: string | undefined,
  signal: AbortSignal,
): Promise<Page | Ending> {
  return fetchInTime<Page | Ending>(
    `${base}/poll?protocol=hub.v1`,
    { headers: requestHeaders(token, cursor) },
    (response) => (response.ok ? response.json() : readRefusal(response)),
    signal,
  );
}

/** Say whether there may be another page: not after a gap, a page without frames or one with the same cursor. */
export function leadsOn(page: Page, from: string | undefined): boolean {
  return page.frames.length > 0 && page.resume !== "gap" && page.cursor !== from;
}

/** Poll: soon again while frames come, then every 5 s, and up to every 30 s while none do. */
export const openPolling: OpenLink = (options, listener) => {
  const abort = new AbortController();
  let wake = (): void => {};
  let waitMs = SHORTEST_MS;

  const run = async ({ base, token, cursor, renew }: LinkOptions): Promise<Ending> => {
    let first = true;
    for (let pages = 0; !abort.signal.aborted; first = false) {
      const page = await fetchPage(base, first ? token : await renew(), cursor, abort.signal);
      if (!("frames" in page)) return page;
      listener.alive();
      if (first) listener.frame(greet(page));
      for (const frame of page.frames) listener.frame(frame);
      const more = leadsOn(page, cursor);
      if (page.cursor !== cursor) listener.cursor((cursor = page.cursor));
      if (more) waitMs = SHORTEST_MS;
      else pages = 0;
      const pauseMs = more ? pageMs(++pages) : waitMs * (0.75 + Math.random() / 4);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, pauseMs);
        wake = () => {
          waitMs = SHORTEST_MS;
          clearTimeout(timer);
          resolve();
        };
      });
      if (!more) waitMs = Math.min(LONGEST_MS, waitMs * 1.5);
    }
    return BROKEN;
  };

  const close = (): void => {
    abort.abort();
    wake();
  };
  run(options).then(listener.end, (error: unknown) => listener.end(endingOf(error)));
  return { close, wake: () => wake() };
};

/** Return the greeting that a connection begins with; polling has responses and needs no heartbeat. */
function greet(data: Page): AnyFrame {
  return { type: "connection_established", data: { ...data, heartbeatSeconds: 0 } } as AnyFrame;
}
