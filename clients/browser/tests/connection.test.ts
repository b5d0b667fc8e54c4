import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createConnection, type Connection } from "../src/connection.js";
import { LinkError } from "../src/link.js";
import type { Status, Transport } from "../src/status.js";
import type { TokenReason } from "../src/tokens.js";
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
  quiet,
  removeFakes,
  requests,
  sockets,
} from "./fakes.js";
import { linkOptions } from "./links.js";

const HOUR_MS = 3_600_000;

let storage = memoryStorage();
let reasons: TokenReason[] = [];
let statuses: Status[] = [];
let frames: AnyFrame[] = [];
let cursor: string | undefined;
let unreadable = 0;

beforeEach(() => {
  installFakes();
  unreadable = 0;
  quiet.warn.mockClear();
  storage = memoryStorage();
  [reasons, statuses, frames, cursor] = [[], [], [], undefined];
});
afterEach(removeFakes);

async function start(
  transports: Transport[] = ["ws", "sse", "poll"],
  refuse?: () => LinkError | undefined,
): Promise<Connection> {
  const connection = createConnection({
    transports,
    storage,
    memoryKey: "transport",
    logger: quiet,
    getLinkOptions: async (reason) => {
      reasons.push(reason);
      const refusal = refuse?.();
      if (refusal) throw refusal;
      return linkOptions({ cursor });
    },
    onFrame: (frame) => frames.push(frame),
    onCursor: (at) => (cursor = at),
    onStatus: (status) => statuses.push(status),
    onUnreadable: () => void unreadable++,
  });
  connection.start();
  await flush();
  return connection;
}

async function connected(transports?: Transport[]): Promise<Connection> {
  const connection = await start(transports);
  newestSocket().say(hello());
  return connection;
}

/** Wait until the next attempt starts. */
async function again({ status }: Connection): Promise<void> {
  await pass(status.retryAt! - Date.now());
}

/** Fail every transport of the attempt that is under way. */
async function failAll(): Promise<void> {
  newestSocket().end();
  await flush();
  for (let transport = 0; transport < 2; transport++) {
    newestRequest().fail();
    await flush();
  }
}

