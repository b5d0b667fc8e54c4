import { afterEach, describe, expect, test, vi } from "vitest";
import { type HubFailure, HubRefused, NotificationHub, NotificationLost, type PublishRequest } from "../src/index.js";
import { accept, nobody, refuse, type StandIn, stall, standIn, until } from "./stand-in.js";

const RETRY = { attempts: 4, baseMs: 1, capMs: 5 };

let server: StandIn | undefined;
afterEach(() => server?.close());

function alert(title = "Estoque baixo"): PublishRequest {
  return { type: "stock_alert", title, message: "Faltam peças", account_id: "1" };
}

function hubAt(url: string, options = {}): { hub: NotificationHub; lost: HubFailure[] } {
  const lost: HubFailure[] = [];
  const onError = (failure: HubFailure) => lost.push(failure);
  return { hub: new NotificationHub({ url, key: "hubk_test", retry: RETRY, onError, ...options }), lost };
}

describe("enqueue", () => {
  test("sends in the order of the calls", async () => {
    server = await standIn(refuse(503), accept);
    const { hub } = hubAt(server.url);
    const titles = Array.from({ length: 20 }, (_, index) => `Aviso ${index}`);
    for (const title of titles) expect(hub.enqueue(alert(title))).toBe(true);
    expect(await hub.flush()).toBe(true);
    expect(server.seen.slice(1).map((seen) => JSON.parse(seen.body).title)).toEqual(titles);
    expect(hub.counts).toEqual({ queued: 0, sent: 20, failed: 0, dropped: 0 });
  });

  test("returns before anything is sent", async () => {
    server = await standIn(stall);
    const { hub } = hubAt(server.url);
    const startedAt = performance.now();
    for (let index = 0; index < 100; index++) hub.enqueue(alert());
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await hub.close(1);
  });

  test("sends what the notification was when it was queued", async () => {
    server = await standIn(accept);
    const { hub } = hubAt(server.url);
    const changing = alert("antes");
    hub.enqueue(changing);
    changing.title = "depois";
    await hub.flush();
    expect(JSON.parse(server.seen[0]?.body ?? "").title).toBe("antes");
  });

  test("keeps trying with one key while the hub is away, and sends when it is back", async () => {
    server = await standIn(refuse(503), refuse(502), refuse(504), refuse(429), refuse(503), refuse(503), accept);
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert());
    expect(await hub.flush()).toBe(true);
    expect(new Set(server.seen.map((seen) => seen.headers["idempotency-key"])).size).toBe(1);
    expect(lost).toEqual([]);
  });

  test("sends what was given for an unknown target, once, in its place and under a key of its own", async () => {
    const unknown = refuse(422, {}, "unknown_target");
    server = await standIn(unknown, refuse(503), accept, unknown, unknown, accept);
    const { hub, lost } = hubAt(server.url);
    for (const title of ["a", "b"]) hub.enqueue(alert(title), { orElse: alert(`${title} sem conta`) });
    hub.enqueue(alert("c"), { orElse: alert("c sem conta") });
    expect(await hub.flush()).toBe(true);
    const titles = server.seen.map((seen) => JSON.parse(seen.body).title);
    expect(titles).toEqual(["a", "a sem conta", "a sem conta", "b", "b sem conta", "c"]);
    const keys = server.seen.map((seen) => seen.headers["idempotency-key"]);
    expect([keys[1] === keys[0], keys[2] === keys[1]]).toEqual([false, true]);
    expect(lost).toEqual([expect.objectContaining({ code: "unknown_target" })]);
    expect(hub.counts).toEqual({ queued: 0, sent: 2, failed: 1, dropped: 0 });
  });

  test.each([
    [400, "no_target"],
    [422, "idempotency_conflict"],
    [403, "forbidden"],
  ])("sends nothing else where the hub refuses for another reason: %i %s", async (status, code) => {
    server = await standIn(refuse(status, {}, code), accept);
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert("a"), { orElse: alert("sem conta") });
    expect(await hub.flush()).toBe(true);
    expect(server.seen.length).toBe(1);
    expect(lost).toEqual([expect.objectContaining({ code })]);
  });

  test("a refused notification is reported and counted, and delays no other", async () => {
    server = await standIn(refuse(400, {}, "unknown_type"), accept);
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert());
    hub.enqueue(alert());
    await hub.flush();
    expect(lost).toEqual([expect.any(HubRefused)]);
    expect(hub.counts).toEqual({ queued: 0, sent: 1, failed: 1, dropped: 0 });
  });

  test("what does not fit is not taken, reported and counted", async () => {
    server = await standIn(stall);
    const { hub, lost } = hubAt(server.url, { queue: { notifications: 2 } });
    expect([1, 2, 3].map(() => hub.enqueue(alert()))).toEqual([true, true, false]);
    expect(lost).toEqual([expect.any(NotificationLost)]);
    expect(lost[0]).toMatchObject({ reason: "queue_full" });
    expect(hub.counts).toMatchObject({ queued: 2, dropped: 1 });
    await hub.close(1);
  });

  test("the queue is bounded in bytes too", async () => {
    server = await standIn(stall);
    const { hub } = hubAt(server.url, { queue: { bytes: 1000 } });
    expect([hub.enqueue(alert("a".repeat(800))), hub.enqueue(alert("a".repeat(800)))]).toEqual([true, false]);
    await hub.close(1);
  });

  test("room that was used is free again", async () => {
    server = await standIn(accept);
    const { hub } = hubAt(server.url, { queue: { notifications: 1, bytes: 200 } });
    for (let index = 0; index < 5; index++) {
      expect(hub.enqueue(alert())).toBe(true);
      await hub.flush();
    }
  });

  test("a notification that waited too long is given up, reported and counted", async () => {
    const { hub, lost } = hubAt(await nobody(), { queue: { maxAgeMs: 30 } });
    hub.enqueue(alert());
    await until(() => hub.counts.failed === 1);
    expect(lost[0]).toMatchObject({ reason: "too_old" });
  });

  test.each([
    ["a loop", () => Object.assign(alert(), { data: loop() })],
    ["a bigint", () => ({ ...alert(), data: { productId: 1n } })],
    ["nothing", () => undefined],
  ])("never throws: %s", async (_, make) => {
    const { hub, lost } = hubAt(await nobody());
    expect(hub.enqueue(make() as unknown as PublishRequest)).toBe(false);
    expect(lost[0]).toMatchObject({ reason: "not_json" });
  });

  test("never throws because of the hook", async () => {
    const spoken = vi.spyOn(console, "error").mockReturnValue();
    const { hub } = hubAt(await nobody(), {
      queue: { notifications: 0 },
      onError: () => {
        throw new Error("the hook");
      },
    });
    expect(hub.enqueue(alert())).toBe(false);
    expect(spoken).toHaveBeenCalledOnce();
    spoken.mockRestore();
  });

  test("without a hook a lost notification is a warning that names no person", async () => {
    const spoken = vi.spyOn(console, "warn").mockReturnValue();
    const hub = new NotificationHub({ url: await nobody(), key: "hubk_test", queue: { notifications: 0 } });
    hub.enqueue({ ...alert(), user_id: "00000000191" });
    const line = "notification hub: stock_alert was not sent: A notification was not sent: the queue is full";
    expect(spoken.mock.calls).toEqual([[line]]);
    spoken.mockRestore();
  });
});

