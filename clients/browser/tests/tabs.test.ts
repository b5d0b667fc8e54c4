/** One connection for all tabs, in whatever state they are. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import type { AnyFrame, Gap } from "../src/wire.js";
import {
  FakeChannel,
  type FakeLocks,
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
  type FakeSocket,
} from "./fakes.js";

const MINUTE_MS = 60_000;

const hubs: Hub[] = [];
beforeEach(() => installFakes({ share: true }));
afterEach(() => {
  hubs.splice(0).forEach((hub) => hub.close());
  restore.splice(0).forEach((act) => act());
  removeFakes();
});
/** What a test took from the browser is given back. */
const restore: (() => void)[] = [];

function deny(owner: object, name: string): void {
  const kept = Object.getOwnPropertyDescriptor(owner, name)!;
  restore.push(() => Object.defineProperty(owner, name, kept));
  Object.defineProperty(owner, name, {
    configurable: true,
    get: () => {
      throw new DOMException("denied", "SecurityError");
    },
  });
}

/** Wait until there are so many sockets; return after how many ms. */
async function waitForSockets(count: number, mostMs: number): Promise<number> {
  const startedAt = Date.now();
  while (sockets.length < count && Date.now() - startedAt < mostMs) await pass(50);
  expect(sockets.length).toBe(count);
  return Date.now() - startedAt;
}

interface Tab {
  hub: Hub;
  titles: string[];
  gaps: Gap[];
  channel: FakeChannel | undefined;
  storage: ReturnType<typeof memoryStorage>;
}

async function openTab(options: Partial<HubOptions> = {}, storage = memoryStorage()): Promise<Tab> {
  const before = new Set(FakeChannel.all);
  const hub = createHub({ url: "wss://hub.test/ws", getToken: () => token(), tabStorage: storage, ...options });
  hubs.push(hub);
  const [titles, gaps]: [string[], Gap[]] = [[], []];
  hub.onAny((event) => titles.push(event.title));
  hub.on("gap", (gap) => gaps.push(gap));
  hub.connect();
  await flush();
  return { hub, titles, gaps, storage, channel: [...FakeChannel.all].find((channel) => !before.has(channel)) };
}

/** Send the greeting to the newest socket; without heartbeats, so that no timer runs for them. */
function greet(cursor = "epoch-0", resume: "live" | "replayed" = "live"): void {
  newestSocket().say(hello(cursor, resume, 0));
}

/** Open a tab that leads and one that follows it, which both get the first notification. */
async function openFollower(): Promise<{ leader: Tab; follower: Tab }> {
  const leader = await openTab();
  greet();
  const follower = await openTab();
  newestSocket().say(alert(1));
  await flush();
  return { leader, follower };
}

/** Open a tab again that follows and was closed when the second notification came. */
async function reopenFollower(): Promise<Tab> {
  const { follower } = await openFollower();
  follower.hub.close();
  newestSocket().say(alert(2));
  return await openTab({}, follower.storage);
}

/** Respond to the request for what a tab missed, and to the one for what came after it. */
async function bringMissed(cursor: string, ...missed: AnyFrame[]): Promise<void> {
  newestRequest().page(missed, cursor);
  await pass(100);
  newestRequest().page([], cursor);
  await flush();
}

function locks(): FakeLocks {
  return navigator.locks as unknown as FakeLocks;
}

/** Freeze a leading tab: it reads nothing, neither of its channel nor of its lock. */
function freeze(tab: Tab): void {
  tab.channel!.freeze();
  locks().unread = [];
}

/** Tell the tabs that were frozen which locks they lost. */
function readLostLocks(): void {
  for (const read of locks().unread!.splice(0)) read();
}

