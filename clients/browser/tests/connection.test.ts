import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createConnection, type Connection } from "../src/connection.js";
import { Refusal } from "../src/link.js";
import type { Status, Transport } from "../src/status.js";
import type { TokenReason } from "../src/tokens.js";
import type { AnyFrame } from "../src/wire.js";
import { alert, flush, hello, installFakes, memoryStorage, newestRequest, newestSocket, pass, removeFakes, requests, sockets } from "./fakes.js";
import { offer } from "./lines.js";

const HOUR_MS = 3_600_000;

let storage = memoryStorage();
let reasons: TokenReason[] = [];
let statuses: Status[] = [];
let frames: AnyFrame[] = [];
let cursor: string | undefined;

beforeEach(() => {
  installFakes();
  storage = memoryStorage();
  [reasons, statuses, frames, cursor] = [[], [], [], undefined];
});
afterEach(removeFakes);

async function start(transports: Transport[] = ["ws", "sse", "poll"], refuse?: () => Refusal | undefined): Promise<Connection> {
  const connection = createConnection({
    transports,
    storage,
    memoryKey: "transport",
    getOffer: async (reason) => {
      reasons.push(reason);
      const refusal = refuse?.();
      if (refusal) throw refusal;
      return offer({ cursor });
    },
    onFrame: (frame) => frames.push(frame),
    onCursor: (at) => (cursor = at),
    onStatus: (status) => statuses.push(status),
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
    await pass(6_000);
    for (const waitMs of [1000, 1500, 2500, 4500, 8500, 16_500, 20_500, 20_500]) {
      newestSocket().end();
      const before = sockets.length;
      expect(connection.status).toMatchObject({ state: "reconnecting", retryAt: Date.now() + waitMs, reason: { code: "network" } });
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

  test("only a connection that stayed up 5 s was a success: one that is closed at once is not tried every second", async () => {
    const connection = await connected(["ws"]);
    for (let attempt = 1; attempt <= 6; attempt++) {
      newestSocket().end(4000);
      expect(connection.status.attempt).toBe(attempt);
      await again(connection);
      newestSocket().say(hello());
    }
    await pass(5_000);
    newestSocket().end();
    expect(connection.status.attempt).toBe(1);
  });

  test("a restart of the hub is spread over the window that it names", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const connection = await connected();
    newestSocket().say({ type: "reconnect", withinSeconds: 60 });
    newestSocket().end(1012);
    expect(connection.status).toMatchObject({ retryAt: Date.now() + 30_000, reason: { code: "restarting", terminal: false } });
  });

  test("a hub that says when to come back is believed, with a jitter", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    const connection = await start(["sse"]);
    newestRequest().refuse(503, "draining", { "retry-after": "5" });
    await flush();
    expect(connection.status.retryAt).toBe(Date.now() + 5_750);
  });

  test("a silent connection is opened again at once, and told of as lost", async () => {
    const connection = await connected();
    const first = newestSocket();
    await pass(40_000);
    expect([first.closed, sockets.length, connection.status.state, connection.status.reason?.code]).toEqual([true, 2, "reconnecting", "network"]);
  });

  test("a page that wakes up does not wait for its next attempt", async () => {
    const connection = await connected(["ws"]);
    newestSocket().end();
    connection.wake(false);
    await flush();
    expect(sockets.length).toBe(2);
  });

  test("a page that slept past a heartbeat reconnects when it wakes up", async () => {
    const connection = await connected();
    vi.setSystemTime(Date.now() + 31_000);
    connection.wake(false);
    await flush();
    expect(sockets.length).toBe(2);
  });

  test("a connection that was stopped stays so", async () => {
    const connection = await connected();
    connection.stop();
    const told = statuses.length;
    await pass(HOUR_MS);
    connection.wake(true);
    await pass(HOUR_MS);
    expect([sockets.length, requests.length, statuses.length]).toEqual([1, 0, told]);
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

  test("nobody signed in is final at once, and starting again asks again", async () => {
    let signedIn = false;
    const connection = await start(["ws"], () => (signedIn ? undefined : new Refusal({ code: 4500, retryMs: Infinity })));
    expect(connection.status).toMatchObject({ state: "closed", reason: { code: "unauthorized", terminal: true } });
    signedIn = true;
    connection.start();
    await flush();
    newestSocket().say(hello());
    expect(connection.status).toMatchObject({ state: "connected", reason: null });
  });

  test("a token that could not be fetched is asked for again", async () => {
    let failures = 2;
    const connection = await start(["ws"], () => (failures-- > 0 ? new Refusal({ code: 1006 }) : undefined));
    await pass(5_000);
    newestSocket().say(hello());
    expect(connection.status.state).toBe("connected");
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
    connection.wake(true);
    await flush();
    expect(sockets.length).toBe(before + 1);
    newestSocket().end(4501);
    expect(connection.status).toMatchObject({ state: "connected", transport: "sse" });
    connection.wake(true);
    await flush();
    expect(sockets.length).toBe(before + 2);
  });
});