describe("coming back", () => {
  test("a lost connection is opened again, after a wait that grows while nothing gets through", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const connection = await connected(["ws"]);
    await pass(10_000);
    for (const waitMs of [1000, 1500, 2500, 4500, 8500, 16_500, 20_500, 20_500]) {
      newestSocket().end();
      const before = sockets.length;
      expect(connection.status).toMatchObject({
        state: "reconnecting",
        retryAt: Date.now() + waitMs,
        reason: { code: "network" },
      });
      await pass(waitMs - 1);
      expect(sockets.length).toBe(before);
      await pass(1);
      expect(sockets.length).toBe(before + 1);
    }
  });

  test("it never gives up: after a day without network it connects", async () => {
    const connection = await start(["ws"]);
    const day = Date.now() + 24 * HOUR_MS;
    while (Date.now() < day) {
      newestSocket().end();
      await again(connection);
    }
    newestSocket().say(hello());
    expect(connection.status).toMatchObject({ state: "connected", transport: "ws", reason: null });
  });

  test("only a connection that stayed up 10 s was a success: one that is closed at once is not tried every second", async () => {
    const connection = await connected(["ws"]);
    for (let attempt = 1; attempt <= 6; attempt++) {
      newestSocket().end(4000);
      expect(connection.status.attempt).toBe(attempt);
      await again(connection);
      newestSocket().say(hello());
    }
    await pass(10_000);
    newestSocket().end();
    expect(connection.status.attempt).toBe(1);
  });

  test("one that is ended every 9 s is opened again in a growing pause", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const connection = await connected(["ws"]);
    for (const waitMs of [1000, 1500, 2500, 4500, 8500]) {
      await pass(9_000);
      newestSocket().end(1001);
      expect(connection.status.retryAt).toBe(Date.now() + waitMs);
      await again(connection);
      newestSocket().say(hello());
    }
  });

  test("a restart of the hub is spread over the window that it names", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const connection = await connected();
    newestSocket().say({ type: "reconnect", withinSeconds: 60 });
    newestSocket().end(1012);
    expect(connection.status).toMatchObject({
      retryAt: Date.now() + 30_750,
      reason: { code: "restarting", terminal: false },
    });
  });

  test("a hub that says when to come back is believed, with a jitter", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const connection = await start(["sse"]);
    newestRequest().refuse(503, "draining", { "retry-after": "5" });
    await flush();
    expect(connection.status.retryAt).toBe(Date.now() + 5_750);
  });

  test("a connection that worked and went silent is opened again at once, and has the status of a failure", async () => {
    const connection = await connected();
    const first = newestSocket();
    await pass(30_000);
    first.say({ type: "heartbeat", cursor: "epoch-0" });
    await pass(45_001);
    expect([first.closed, sockets.length, connection.status.state, connection.status.reason?.code]).toEqual([
      true,
      2,
      "reconnecting",
      "network",
    ]);
  });

  test("a page that wakes up does not wait for its next attempt", async () => {
    const connection = await connected(["ws"]);
    newestSocket().end();
    connection.wake(false, true);
    await flush();
    expect(sockets.length).toBe(2);
  });

  test("a page that slept past a heartbeat reconnects when it wakes up", async () => {
    const connection = await connected();
    vi.setSystemTime(Date.now() + 31_000);
    connection.wake(false, true);
    await flush();
    expect(sockets.length).toBe(2);
  });

  test("a connection that was stopped stays so", async () => {
    const connection = await connected();
    connection.stop();
    const before = statuses.length;
    await pass(HOUR_MS);
    connection.wake(true, false);
    await pass(HOUR_MS);
    expect([sockets.length, requests.length, statuses.length]).toEqual([1, 0, before]);
  });
});

describe("refusals", () => {
  test.each([
    [4501, "forbidden"],
    [4502, "disconnected"],
    [4503, "full"],
  ])("after %i it stops, and says %s", async (code, reason) => {
    const connection = await connected();
    newestSocket().end(code);
    await pass(HOUR_MS);
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: reason, terminal: true } });
    expect(sockets.length).toBe(1);
  });

  test("an expired token is replaced by another one", async () => {
    await connected();
    newestSocket().end(4001);
    await pass(1_000);
    newestSocket().say(hello());
    newestSocket().end();
    await pass(2_000);
    expect(reasons).toEqual(["connect", "expired", "connect"]);
  });

  test("three tokens refused one after the other are enough", async () => {
    const connection = await start();
    for (let attempt = 0; attempt < 3; attempt++) {
      newestSocket().end(attempt === 1 ? 4001 : 4500);
      if (attempt < 2) await again(connection);
    }
    expect(reasons).toEqual(["connect", "unauthorized", "expired"]);
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: "unauthorized", terminal: true } });
  });

  test("one that was taken in between begins the count anew", async () => {
    const connection = await start();
    for (let attempt = 0; attempt < 5; attempt++) {
      newestSocket().end(4500);
      await again(connection);
      newestSocket().say(hello());
    }
    expect(connection.status.state).toBe("connected");
  });

  test("where no user is signed in, it stops at once; a new start asks for a token again", async () => {
    let signedIn = false;
    const connection = await start(["ws"], () =>
      signedIn ? undefined : new LinkError({ code: 4500, retryMs: Infinity }),
    );
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: "unauthorized", terminal: true } });
    signedIn = true;
    connection.start();
    await flush();
    newestSocket().say(hello());
    expect(connection.status).toMatchObject({ state: "connected", reason: null });
  });

  test("a token that could not be fetched is asked for again", async () => {
    let failures = 2;
    const connection = await start(["ws"], () => (failures-- > 0 ? new LinkError({ code: 1006 }) : undefined));
    await pass(5_000);
    newestSocket().say(hello());
    expect(connection.status.state).toBe("connected");
  });
});