describe("a leader that hangs", () => {
  async function three(): Promise<{ leader: Tab; others: Tab[]; old: FakeSocket }> {
    const leader = await openTab();
    greet();
    const others = [await openTab(), await openTab()];
    newestSocket().say(alert(1));
    await flush();
    return { leader, others, old: newestSocket() };
  }

  test("is followed by one of the others, which goes on where it was itself, within half a heartbeat", async () => {
    const { leader, others } = await three();
    freeze(leader);
    await waitForSockets(2, 17_000);
    expect(newestSocket().cursor).toBe("epoch-1");
    greet("epoch-1", "replayed");
    newestSocket().say(alert(2), alert(3));
    await flush();
    expect(others.map((tab) => tab.titles)).toEqual([
      ["n1", "n2", "n3"],
      ["n1", "n2", "n3"],
    ]);
    expect(others.map((tab) => tab.hub.status.state)).toEqual(["connected", "connected"]);
  });

  test.each(["its link first", "its lock first", "its channel first"])(
    "steps down when it wakes up, hands nothing out twice and misses nothing (%s)",
    async (order) => {
      const { leader, others, old } = await three();
      freeze(leader);
      await waitForSockets(2, 17_000);
      greet("epoch-1", "replayed");
      newestSocket().say(alert(2), alert(3));
      await flush();
      const wakes = {
        "its link first": () => old.say(alert(2), alert(3)),
        "its lock first": readLostLocks,
        "its channel first": () => leader.channel!.thaw(),
      };
      wakes[order as keyof typeof wakes]();
      await flush();
      for (const wake of Object.values(wakes)) wake();
      await flush();
      newestSocket().say(alert(4));
      await flush();
      for (let page = 0; page < 3 && requests.length; page++) {
        newestRequest().page(page ? [] : [alert(2), alert(3), alert(4)], "epoch-4");
        await pass(200);
      }
      expect(old.closed).toBe(true);
      expect([leader, ...others].map((tab) => tab.titles)).toEqual(Array(3).fill(["n1", "n2", "n3", "n4"]));
      expect([sockets.length, leader.hub.status.state]).toEqual([2, "connected"]);
    },
  );

  test("is replaced at once when the user looks at another tab", async () => {
    const { leader } = await three();
    freeze(leader);
    document.dispatchEvent(new Event("visibilitychange"));
    await waitForSockets(2, 4_600);
  });

  test("is found so by a tab that opens meanwhile", async () => {
    const leader = await openTab();
    greet();
    freeze(leader);
    const other = await openTab();
    await waitForSockets(2, 5_000);
    greet();
    expect(other.hub.status.state).toBe("connected");
  });

  test("is not replaced by a tab that slept itself, and has not read the responses yet", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const { others } = await three();
    for (const other of others) other.channel!.freeze();
    // It asks after 10 s of silence, and sleeps before the 3.75 s for the response are over.
    await pass(11_000);
    vi.setSystemTime(Date.now() + 600_000);
    await pass(3_000);
    for (const other of others) other.channel!.thaw();
    await pass(MINUTE_MS);
    expect(sockets.length).toBe(1);
  });

  test("that has a dead link finds it by the others' requests, though its own timers are slowed down", async () => {
    const leader = await openTab();
    newestSocket().say(hello("epoch-0", "live", 30));
    // Its timers do not run; what another one asks arrives all the same.
    vi.setSystemTime(Date.now() + 46_000);
    new FakeChannel(leader.channel!.name).postMessage({ kind: "hello", term: 0 });
    await flush();
    expect([sockets[0]!.closed, leader.hub.status.state]).toEqual([true, "reconnecting"]);
  });

  test("that responds is not replaced, in hours without a notification", async () => {
    await three();
    for (let hour = 0; hour < 2; hour++) await pass(60 * MINUTE_MS);
    expect(sockets.length).toBe(1);
  });

  test("hands over by itself where the browser says that it will be frozen, and comes back", async () => {
    const leader = await openTab();
    greet();
    // One page here stands for all tabs, so that one alone is frozen.
    document.dispatchEvent(new Event("freeze"));
    await flush();
    expect([newestSocket().closed, FakeChannel.all.size]).toEqual([true, 0]);
    document.dispatchEvent(new Event("resume"));
    await flush();
    greet("epoch-0", "replayed");
    expect([sockets.length, leader.hub.status.state]).toEqual([2, "connected"]);
  });

  test("is outlived even where the clock was set back in between", async () => {
    const { leader, others } = await three();
    vi.setSystemTime(Date.now() - 24 * 60 * MINUTE_MS);
    freeze(leader);
    await waitForSockets(2, 20_000);
    greet("epoch-1", "replayed");
    newestSocket().say(alert(2));
    await flush();
    expect(others.map((tab) => tab.titles)).toEqual([
      ["n1", "n2"],
      ["n1", "n2"],
    ]);
  });
});

test("tabs that knew an earlier leader accept one whose clock was set back", async () => {
  const { leader, follower } = await openFollower();
  vi.setSystemTime(Date.now() - 24 * 60 * MINUTE_MS);
  freeze(leader);
  follower.channel!.freeze();
  const fresh = await openTab();
  await waitForSockets(2, 5_000);
  follower.channel!.thaw();
  newestSocket().say(hello("epoch-1", "live", 0), alert(2));
  await pass(20_000);
  // Where no report of it arrived for longer than a response may take, the tab asked the log.
  for (const missed of requests.length ? [[alert(2)], []] : []) {
    newestRequest().page(missed, "epoch-2");
    await pass(100);
  }
  await pass(MINUTE_MS);
  newestSocket().say(alert(3));
  await flush();
  expect([fresh.titles, follower.titles, sockets.length]).toEqual([["n2", "n3"], ["n1", "n2", "n3"], 2]);
});

