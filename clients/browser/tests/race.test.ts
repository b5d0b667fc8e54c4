import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BROKEN, LinkError, type Ending, type Link } from "../src/link.js";
import { openLink } from "../src/race.js";
import type { Transport } from "../src/status.js";
import {
  alert,
  flush,
  hello,
  installFakes,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
} from "./fakes.js";
import { listen, linkOptions, type Received } from "./links.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

const ALL: Transport[] = ["ws", "sse", "poll"];

async function start(
  order = ALL,
  getLinkOptions = async () => linkOptions(),
): Promise<{ received: Received; won: Transport[]; link: Link }> {
  const { received, listener } = listen();
  const won: Transport[] = [];
  const link = openLink(order, getLinkOptions, { ...listener, open: (transport) => won.push(transport) });
  await flush();
  return { received, won, link };
}

test("a WebSocket that greets in time is the only link", async () => {
  const { received, won } = await start();
  await pass(1_999);
  newestSocket().say(hello(), alert(1));
  await pass(60_000);
  expect([won, requests.length, received.frames]).toEqual([["ws"], 0, [alert(1)]]);
});

test("after 2 s of silence an event stream is tried beside it, and the first greeting wins", async () => {
  const { won } = await start();
  await pass(2_000);
  await newestRequest().begin();
  await newestRequest().say(hello());
  expect([won, newestSocket().closed]).toEqual([["sse"], true]);
});

test("a WebSocket that greets late still wins where nothing else has", async () => {
  const { received, won } = await start();
  await pass(3_000);
  newestSocket().say(hello());
  await flush();
  expect([won, newestRequest().aborted, received.endings]).toEqual([["ws"], true, []]);
});

test("a WebSocket that fails before it opened is followed at once", async () => {
  await start();
  newestSocket().end();
  await flush();
  expect(requests.map((request) => request.path)).toEqual(["/sse"]);
});

test("a WebSocket that hangs is closed after 4 s: it would hold up every later one", async () => {
  await start();
  await pass(3_999);
  expect(newestSocket().closed).toBe(false);
  await pass(1);
  expect(newestSocket().closed).toBe(true);
  expect(requests.map((request) => request.path)).toEqual(["/sse"]);
});

test("a stream that has headers but no greeting within 3 s is being buffered: polling begins", async () => {
  const { won } = await start();
  newestSocket().end();
  await flush();
  await newestRequest().begin();
  await pass(3_000);
  expect(newestRequest().path).toBe("/poll");
  newestRequest().page([], "epoch-0", "live");
  await flush();
  expect([won, requests[0]!.aborted]).toEqual([["poll"], true]);
});

test("a stream without a response is given up", async () => {
  const { received } = await start(["sse"]);
  await pass(8_000);
  expect([newestRequest().aborted, received.endings]).toEqual([true, [BROKEN]]);
});

test("what the hub itself refuses it refuses over every transport", async () => {
  const { received } = await start();
  newestSocket().end(4501);
  await pass(60_000);
  expect([received.endings, requests.length]).toEqual([[{ code: 4501 }], 0]);
});

test("where nothing gets through it ends once, with the network's code", async () => {
  const { received } = await start();
  newestSocket().end();
  await flush();
  newestRequest().fail();
  await flush();
  newestRequest().fail();
  await pass(60_000);
  expect(received.endings).toEqual([BROKEN]);
});

test("the end of the winner is the end", async () => {
  const { received } = await start();
  newestSocket().say(hello());
  newestSocket().end(1012);
  await pass(60_000);
  expect([received.endings, requests.length]).toEqual([[{ code: 1012 }], 0]);
});

test("a loser is received no more, whatever it still says", async () => {
  const { received } = await start();
  await pass(2_000);
  await newestRequest().begin();
  await newestRequest().say(hello());
  newestSocket().say(hello(), alert(1));
  newestSocket().end(4501);
  expect([received.frames, received.endings]).toEqual([[], []]);
});

test("a race that was closed while the token was asked for opens nothing", async () => {
  let give = (_: ReturnType<typeof linkOptions>): void => undefined;
  const { link, received } = await start(ALL, () => new Promise((resolve) => (give = resolve)));
  link.close();
  give(linkOptions());
  await pass(60_000);
  expect([sockets.length, requests.length, received.endings]).toEqual([0, 0, []]);
});

test("no token ends the race with the reason", async () => {
  const { received } = await start(ALL, () => Promise.reject(new LinkError({ code: 4500, retryMs: Infinity })));
  expect(received.endings).toEqual([{ code: 4500, retryMs: Infinity }] satisfies Ending[]);
});

test("each link has a token of its own: a ticket is good once", async () => {
  const getLinkOptions = vi.fn(async () => linkOptions());
  await start(ALL, getLinkOptions);
  await pass(2_000);
  expect(getLinkOptions).toHaveBeenCalledTimes(2);
});

test("an address that the browser refuses is a transport that does not get through", async () => {
  vi.stubGlobal(
    "WebSocket",
    class {
      constructor() {
        throw new DOMException("insecure", "SecurityError");
      }
    },
  );
  await start();
  await flush();
  expect(newestRequest().path).toBe("/sse");
});
