import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DEMO_USERS, LocalHub, PublishRefused } from "../src/index.js";
import { test as hubTest } from "../src/vitest.js";

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

  test("is not set up by the variables of the test run", async () => {
    process.env.HUB_PORT = "no port";
    const hub = await LocalHub.start();
    delete process.env.HUB_PORT;
    expect(hub.environ).toEqual({ HUB_URL: hub.url, HUB_KEY: hub.serviceKey, HUB_SERVICE_KEY: hub.serviceKey });
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
});