describe("what the browser refuses", () => {
  const refusals: Record<string, () => void> = {
    "a lock, by a promise": () =>
      vi.spyOn(locks(), "request").mockRejectedValue(new DOMException("denied", "SecurityError")),
    "a lock, by throwing": () =>
      vi.spyOn(locks(), "request").mockImplementation(() => {
        throw new DOMException("denied", "InvalidStateError");
      }),
    "to show the locks": () => deny(navigator, "locks"),
    "a response for the lock": () => vi.spyOn(locks(), "request").mockReturnValue(new Promise(() => undefined)),
    "a channel": () =>
      vi.stubGlobal(
        "BroadcastChannel",
        class {
          constructor() {
            throw new DOMException("opaque", "SecurityError");
          }
        },
      ),
    "to post": () =>
      vi.spyOn(FakeChannel.prototype, "postMessage").mockImplementation(() => {
        throw new DOMException("closed", "InvalidStateError");
      }),
    storage: () => ["localStorage", "sessionStorage"].forEach((name) => deny(globalThis, name)),
  };

  test.each(Object.keys(refusals))("%s: the tab is connected all the same, and gets everything", async (name) => {
    refusals[name]!();
    const { hub, titles } = await openTab({ tabStorage: undefined } as unknown as HubOptions);
    // What is refused is known at once; only silence has to be waited for.
    await waitForSockets(1, name === "a response for the lock" ? 10_000 : 100);
    greet();
    newestSocket().say(alert(1));
    await pass(MINUTE_MS);
    expect([hub.status.state, titles, sockets.length]).toEqual(["connected", ["n1"], 1]);
  });

  test("a channel that carries nothing: each tab connects by itself, and stops stealing the lock", async () => {
    FakeChannel.loses = () => true;
    const tabs = [await openTab(), await openTab(), await openTab()];
    for (let second = 0; second < 600; second++) {
      await pass(1_000);
      for (const socket of sockets)
        if (!socket.closed && !greeted.has(socket)) greeted.add(socket), socket.say(hello("epoch-0", "live", 0));
    }
    const open = sockets.filter((socket) => !socket.closed);
    expect([open.length, tabs.map((tab) => tab.hub.status.state)]).toEqual([
      3,
      ["connected", "connected", "connected"],
    ]);
    expect(sockets.length).toBeLessThan(9);
    open.forEach((socket) => socket.say(alert(1)));
    expect(tabs.map((tab) => tab.titles)).toEqual([["n1"], ["n1"], ["n1"]]);
  });
  const greeted = new WeakSet<FakeSocket>();
});

describe("a tab that could do better than the leader", () => {
  test("takes over where it has a better transport, and the other one is told", async () => {
    const polling = await openTab({ transports: ["poll"] });
    newestRequest().page([], "epoch-0", "live");
    await flush();
    expect(polling.hub.status.transport).toBe("poll");
    const other = await openTab();
    await waitForSockets(1, 2_000);
    greet("epoch-0", "replayed");
    newestSocket().say(alert(1));
    await flush();
    for (const tab of [polling, other]) expect([tab.titles, tab.hub.status.transport]).toEqual([["n1"], "ws"]);
    const before = requests.length;
    await pass(10 * MINUTE_MS);
    expect([sockets.length, requests.length]).toEqual([1, before]);
  });

  test("leaves it alone where the leader could use the same", async () => {
    await openTab();
    newestSocket().end();
    await flush();
    await newestRequest().begin();
    await newestRequest().say(hello("epoch-0", "live", 0));
    const other = await openTab();
    await pass(2 * MINUTE_MS);
    expect([other.hub.status.transport, sockets.length, requests.length]).toEqual(["sse", 1, 1]);
  });

  test("takes over where the leader's token is refused and its own is not", async () => {
    const good = token("u", "a", 7);
    const stale = await openTab();
    const other = await openTab({ getToken: () => good });
    for (let attempt = 0; attempt < 60 && stale.hub.status.state !== "connected"; attempt++) {
      for (const socket of sockets)
        if (!socket.closed) socket.token === good ? socket.say(hello("epoch-0", "live", 0)) : socket.end(4500);
      await pass(1_000);
    }
    newestSocket().say(alert(1));
    await flush();
    for (const tab of [stale, other]) expect([tab.hub.status.state, tab.titles]).toEqual(["connected", ["n1"]]);
  });

  test("does not ask again and again where all are refused", async () => {
    const asked = vi.fn(() => token());
    for (let tab = 0; tab < 10; tab++) await openTab({ getToken: asked });
    for (let minute = 0; minute < 60; minute++) {
      for (let second = 0; second < 60; second++) {
        for (const socket of sockets) if (!socket.closed) socket.end(4500);
        await pass(1_000);
      }
    }
    expect(sockets.length).toBeLessThan(10 * 3 * 14);
  }, 30_000);

  test("tries less and less often while nothing gets through for anybody", async () => {
    for (let tab = 0; tab < 10; tab++) await openTab({ transports: ["ws"] });
    const counts: number[] = [];
    for (let period = 0; period < 3; period++) {
      const before = sockets.length;
      for (let second = 0; second < 600; second++) {
        for (const socket of sockets) if (!socket.closed) socket.end();
        await pass(1_000);
      }
      counts.push(sockets.length - before);
    }
    // One tab's own attempts are some 60 in ten minutes.
    expect(counts[2]).toBeLessThan(90);
  }, 30_000);

  test("does not connect for a user whom an operator disconnected", async () => {
    await openTab();
    newestSocket().end(4502);
    await openTab();
    await pass(60 * MINUTE_MS);
    expect(sockets.length).toBe(1);
  });

  test("tries at once when it is asked to", async () => {
    await openTab();
    newestSocket().end(4501);
    const two = await openTab();
    two.hub.reconnect();
    await flush();
    expect(sockets.length).toBe(3);
    sockets[1]!.end(4501);
    sockets[2]!.say(hello("epoch-0", "live", 0));
    await flush();
    expect(hubs.map((hub) => hub.status.state)).toEqual(["connected", "connected"]);
  });
});

