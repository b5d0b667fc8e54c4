import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import http, { type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test, vi } from "vitest";
import { DEMO_USERS, Listener, LocalHub, PublishRefused } from "../src/index.js";
import { test as hubTest } from "../src/vitest.js";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));

/** For a test run within this one, on a machine that is busy. */
const CHILD_MS = 120_000;

/** The kit against real hubs: what its users' tests stand on. */

describe("the fixtures", () => {
  hubTest("hand a notification from publish to listen, and to nobody else", async ({ hub, publish, listen }) => {
    const [mine, other] = [await listen(), await listen({ userId: "somebody-else" })];
    const receipt = await publish("order_created", { title: "Novo pedido", data: { orderId: 7 } });
    expect(await mine.next()).toMatchObject({ id: receipt.id, type: "order_created", title: "Novo pedido" });
    await other.expectNothing();
    await publish("order_created", { account_id: hub.accountId });
    expect((await other.next()).type).toBe("order_created");
    await mine.next();
    expect(mine.received).toHaveLength(2);
    expect(mine.control.map((frame) => frame.type)).toEqual(["connection_established"]);
  });

  hubTest("publish to nobody else where a field is undefined or false", async ({ publish, listen }) => {
    const [mine, other] = [await listen(), await listen({ userId: "somebody-else" })];
    await publish("order_created", { user_id: undefined, everyone: false, title: undefined } as never);
    expect((await mine.next()).title).toBe("title");
    await other.expectNothing();
  });

  const seen = new Set<string>();
  for (const turn of [1, 2]) {
    hubTest(`give test ${turn} its own log, account, user and key`, async ({ hub, publish }) => {
      expect((await publish("order_created")).cursor).toMatch(/-1$/);
      for (const own of [hub.accountId, hub.userId, hub.serviceKey]) {
        expect(seen).not.toContain(own);
        seen.add(own);
      }
    });
  }
});