describe("whatever the hub sends", () => {
  /** Let the connection come back as often as it will in so long, ended by `end` each time; return how often it did. */
  async function count(forMs: number, end: (number: number) => void): Promise<number> {
    const before = sockets.length;
    const until = Date.now() + forMs;
    for (let ended = before; Date.now() < until; await pass(20)) for (; ended < sockets.length; ended++) end(ended);
    return sockets.length - before;
  }
  const MINUTE_MS = 60_000;

  test.each<[string, (socket: (typeof sockets)[number]) => void]>([
    ["let in and closed at once", (socket) => (socket.say(hello()), socket.end(1000))],
    [
      "let in, sent away within 0 s",
      (socket) => (socket.say(hello(), { type: "reconnect", withinSeconds: 0 }), socket.end(1012)),
    ],
    [
      "let in, sent away within a millisecond",
      (socket) => (socket.say(hello(), { type: "reconnect", withinSeconds: 0.001 }), socket.end(1012)),
    ],
    [
      "let in, sent away within -5 s",
      (socket) => (socket.say(hello(), { type: "reconnect", withinSeconds: -5 }), socket.end(1012)),
    ],
    [
      "let in, sent away within NaN s",
      (socket) => (
        socket.say(hello(), { type: "reconnect", withinSeconds: "soon" as unknown as number }), socket.end(1012)
      ),
    ],
    ["let in with a heartbeat of 0.001 s, and then silence", (socket) => socket.say(hello("epoch-0", "live", 0.001))],
    ["called slow", (socket) => (socket.say(hello()), socket.end(4000))],
    ["called expired each time", (socket) => (socket.say(hello()), socket.end(4001))],
    ["called unauthorized after it was let in", (socket) => (socket.say(hello()), socket.end(4500))],
    ["closed with an unknown code", (socket) => (socket.say(hello()), socket.end(3999))],
    ["closed because the request cannot be read", (socket) => socket.end(1008)],
    ["closed because nothing is known yet", (socket) => socket.end(1013)],
    ["not let in", (socket) => socket.end(1006)],
  ])("%s, it asks in a growing pause", async (_, act) => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    await start(["ws"]);
    const first = await count(10 * MINUTE_MS, (number) => act(sockets[number]!));
    const later = await count(10 * MINUTE_MS, (number) => act(sockets[number]!));
    expect([first <= 65, later <= 59]).toEqual([true, true]);
  });

  test.each([
    "0",
    "-7",
    "NaN",
    "soon",
    "1e9",
    "99999999999999",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "",
  ])("of Retry-After %j it makes a wait that can be waited for, an hour at most", async (after) => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const connection = await start(["sse"]);
    newestRequest().refuse(503, "keys_unavailable", { "retry-after": after });
    await flush();
    const waitMs = connection.status.retryAt! - Date.now();
    expect([waitMs >= 500, waitMs <= HOUR_MS + 500]).toEqual([true, true]);
    expect(requests.length).toBe(1);
    await pass(waitMs - 1);
    expect(requests.length).toBe(1);
  });

  test("a date in Retry-After is waited for", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const connection = await start(["sse"]);
    newestRequest().refuse(503, "keys_unavailable", { "retry-after": new Date(Date.now() + 30_000).toUTCString() });
    await flush();
    expect(connection.status.retryAt).toBe(Date.now() + 30_500);
  });

  test("a proxy's Retry-After is waited for too", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const connection = await start(["sse"]);
    newestRequest().respond(503, "busy", { "content-type": "text/html", "retry-after": "20" });
    await flush();
    expect(connection.status.retryAt).toBe(Date.now() + 20_500);
  });

  test("a stream that names a wait of no time, or for ever, is believed within bounds", async () => {
    for (const [retry, mostMs] of [
      ["0", 1_000],
      ["-1", 1_000],
      ["x", 1_000],
      ["1e99", HOUR_MS + 1_000],
    ] as const) {
      const connection = await start(["sse"]);
      await newestRequest().begin();
      await newestRequest().say(hello());
      await newestRequest().write(`retry: ${retry}\r\n\r\n`);
      await newestRequest().end();
      const waitMs = connection.status.retryAt! - Date.now();
      expect([waitMs >= 500, waitMs <= mostMs]).toEqual([true, true]);
      connection.stop();
    }
  });

  test("a page that is woken a hundred times a second asks once a second at most", async () => {
    const connection = await start(["ws"]);
    const until = Date.now() + 10_000;
    while (Date.now() < until) {
      if (!newestSocket().closed) newestSocket().end();
      connection.wake(true, true);
      await pass(10);
    }
    expect(sockets.length).toBeLessThan(13);
  });

  test("a frame of a greeting's type that says nothing is not taken as a greeting", async () => {
    const connection = await start(["ws"]);
    newestSocket().say({ type: "connection_established" });
    expect(connection.status.state).toBe("connecting");
    newestSocket().say(hello());
    expect(connection.status.state).toBe("connected");
  });

  test("a cursor that the hub cannot read is dropped, not sent for ever", async () => {
    await start(["ws"]);
    newestSocket().end(1008, "The request cannot be used");
    expect(unreadable).toBe(1);
  });
});

