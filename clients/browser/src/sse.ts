/** The link over Server-Sent Events, by `fetch`: EventSource sends no headers, and shows neither status nor comments. */
import { boundMs } from "./backoff.js";
import { createEventParser } from "./events.js";
import { BROKEN, type Ending, type Listener, type LinkOptions, type OpenLink } from "./link.js";
import { writeQuery } from "./query.js";
import { readRefusal, requestHeaders } from "./refusal.js";
import { parseFrame, type Closing } from "./wire.js";

/** Open an event stream. */
export const openEventStream: OpenLink = (options, listener) => {
  const abort = new AbortController();
  read(options, listener, abort.signal).then(listener.end, () => listener.end(BROKEN));
  return { close: () => abort.abort() };
};

async function read(options: LinkOptions, listener: Listener, signal: AbortSignal): Promise<Ending> {
  const { base, token, cursor, signals } = options;
  const url = `${base}/sse?protocol=hub.v1${writeQuery("&", undefined, signals)}`;
  const response = await fetch(url, { headers: requestHeaders(token, cursor), cache: "no-store", signal });
  const { body, headers } = response;
  if (!response.ok || !body || !headers.get("content-type")?.startsWith("text/event-stream"))
    return readRefusal(response);
  let greeted = false;
  let retryMs: number | undefined;
  let closing: Ending | undefined;
  const parse = createEventParser((event) => {
    // The first `retry` is for EventSource; a later one comes from a hub that shuts down.
    if (greeted && event.retryMs !== undefined) retryMs = boundMs(event.retryMs);
    const frame = event.data === undefined ? undefined : parseFrame(event.data);
    if (frame?.type === "closing") closing = { code: (frame as Closing).code, why: (frame as Closing).reason };
    else if (frame) listener.frame(frame);
    else if (event.id) listener.cursor(event.id);
    greeted ||= Boolean(frame);
  });
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (value) {
      listener.alive();
      parse(decoder.decode(value, { stream: true }));
    }
    // After `closing` only the end of the stream follows, which a proxy may delay.
    if (done || closing) return { ...(closing ?? BROKEN), retryMs };
  }
}
