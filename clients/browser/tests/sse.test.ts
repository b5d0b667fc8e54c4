import { afterEach, beforeEach, expect, test } from "vitest";
import { openEventStream } from "../src/sse.js";
import { alert, flush, hello, installFakes, newestRequest, removeFakes } from "./fakes.js";
import { listen, linkOptions, type Received } from "./links.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

async function open(): Promise<Received> {
  const { received, listener } = listen();
  openEventStream(linkOptions(), listener);
  await newestRequest().begin();
  return received;
}

test("token and cursor are headers", () => {
  openEventStream(linkOptions({ cursor: "ep-1" }), listen().listener);
  expect(newestRequest()).toMatchObject({
    url: "https://hub.test/sse?protocol=hub.v1",
    headers: { authorization: "Bearer t0", "last-event-id": "ep-1" },
  });
});

test("frames come as objects, also where a character is cut in two", async () => {
  const received = await open();
  await newestRequest().say(hello());
  const bytes = new TextEncoder().encode(`data: ${JSON.stringify({ ...alert(1), title: "çã€" })}\r\n\r\n`);
  for (const byte of bytes)
    (newestRequest() as unknown as { stream: ReadableStreamDefaultController }).stream.enqueue(Uint8Array.of(byte));
  await flush();
  expect(received.frames).toEqual([hello(), { ...alert(1), title: "çã€" }]);
});

test("a comment is a heartbeat, and its id moves the cursor", async () => {
  const received = await open();
  await newestRequest().say(hello());
  const before = received.signs;
  await newestRequest().write(": hb\r\nid: ep-7\r\n\r\n");
  expect([received.signs - before, received.cursors]).toEqual([1, ["ep-7"]]);
});

test("a closing frame ends the stream with its code, before the end of the response", async () => {
  const received = await open();
  await newestRequest().say(hello(), { type: "closing", code: 4001, reason: "expired" });
  expect(received.endings).toEqual([{ code: 4001, why: "expired" }]);
});

test("a wait that the hub names after its greeting goes with the end, the default before it does not", async () => {
  const received = await open();
  await newestRequest().say(hello());
  await newestRequest().write("retry: 700\r\n\r\n");
  await newestRequest().end();
  expect(received.endings).toEqual([{ code: 1006, retryMs: 700 }]);
});

test("a stream that ends without a word is the network's end", async () => {
  const received = await open();
  await newestRequest().end();
  expect(received.endings).toEqual([{ code: 1006 }]);
});

test.each([
  [401, "token_expired", 4001],
  [401, "invalid_token", 4500],
  [403, "origin_not_allowed", 4501],
  [503, "hub_full", 4503],
  [503, "draining", 1012],
  [503, "directory_unavailable", 1013],
  [429, "overloaded", 1013],
  [400, "bad_request", 1008],
])("the hub's %i %s is what a WebSocket would be closed with", async (status, code, expected) => {
  const { received, listener } = listen();
  openEventStream(linkOptions(), listener);
  newestRequest().refuse(status, code, { "retry-after": "7" });
  await flush();
  expect(received.endings).toMatchObject([{ code: expected, retryMs: 7000, why: `${code}: A title` }]);
});

test.each([401, 403, 407, 502])("a proxy's own %i says nothing of the user", async (status) => {
  const { received, listener } = listen();
  openEventStream(linkOptions(), listener);
  newestRequest().respond(status, "<html>", { "content-type": "text/html" });
  await flush();
  expect(received.endings).toEqual([{ code: 1006 }]);
});

test("a login page in place of the stream is not read as a stream", async () => {
  const { received, listener } = listen();
  openEventStream(linkOptions(), listener);
  newestRequest().respond(200, "<html>", { "content-type": "text/html" });
  await flush();
  expect(received.endings).toEqual([{ code: 1006 }]);
});

test("closing the link ends its request", async () => {
  const link = openEventStream(linkOptions(), listen().listener);
  link.close();
  expect(newestRequest().aborted).toBe(true);
});
