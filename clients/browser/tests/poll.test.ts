import { afterEach, beforeEach, expect, test } from "vitest";
import { openPolling } from "../src/poll.js";
import { alert, flush, installFakes, newestRequest, pass, removeFakes, requests } from "./fakes.js";
import { listen, linkOptions } from "./links.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("the first response is the greeting, without a heartbeat to wait for", async () => {
  const { received, listener } = listen();
  openPolling(linkOptions({ cursor: "ep-1" }), listener);
  newestRequest().page([alert(2)], "epoch-2");
  await pass(1_000);
  expect(requests.map(({ headers }) => headers["last-event-id"])).toEqual(["ep-1", "epoch-2"]);
  expect(received.frames).toMatchObject([
    { type: "connection_established", data: { resume: "replayed", cursor: "epoch-2", heartbeatSeconds: 0 } },
    { id: "id-2" },
  ]);
});

test("while frames come it soon asks again, each time with a token of its own; then it waits longer and longer", async () => {
  openPolling(linkOptions(), listen().listener);
  newestRequest().page([], "epoch-0", "live");
  await pass(3_749);
  expect(requests.length).toBe(1);
  await pass(1_251);
  expect(requests.map((request) => request.headers.authorization)).toEqual(["Bearer t0", "Bearer t1"]);
  newestRequest().page([alert(1)], "epoch-1");
  await pass(65);
  expect(requests.length).toBe(3);
  for (const most of [5_000, 7_500, 11_250, 16_875, 25_312.5, 30_000, 30_000]) {
    const before = requests.length;
    newestRequest().page([], "epoch-1");
    await pass(most * 0.75 - 1);
    expect(requests.length).toBe(before);
    await pass(most * 0.25 + 1);
    expect(requests.length).toBe(before + 1);
  }
});

/** Respond to each request at once, for so long; return how many there were. */
async function respondToAll(forMs: number, respond: (number: number) => void): Promise<number> {
  const end = Date.now() + forMs;
  for (let responded = 0; Date.now() < end; await pass(10)) {
    for (; responded < requests.length; responded++) respond(responded);
  }
  return requests.length;
}

test.each<[string, (number: number) => void]>([
  [
    "a gap, each time with another cursor",
    (number) =>
      requests[number]!.page(
        [{ type: "gap", title: "", message: "", data: { cursor: `e-${number}` }, timestamp: "" }],
        `e-${number}`,
        "gap",
      ),
  ],
  ["the same page, as from a cache", (number) => requests[number]!.page([alert(1)], "epoch-1")],
  ["nothing", (number) => requests[number]!.page([], "epoch-1", "live")],
])("an immediate response, be it %s, is not followed by an immediate request", async (_, respond) => {
  openPolling(linkOptions(), listen().listener);
  expect(await respondToAll(60_000, respond)).toBeLessThan(10);
});

test("pages without an end are asked for in a growing pause, up to a second", async () => {
  openPolling(linkOptions(), listen().listener);
  expect(
    await respondToAll(60_000, (number) => requests[number]!.page([alert(number)], `epoch-${number}`)),
  ).toBeLessThan(140);
});

test("much that was missed is soon caught up with: 2,000 notifications in ten pages", async () => {
  openPolling(linkOptions(), listen().listener);
  await respondToAll(4_000, (number) =>
    requests[number]!.page(number < 10 ? [alert(number)] : [], `epoch-${Math.min(number, 10)}`),
  );
  expect(requests.length).toBe(11);
});

test("the cursor goes on where nothing was for this user", async () => {
  const { received, listener } = listen();
  openPolling(linkOptions({ cursor: "epoch-1" }), listener);
  newestRequest().page([], "epoch-9");
  await pass(5_000);
  expect([received.cursors, newestRequest().headers["last-event-id"]]).toEqual([["epoch-9"], "epoch-9"]);
});

test("a page that wakes up asks at once", async () => {
  const link = openPolling(linkOptions(), listen().listener);
  newestRequest().page([], "epoch-0", "live");
  await flush();
  link.wake?.();
  await flush();
  expect(requests.length).toBe(2);
});

test("a refusal ends it with its code, silence after 10 s with the network's", async () => {
  const refused = listen();
  openPolling(linkOptions(), refused.listener);
  newestRequest().refuse(401, "token_expired");
  const silent = listen();
  openPolling(linkOptions(), silent.listener);
  await pass(10_000);
  expect([refused.received.endings, silent.received.endings]).toMatchObject([[{ code: 4001 }], [{ code: 1006 }]]);
});

test("after it was closed nothing is asked any more", async () => {
  const link = openPolling(linkOptions(), listen().listener);
  newestRequest().page([], "epoch-0", "live");
  await flush();
  link.close();
  await pass(60_000);
  expect(requests.length).toBe(1);
});