describe("close", () => {
  test("sends what is queued first", async () => {
    server = await standIn(accept);
    const { hub } = hubAt(server.url);
    for (let index = 0; index < 10; index++) hub.enqueue(alert());
    expect(await hub.close()).toBe(true);
    expect(hub.counts.sent).toBe(10);
  });

  test("asks a hub that was down once more instead of waiting out the delay", async () => {
    server = await standIn(refuse(503, { "retry-after": "60" }), accept);
    const { hub } = hubAt(server.url);
    hub.enqueue(alert());
    await until(() => server?.seen.length === 1);
    expect(await hub.close()).toBe(true);
  });

  test("gives up in time what cannot be sent, and reports it", async () => {
    server = await standIn(stall);
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert());
    hub.enqueue(alert());
    expect(await hub.close(20)).toBe(false);
    expect(lost.map((failure) => (failure as NotificationLost).reason)).toEqual(["closed", "closed"]);
    expect(hub.counts).toEqual({ queued: 0, sent: 0, failed: 2, dropped: 0 });
  });

  test("takes nothing afterwards", async () => {
    const { hub, lost } = hubAt(await nobody());
    expect(await hub.close()).toBe(true);
    expect(hub.enqueue(alert())).toBe(false);
    expect(lost[0]).toMatchObject({ reason: "closed" });
  });
});

function loop(): object {
  const one: { self?: object } = {};
  one.self = one;
  return one;
}