describe("one of too many tabs of a user", () => {
  test("waits longer each time, and connects at once when the user looks at it", async () => {
    vi.spyOn(Math, "random").mockReturnValue(1);
    const connection = await connected(["ws"]);
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      newestSocket().end(4002);
      expect(connection.status).toMatchObject({
        state: "reconnecting",
        retryAt: Date.now() + minutes * 60_000,
        reason: { code: "replaced" },
      });
      await again(connection);
      newestSocket().say(hello("epoch-0", "live", 0));
      await pass(60_000);
    }
    newestSocket().end(4002);
    const before = sockets.length;
    connection.wake(true, false);
    await pass(60_000);
    expect(sockets.length).toBe(before);
    connection.wake(false, true);
    await flush();
    expect(sockets.length).toBe(before + 1);
    newestSocket().say(hello());
    newestSocket().end(4002);
    expect(connection.status.retryAt).toBe(Date.now() + 60_000);
  });

  test("50 of them come to rest", async () => {
    for (let tab = 0; tab < 50; tab++) await start(["ws"]);
    /** The hub: at most 20 of a user, the oldest goes. */
    const open: (typeof sockets)[number][] = [];
    const seen = new Set<(typeof sockets)[number]>();
    const run = async (forMs: number): Promise<number> => {
      const before = seen.size;
      for (const until = Date.now() + forMs; Date.now() < until; await pass(1_000)) {
        for (const socket of sockets) {
          if (seen.has(socket)) continue;
          seen.add(socket);
          socket.say(hello("epoch-0", "live", 0));
          open.push(socket);
          if (open.length > 20) open.shift()!.end(4002);
        }
      }
      return seen.size - before;
    };
    await run(2 * HOUR_MS);
    // Some 40: thirty wait for three quarters of an hour, and each that comes back ends another.
    expect(await run(HOUR_MS)).toBeLessThan(90);
  }, 60_000);
});

describe("offline", () => {
  test("is shown at once, tried again in a growing pause, and over when the network is back", async () => {
    const connection = await connected(["ws"]);
    vi.stubGlobal("navigator", { onLine: false });
    connection.offline();
    expect([connection.status, newestSocket().closed]).toMatchObject([
      { state: "reconnecting", reason: { code: "offline", terminal: false } },
      true,
    ]);
    await again(connection);
    newestSocket().end();
    expect(connection.status.reason?.code).toBe("offline");
    connection.wake(true, false);
    await flush();
    newestSocket().say(hello());
    expect(connection.status.state).toBe("connected");
  });

  test("changes nothing for one that has stopped", async () => {
    const connection = await connected();
    newestSocket().end(4501);
    connection.offline();
    await pass(HOUR_MS);
    expect([connection.status.state, sockets.length]).toEqual(["closed", 1]);
  });
});

