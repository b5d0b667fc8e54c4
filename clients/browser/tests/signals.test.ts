/** Signals in the page: asked for, handed to their handlers, and in no list. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createInbox } from "../src/inbox.js";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import type { AnyFrame } from "../src/wire.js";
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

function makeHub(options: Partial<HubOptions> = {}): Hub {
  const hub = createHub({
    url: "wss://hub.test/ws",
    getToken: () => token(),
    tabStorage: memoryStorage(),
    ...options,
  });
  hubs.push(hub);
  return hub;
}

async function connect(hub: Hub): Promise<void> {
  hub.connect();
  await flush();
}

const changed = (id: number, missed = 0): AnyFrame => ({
  type: "orders:updated",
  data: { id, action: "updated" },
  timestamp: "2026-11-22T12:00:00.000Z",
  missed,
});

/** What the link over this URL asked for. */
const askedBy = (url: string): string[] => new URL(url).searchParams.get("signals")?.split(",") ?? [];

describe("a page", () => {
  test("gets the signals that it asked for before it connected, typed, with what it missed", async () => {
    const hub = makeHub();
    const got: unknown[] = [];
    hub.onSignal("orders:updated", ({ data, missed }) => got.push([data?.id, missed]));
    await connect(hub);
    expect(askedBy(newestSocket().url)).toEqual(["orders:updated"]);
    newestSocket().say(hello(), changed(1), changed(2, 5), { ...changed(3), type: "products:updated" } as AnyFrame);
    expect(got).toEqual([
      [1, 0],
      [2, 5],
    ]);
  });

  test("that asks for none says nothing in its URL", async () => {
    await connect(makeHub());
    expect(newestSocket().url).toBe("wss://hub.test/ws");
  });

  test("asks for one more while it is connected, without a gap and without a change of state", async () => {
    const hub = makeHub();
    const titles: string[] = [];
    const states: string[] = [];
    const signal = vi.fn();
    hub.onAny(({ title }) => titles.push(title));
    await connect(hub);
    newestSocket().say(hello(), alert(1));
    hub.subscribe(() => states.push(hub.status.state));
    hub.onSignal("orders:updated", signal);
    hub.onSignal("orders:updated", signal);
    await flush();
    const [first, second] = sockets as [(typeof sockets)[0], (typeof sockets)[0]];
    expect([sockets.length, second.cursor, askedBy(second.url)]).toEqual([2, "epoch-1", ["orders:updated"]]);
    first.say(alert(2));
    second.say(hello("epoch-1", "replayed"), alert(2), alert(3), changed(1));
    expect(first.closed).toBe(true);
    expect([titles, signal.mock.calls.length]).toEqual([["n1", "n2", "n3"], 2]);
    expect(new Set(states)).toEqual(new Set(["connected"]));
  });

  test("asks again for what came while a link was opened", async () => {
    const hub = makeHub();
    await connect(hub);
    hub.onSignal("orders:updated", () => undefined);
    newestSocket().say(hello());
    await flush();
    expect(sockets.map(({ url }) => askedBy(url))).toEqual([[], ["orders:updated"]]);
  });

  test("asks again where the link that asks could not be opened, and stays connected until it can", async () => {
    const hub = makeHub();
    const signal = vi.fn();
    await connect(hub);
    newestSocket().say(hello());
    hub.onSignal("orders:updated", signal);
    await flush();
    for (const turn of [2, 3]) {
      expect([sockets.length, askedBy(newestSocket().url)]).toEqual([turn, ["orders:updated"]]);
      newestSocket().end();
      for (let second = 0; second < 20 && sockets.length === turn; second += 1) await pass(1_000);
    }
    expect([sockets.length, sockets[0]!.closed, hub.status.state]).toEqual([4, false, "connected"]);
    newestSocket().say(hello("epoch-0", "replayed"), changed(1));
    expect([sockets[0]!.closed, signal.mock.calls.length]).toEqual([true, 1]);
    await pass(21_000);
    expect(sockets.length).toBe(4);
  });

  test("asks over an event stream, and never in a poll", async () => {
    const hub = makeHub({ transports: ["sse"], shared: "off" });
    hub.onSignal("orders:updated", () => undefined);
    await connect(hub);
    expect(askedBy(newestRequest().url)).toEqual(["orders:updated"]);
    const polling = makeHub({ transports: ["poll"], shared: "off" });
    await connect(polling);
    polling.onSignal("orders:updated", () => undefined);
    await pass(100);
    expect(requests.filter(({ path }) => path === "/poll").map(({ url }) => askedBy(url))).toEqual([[]]);
  });

  test("has signals in no bell and at no handler of notifications", async () => {
    const hub = makeHub();
    const [any, unknown] = [vi.fn(), vi.fn()];
    hub.onAny(any);
    hub.onUnknown(unknown);
    const inbox = createInbox(hub);
    const close = inbox.open();
    hub.onSignal("orders:updated", () => undefined);
    await connect(hub);
    newestSocket().say(hello(), changed(1));
    await pass(100);
    expect([any.mock.calls, unknown.mock.calls, inbox.view.notifications, inbox.last]).toEqual([[], [], [], null]);
    close();
  });
});

describe("tabs of one user", () => {
  test("get what each asked for over the one connection", async () => {
    const [leader, follower] = [makeHub(), makeHub()];
    const got: string[] = [];
    leader.onSignal("orders:updated", () => got.push("leader: orders"));
    await connect(leader);
    newestSocket().say(hello());
    await connect(follower);
    follower.onSignal("products:updated", () => got.push("follower: products"));
    follower.onSignal("orders:updated", () => got.push("follower: orders"));
    await pass(10);
    expect(sockets.length).toBe(2);
    expect(askedBy(newestSocket().url).sort()).toEqual(["orders:updated", "products:updated"]);
    newestSocket().say(hello("epoch-0", "replayed"), changed(1), {
      ...changed(2),
      type: "products:updated",
    } as AnyFrame);
    await pass(10);
    expect(got.sort()).toEqual(["follower: orders", "follower: products", "leader: orders"]);
  });

  test("go on getting them from a new leader", async () => {
    const [leader, second, third] = [makeHub(), makeHub(), makeHub()];
    const signal = vi.fn();
    for (const hub of [leader, second, third]) await connect(hub);
    newestSocket().say(hello());
    await pass(10);
    third.onSignal("orders:updated", signal);
    await pass(10);
    newestSocket().say(hello("epoch-0", "replayed"));
    leader.close();
    await pass(50);
    newestSocket().say(hello("epoch-0", "replayed"));
    await pass(50);
    // The new leader hears of it with its first report.
    if (!askedBy(newestSocket().url).length) await pass(5_000);
    newestSocket().say(hello("epoch-0", "replayed"), changed(1));
    await pass(10);
    expect(signal).toHaveBeenCalledTimes(1);
  });
});
