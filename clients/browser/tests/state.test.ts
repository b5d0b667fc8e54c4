/** What a client of `hub.v1` does beside receiving: acknowledgements, control frames of the user's state, requests. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import {
  alert,
  flush,
  hello,
  installFakes,
  memoryStorage,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
  token,
} from "./fakes.js";

const hubs: Hub[] = [];
beforeEach(() => installFakes({ share: true }));
afterEach(() => {
  hubs.splice(0).forEach((hub) => hub.close());
  removeFakes();
});

async function openTab(options: Partial<HubOptions> = {}): Promise<Hub> {
  const hub = createHub({ url: "wss://hub.test/ws", getToken: () => token(), tabStorage: memoryStorage(), ...options });
  hubs.push(hub);
  hub.connect();
  await flush();
  return hub;
}

const greet = (...features: string[]): void => newestSocket().say(hello("epoch-0", "live", 0, features));
const ack = (cursor: string): unknown => ({ type: "ack", cursor });

describe("an acknowledgement", () => {
  test("says once a second, while notifications come, what the handlers took", async () => {
    (await openTab()).onAny(() => undefined);
    greet("ack");
    for (let number = 1; number <= 40; number++) {
      newestSocket().say(alert(number));
      await pass(50);
    }
    expect(newestSocket().sent).toEqual([ack("epoch-20"), ack("epoch-40")]);
    await pass(60_000);
    expect(newestSocket().sent).toHaveLength(2);
  });

  test("is not sent to a hub that did not ask for it", async () => {
    (await openTab()).onAny(() => undefined);
    greet();
    newestSocket().say(alert(1));
    await pass(2_000);
    expect([newestSocket().sent, requests]).toEqual([[], []]);
  });

  test("leaves out what no handler took, or each of them failed on; the next one that is taken covers it", async () => {
    const reported: unknown[] = [];
    globalThis.reportError = (error: unknown) => void reported.push(error);
    const hub = await openTab();
    greet("ack");
    newestSocket().say(alert(1));
    await pass(2_000);
    hub.on("stock_alert", ({ title }) => {
      if (title === "n2") throw new Error("broken");
    });
    newestSocket().say(alert(2));
    await pass(2_000);
    expect(newestSocket().sent).toEqual([]);
    newestSocket().say(alert(3));
    await pass(2_000);
    expect([newestSocket().sent, reported.length]).toEqual([[ack("epoch-3")], 1]);
  });

  test("is sent by the tab that is connected, for all tabs", async () => {
    for (const hub of [await openTab(), await openTab(), await openTab()]) hub.onAny(() => undefined);
    greet("ack");
    newestSocket().say(alert(1));
    await pass(2_000);
    expect([sockets.length, sockets[0]!.sent, requests]).toEqual([1, [ack("epoch-1")], []]);
  });

  test("is sent at once when the page is left", async () => {
    (await openTab()).onAny(() => undefined);
    greet("ack");
    newestSocket().say(alert(1));
    window.dispatchEvent(new Event("pagehide"));
    expect(newestSocket().sent).toEqual([ack("epoch-1")]);
  });

  test("is a request over an event stream, and its failure breaks nothing", async () => {
    (await openTab({ transports: ["sse"] })).onAny(() => undefined);
    const stream = newestRequest();
    await stream.begin();
    await stream.say(hello("epoch-0", "live", 0, ["ack"]), alert(1));
    await pass(1_000);
    expect([newestRequest().path, newestRequest().init.method, newestRequest().init.body]).toEqual([
      "/api/ack",
      "POST",
      '{"cursor":"epoch-1"}',
    ]);
    newestRequest().fail();
    await stream.say(alert(2));
    await pass(1_000);
    expect(newestRequest().init.body).toBe('{"cursor":"epoch-2"}');
  });
});

describe("a control frame of the user's state", () => {
  const read = (number: number): never =>
    ({ type: "inbox", read: [`id-${number}`], cursor: `epoch-${number}` }) as never;

  test("comes once and in order, moves the cursor, and reaches no handler of notifications", async () => {
    const hub = await openTab();
    const [got, others]: [string[], string[]] = [[], []];
    hub.onControl("inbox", ({ cursor }: { cursor: string }) => got.push(cursor));
    hub.on("stock_alert", ({ title }) => others.push(title));
    hub.onUnknown(({ type }) => others.push(type));
    greet("inbox");
    newestSocket().say(alert(1), read(2), read(2), read(3), { type: "reconnect", withinSeconds: 1 }, read(3));
    newestSocket().end();
    await pass(20_000);
    expect([got, others, newestSocket().cursor]).toEqual([["epoch-2", "epoch-3"], ["n1"], "epoch-3"]);
  });

  test("reaches the tabs that follow, as what the hub can do does", async () => {
    await openTab();
    greet("inbox", "ack");
    const follower = await openTab();
    const got: string[] = [];
    follower.onControl("inbox", ({ cursor }: { cursor: string }) => got.push(cursor));
    newestSocket().say(read(1), read(2));
    await flush();
    expect([sockets.length, got, follower.features]).toEqual([1, ["epoch-1", "epoch-2"], ["inbox", "ack"]]);
  });
});

describe("a request of the page's own", () => {
  test("may have a response without a body", async () => {
    const response = createHub({ url: "/hub", getToken: () => token() }).request("/api/ack");
    await flush();
    newestRequest().empty(204);
    expect([(await response).status, await (await response).text()]).toEqual([204, ""]);
  });

  test("fails where there is no response within 10 s", async () => {
    const late = createHub({ url: "/hub", getToken: () => token() }).request("/api/push");
    const failed = expect(late).rejects.toThrow("aborted");
    await pass(10_000);
    await failed;
  });
});
