import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { BROKEN, Refusal, type Ending, type Link } from "../src/link.js";
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
import { listen, offer, type Heard } from "./lines.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

const ALL: Transport[] = ["ws", "sse", "poll"];

async function start(
  order = ALL,
  getOffer = async () => offer(),
): Promise<{ heard: Heard; won: Transport[]; line: Link }> {
  const { heard, listener } = listen();
  const won: Transport[] = [];
  const line = openLink(order, getOffer, { ...listener, open: (transport) => won.push(transport) });
  await flush();
  return { heard, won, line };
}

test("a WebSocket that greets in time is the only line", async () => {
  const { heard, won } = await start();
  await pass(1_999);
  newestSocket().say(hello(), alert(1));
  await pass(60_000);
  expect([won, requests.length, heard.frames]).toEqual([["ws"], 0, [alert(1)]]);
});

test("after 2 s of silence an event stream is tried beside it, and the first greeting wins", async () => {
  const { won } = await start();
  await pass(2_000);
  await newestRequest().begin();
  await newestRequest().say(hello());
  expect([won, newestSocket().closed]).toEqual([["sse"], true]);
});

test("a WebSocket that greets late still wins where nothing else has", async () => {
  const { heard, won } = await start();
  await pass(3_000);
  newestSocket().say(hello());
  await flush();
  expect([won, newestRequest().aborted, heard.endings]).toEqual([["ws"], true, []]);
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

test("a stream that does not even answer is given up", async () => {
  const { heard } = await start(["sse"]);
  await pass(8_000);
  expect([newestRequest().aborted, heard.endings]).toEqual([true, [BROKEN]]);
});

test("what the hub itself refuses it refuses over every transport", async () => {
  const { heard } = await start();
  newestSocket().end(4501);
  await pass(60_000);
  expect([heard.endings, requests.length]).toEqual([[{ code: 4501 }], 0]);
});

test("where nothing gets through it ends once, with the network's code", async () => {
  const { heard } = await start();
  newestSocket().end();
  await flush();
  newestRequest().fail();
  await flush();
  newestRequest().fail();
  await pass(60_000);
  expect(heard.endings).toEqual([BROKEN]);
});

test("the end of the winner is the end", async () => {
  const { heard } = await start();
  newestSocket().say(hello());
  newestSocket().end(1012);
  await pass(60_000);
  expect([heard.endings, requests.length]).toEqual([[{ code: 1012 }], 0]);
});

test("a loser is heard no more, whatever it still says", async () => {
  const { heard } = await start();
  await pass(2_000);
  await newestRequest().begin();
  await newestRequest().say(hello());
  newestSocket().say(hello(), alert(1));
  newestSocket().end(4501);
  expect([heard.frames, heard.endings]).toEqual([[], []]);
});

test("a race that was closed while the token was asked for opens nothing", async () => {
  let give = (_: ReturnType<typeof offer>): void => undefined;
  const { line, heard } = await start(ALL, () => new Promise((resolve) => (give = resolve)));
  line.close();
  give(offer());
  await pass(60_000);
  expect([sockets.length, requests.length, heard.endings]).toEqual([0, 0, []]);
});

test("no token ends the race with the reason", async () => {
  const { heard } = await start(ALL, () => Promise.reject(new Refusal({ code: 4500, retryMs: Infinity })));
  expect(heard.endings).toEqual([{ code: 4500, retryMs: Infinity }] satisfies Ending[]);
});

test("each line has a token of its own: a ticket is good once", async () => {
  const getOffer = vi.fn(async () => offer());
  await start(ALL, getOffer);
  await pass(2_000);
  expect(getOffer).toHaveBeenCalledTimes(2);
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