describe("the console", () => {
  test.each<[string, (connection: Connection) => void, string[]]>([
    [
      "a refusal",
      () => newestSocket().end(4501, "The origin is not allowed"),
      ["forbidden: The origin is not allowed"],
    ],
    [
      "an eviction",
      () => (newestSocket().say(hello()), newestSocket().end(4002, "Too many connections")),
      ["replaced: Too many connections"],
    ],
    [
      "a token that is refused before it is final",
      () => newestSocket().end(4500, "The token is not valid"),
      ["unauthorized: The token is not valid"],
    ],
    ["a restart", () => newestSocket().end(1012, "The hub restarts"), []],
    ["a broken network", () => newestSocket().end(1006), []],
    [
      "a token that expired in use",
      () => (newestSocket().say(hello()), newestSocket().end(4001, "The token has expired")),
      [],
    ],
  ])("of %s says as much as helps", async (_, act, expected) => {
    act(await start(["ws"]));
    expect(quiet.warn.mock.calls.flat()).toEqual(expected);
  });

  test("names the problem's code and title where there is one", async () => {
    await start(["poll"]);
    newestRequest().refuse(403, "origin_not_allowed");
    await flush();
    expect(quiet.warn.mock.calls.flat()).toEqual(["forbidden: origin_not_allowed: A title"]);
  });
});

describe("transports", () => {
  test("the one that got through is tried first for a day", async () => {
    const first = await start();
    newestSocket().end();
    await flush();
    await newestRequest().begin();
    await newestRequest().say(hello());
    expect(first.status.transport).toBe("sse");
    first.stop();
    sockets.length = 0;
    const second = await start();
    expect([sockets.length, newestRequest().path]).toEqual([0, "/sse"]);
    second.stop();
    vi.setSystemTime(Date.now() + 24 * HOUR_MS);
    await start();
    expect(sockets.length).toBe(1);
  });

  test("it is forgotten when nothing gets through", async () => {
    storage.setItem("transport", `poll ${Date.now() + HOUR_MS}`);
    await start();
    expect([sockets.length, newestRequest().path]).toEqual([0, "/poll"]);
    newestRequest().fail();
    await pass(1_000);
    expect(sockets.length).toBe(1);
  });

  test("on a fallback a WebSocket is tried every 5 min and taken without a hole, whichever of both says it first", async () => {
    const connection = await start();
    await failAll();
    await again(connection);
    newestSocket().end();
    await flush();
    const stream = newestRequest();
    await stream.begin();
    await stream.say(hello("epoch-0", "live", 60));
    cursor = "epoch-1";
    for (let minute = 0; minute < 5; minute++) {
      await pass(30_000);
      await stream.write(": hb\r\n\r\n");
      await pass(30_000);
      await stream.write(": hb\r\n\r\n");
    }
    const socket = newestSocket();
    expect([socket.closed, socket.cursor]).toEqual([false, "epoch-1"]);
    await stream.say(alert(2));
    socket.say(hello("epoch-1", "replayed"), alert(2), alert(3));
    expect([connection.status.transport, stream.aborted]).toEqual(["ws", true]);
    expect(frames.filter((frame) => "id" in frame)).toEqual([alert(2), alert(2), alert(3)]);
  });

  test("a WebSocket that is still blocked leaves the fallback alone, and is tried again when the network changes", async () => {
    const connection = await start();
    newestSocket().end();
    await flush();
    await newestRequest().begin();
    await newestRequest().say(hello("epoch-0", "live", 0));
    const before = sockets.length;
    connection.wake(true, false);
    await flush();
    expect(sockets.length).toBe(before + 1);
    newestSocket().end(4501);
    expect(connection.status).toMatchObject({ state: "connected", transport: "sse" });
    await pass(1_000);
    connection.wake(true, false);
    await flush();
    expect(sockets.length).toBe(before + 2);
  });
});