describe("a tab that follows", () => {
  const isFrame = (data: { frame?: { id?: string } }): boolean => data.frame?.id === "id-2";

  test("notices that it missed a report, and fetches what it missed", async () => {
    const { follower } = await openFollower();
    FakeChannel.loses = isFrame as (data: never) => boolean;
    newestSocket().say(alert(2));
    await flush();
    newestSocket().say(alert(3));
    await flush();
    expect([follower.titles, newestRequest().headers["last-event-id"]]).toEqual([["n1"], "epoch-1"]);
    await bringMissed("epoch-3", alert(2), alert(3));
    newestSocket().say(alert(4));
    await flush();
    expect([follower.titles, requests.length]).toEqual([["n1", "n2", "n3", "n4"], 2]);
  });

  test("notices it by the next heartbeat where nothing more is for this user", async () => {
    const { follower } = await openFollower();
    FakeChannel.loses = isFrame as (data: never) => boolean;
    newestSocket().say(alert(2), { type: "heartbeat", cursor: "epoch-9" });
    await flush();
    await bringMissed("epoch-9", alert(2));
    expect(follower.titles).toEqual(["n1", "n2"]);
  });

  test("moves its cursor with the leader's heartbeats, and not back behind what it fetched itself", async () => {
    await openTab();
    greet();
    const other = await openTab();
    newestSocket().say({ type: "heartbeat", cursor: "epoch-7" });
    await pass(1_000);
    expect([...other.storage.items.values()]).toEqual(["epoch-7"]);
    other.hub.close();
    newestSocket().say(alert(8));
    const back = await openTab({}, other.storage);
    // The log has more by now than the leader has brought.
    await bringMissed("epoch-9", alert(8), alert(9));
    newestSocket().say({ type: "heartbeat", cursor: "epoch-8" });
    await pass(1_000);
    expect([...back.storage.items.values()]).toEqual(["epoch-9"]);
    newestSocket().say(alert(9), alert(10), { type: "heartbeat", cursor: "epoch-11" });
    await pass(1_000);
    expect([back.titles, ...back.storage.items.values()]).toEqual([["n8", "n9", "n10"], "epoch-11"]);
  });

  test("gets no duplicate though much came while it caught up", async () => {
    const back = await reopenFollower();
    const many = Array.from({ length: 900 }, (_, number) => alert(number + 3));
    newestSocket().say(...many);
    await flush();
    await bringMissed("epoch-902", alert(2), ...many);
    expect(back.titles.length).toBe(901);
    expect(new Set(back.titles).size).toBe(901);
  });

  test("that is refused what it missed gets a gap, and then the leader's reports again", async () => {
    const back = await reopenFollower();
    for (let refusal = 0; refusal < 3; refusal++) {
      newestRequest().refuse(401, "invalid_token");
      await pass(5_000);
    }
    newestSocket().say(alert(3));
    await flush();
    expect([back.gaps.length, back.titles, requests.length]).toEqual([1, ["n3"], 3]);
  });

  test("shows at once that the device is offline, and that it is back", async () => {
    const tabs = [await openTab(), await openTab()];
    greet();
    await flush();
    window.dispatchEvent(new Event("offline"));
    await flush();
    expect(tabs.map((tab) => [tab.hub.status.state, tab.hub.status.reason?.code])).toEqual(
      Array(2).fill(["reconnecting", "offline"]),
    );
    window.dispatchEvent(new Event("online"));
    await flush();
    greet("epoch-0", "replayed");
    await flush();
    expect(tabs.map((tab) => tab.hub.status.state)).toEqual(["connected", "connected"]);
  });
});