describe("a hub", () => {
  test("refuses a publish with its own words", async () => {
    const hub = await LocalHub.start();
    await expect(hub.publish("unheard_of")).rejects.toThrow(/^unknown_type: /);
    const refused = await hub.publish("order_created", { title: 7 as never }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(PublishRefused);
    expect((refused as PublishRefused).problem.field).toBe("$.title");
    await hub.close();
  });

  test("restarts and crashes under its listeners, who miss nothing", async () => {
    const hub = await LocalHub.start();
    const listener = await hub.listen();
    const url = hub.url;
    for (const end of [() => hub.stop(), () => hub.kill()]) {
      await hub.publish("order_created", { message: "before" });
      await end();
      await expect(hub.publish("order_created")).rejects.toThrow(TypeError);
      await hub.start();
      await hub.publish("order_created", { message: "after" });
      expect([(await listener.next()).message, (await listener.next()).message]).toEqual(["before", "after"]);
    }
    await hub.restart();
    expect(hub.url).toBe(url);
    expect(hub.wsUrl).toBe(`${url.replace("http", "ws")}/ws`);
    await hub.close();
  });

  test("knows the demo users alone where it is told to", async () => {
    const hub = await LocalHub.start({ demoUsers: true });
    const listener = await hub.listen(DEMO_USERS.seller);
    await hub.publish("order_created", { account_id: DEMO_USERS.seller.accountId });
    await listener.next();
    await expect(hub.listen()).rejects.toThrow(/did not accept the connection: 4\d\d/);
    await hub.close();
  });

  test("goes on in a folder that is given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "kit-"));
    const first = await LocalHub.start({ folder });
    const { cursor } = await first.publish("order_created", { everyone: true });
    await first.publish("order_created", { everyone: true, message: "missed" });
    await first.close();
    const second = await LocalHub.start({ folder });
    const listener = await second.listen({}, { cursor });
    expect((await listener.next()).message).toBe("missed");
    await second.close();
    await rm(folder, { recursive: true });
  });

  test("listens where it is told, and lets pages of the usual local origins in alone", async () => {
    const first = await LocalHub.start();
    await first.close();
    const hub = await LocalHub.start({ port: Number(new URL(first.url).port) });
    expect(hub.url).toBe(first.url);
    const ask = async (origin: string) => {
      const headers = { origin, authorization: `Bearer ${hub.token()}` };
      return (await fetch(`${hub.url}/poll`, { headers })).status;
    };
    expect([await ask("http://localhost:5173"), await ask("https://elsewhere.example")]).toEqual([200, 403]);
    await hub.close();
  });

  test("that does not start says why", async () => {
    await expect(LocalHub.start({ env: { HUB_HANDOVER: "soon" } })).rejects.toThrow(/HUB_HANDOVER/);
    await expect(LocalHub.start({ command: ["/nowhere/hub"] })).rejects.toThrow(/pip install notification-hub/);
  });

  test("stores one notification for one idempotency key", async () => {
    const hub = await LocalHub.start();
    const once = await hub.publish("order_created", {}, { idempotencyKey: "k" });
    const twice = await hub.publish("order_created", {}, { idempotencyKey: "k" });
    expect([once.duplicate, twice.duplicate, twice.id]).toEqual([false, true, once.id]);
    await hub.close();
  });

  test("takes tokens whose claims its settings name, and a key that may do everything", async () => {
    const hub = await LocalHub.start({ env: { HUB_JWT_USER_CLAIM: "uid", HUB_JWT_ACCOUNT_CLAIM: "tenant" } });
    const listener = await hub.listen({ userId: "7" });
    await hub.publish("order_created", { user_id: "7" });
    await listener.next();
    for (const [path, body] of [
      ["forget", { user_id: "7", account_id: hub.accountId }],
      ["disconnect", { user_id: "7", account_id: hub.accountId }],
    ] as const) {
      const response = await fetch(`${hub.url}/api/internal/${path}`, {
        method: "POST",
        headers: { authorization: `Bearer ${hub.serviceKey}`, "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(200);
    }
    expect(hub.log.join("\n")).toContain("listening on");
    await hub.close();
  });

  test("that says nothing, or does not end, is killed after half a minute", async () => {
    const sleep = "while :; do sleep 0.1; done";
    // Only of what is set from here on the time passes at once.
    const passHalfAMinute = async (act: () => Promise<unknown>) => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const done = act();
      await vi.waitFor(() => expect(vi.getTimerCount()).toBeGreaterThan(0));
      vi.advanceTimersByTime(30_000);
      vi.useRealTimers();
      return done;
    };
    await expect(passHalfAMinute(() => LocalHub.start({ command: ["sh", "-c", sleep] }))).rejects.toThrow(
      "the hub did not start",
    );
    const deaf = `trap "" TERM; echo "listening on http://127.0.0.1:9" >&2; ${sleep}`;
    const hub = await LocalHub.start({ command: ["sh", "-c", deaf] });
    await passHalfAMinute(() => hub.stop());
    await hub.close();
  });

  test("is the one on the path where nobody names another, and is asked for where there is none", async () => {
    const { HUB_COMMAND: command, PATH: path } = process.env;
    delete process.env.HUB_COMMAND;
    process.env.PATH = "/nowhere";
    await expect(LocalHub.start()).rejects.toThrow(/^the hub did not start: hub: .*pip install notification-hub/);
    Object.assign(process.env, { HUB_COMMAND: command, PATH: path });
  });

  test("that refuses without a detail is quoted with its title alone", () => {
    expect(new PublishRefused({ code: "overloaded", title: "Later", status: 503 }).message).toBe("overloaded: Later");
  });

  test("is not set up by the variables of the test run", async () => {
    process.env.HUB_PORT = "no port";
    const hub = await LocalHub.start();
    delete process.env.HUB_PORT;
    expect(hub.environ).toEqual({ HUB_URL: hub.url, HUB_KEY: hub.serviceKey, HUB_SERVICE_KEY: hub.serviceKey });
    await hub.close();
    // Once more is nothing, as where a test and its fixture both do it.
    await hub.close();
  });
});

describe("a listener", () => {
  hubTest("that waits in vain says what came", async ({ publish, listen }) => {
    const listener = await listen();
    await expect(listener.next({ timeoutMs: 30 })).rejects.toThrow(/within 30 ms; nothing came before/);
    await publish("order_created");
    await listener.next();
    await expect(listener.next({ timeoutMs: 30 })).rejects.toThrow(/before it came order_created/);
    await publish("order_created");
    await expect(listener.expectNothing({ withinMs: 5_000 })).rejects.toThrow(/not expected: .*order_created/);
    listener.close();
    await listener.next();
    await expect(listener.next()).rejects.toThrow(/the listener is closed/);
  });

  hubTest("with a wrong token is refused", async ({ hub }) => {
    const expired = hub.token({}, { lifetimeMs: -60_000, claims: { role: "admin" } });
    const response = await fetch(`${hub.url}/sse`, { headers: { authorization: `Bearer ${expired}` } });
    expect(response.status).toBe(401);
  });

  test("takes a silent hub for dead, and comes back with its cursor", async () => {
    const cursors: unknown[] = [];
    const stage = await play((response, cursor) => {
      cursors.push(cursor);
      greet(response, 0.05);
    });
    const listener = await Listener.open(() => ({ url: stage.url, token: "t" }));
    await expect.poll(() => cursors.length, { timeout: 10_000 }).toBeGreaterThan(2);
    expect(cursors.slice(0, 2)).toEqual([undefined, "e-1"]);
    listener.close();
    stage.close();
  });

  test("stays while comments come, and is closed by a refusal that does not pass", async () => {
    let refuse = () => {};
    const stage = await play((response, cursor) => {
      if (cursor) {
        response.writeHead(403).end("no");
        return;
      }
      greet(response, 0.5);
      const beats = setInterval(() => response.write(": hb\n\n"), 20);
      refuse = () => clearInterval(beats);
    });
    const listener = await Listener.open(() => ({ url: stage.url, token: "t" }));
    // Twice the heartbeat has passed.
    await listener.expectNothing({ withinMs: 1_200 });
    expect(stage.requests).toBe(1);
    refuse();
    await expect(listener.next({ timeoutMs: 10_000 })).rejects.toThrow(/the hub refused it: 403 no/);
    stage.close();
  });

  test("that is greeted with something else fails", async () => {
    for (const text of ['data: {"type": "order_created", "id": "1"}\n\n', ""]) {
      const stage = await play((response) =>
        response.writeHead(200, { "content-type": "text/event-stream" }).end(text),
      );
      await expect(Listener.open(() => ({ url: stage.url, token: "t" }))).rejects.toThrow("did not greet");
      stage.close();
    }
  });

  test("receives a gap, comes back at its cursor, and stays away after a final close", async () => {
    const asked: unknown[] = [];
    const frames = [
      { type: "gap", data: { cursor: "e-7" } },
      ...[4000, 4502].map((code) => ({ type: "closing", code })),
    ];
    const stage = await play((response, cursor) => {
      greet(response, 60);
      response.end(`data: ${JSON.stringify(frames[asked.push(cursor) - 1])}\n\n`);
    });
    const listener = await Listener.open(() => ({ url: stage.url, token: "t" }));
    expect((await listener.next()).type).toBe("gap");
    await expect(listener.next({ timeoutMs: 20_000 })).rejects.toThrow(/before it came gap/);
    expect(asked).toEqual([undefined, "e-7", "e-7"]);
    expect(listener.control.filter(({ type }) => type === "closing")).toEqual(frames.slice(1));
    stage.close();
  });

  test("that a silent hub does not greet fails", async () => {
    const stage = await play(() => {});
    await expect(Listener.open(() => ({ url: stage.url, token: "t" }))).rejects.toThrow(/silent for too long/);
    stage.close();
  });
});

describe("a test that fails", () => {
  const run = (...command: string[]) => spawnSync("npx", command, { encoding: "utf8", cwd: FOLDER });

  test("in vitest prints the log lines of its hub", { timeout: CHILD_MS }, () => {
    const done = run("vitest", "run", "--config", "test/failing/vitest.config.ts");
    expect(done.status).toBe(1);
    expect(done.stderr).toContain("the test itself fails");
    expect(done.stderr).toContain("listening on");
  });

  test("in Playwright has them as an attachment", { timeout: CHILD_MS }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "kit-"));
    const done = run("playwright", "test", "--config", "test/failing/playwright.config.ts", "--output", folder);
    expect(done.status).toBe(1);
    const { attachments } = JSON.parse(done.stdout).suites[0].specs[0].tests[0].results[0];
    expect(attachments[0].name).toBe("hub.log");
    expect(Buffer.from(attachments[0].body, "base64").toString()).toContain("listening on");
    await rm(folder, { recursive: true });
  });
});

/** Play a hub whose responses a test makes; `cursor` is what the client comes back with. */
async function play(respond: (response: ServerResponse, cursor: unknown) => void) {
  const server = http.createServer((request, response) => {
    stage.requests += 1;
    respond(response, request.headers["last-event-id"]);
  });
  const stage = { requests: 0, url: "", close: () => server.closeAllConnections() };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  stage.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return stage;
}

/** Send the greeting and nothing more. */
function greet(response: ServerResponse, heartbeatSeconds: number): void {
  const data = { cursor: "e-1", heartbeatSeconds };
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.write(`data: ${JSON.stringify({ type: "connection_established", data })}\n\n`);
}
