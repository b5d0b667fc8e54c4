import { createHash } from "node:crypto";
import { DEMO_USERS, LocalHub } from "@notification-hub/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NotificationHub, type operations } from "../src/index.js";
import { type Responder, type StandIn, standIn } from "./stand-in.js";

const { buyer: BUYER, seller: SELLER } = DEMO_USERS;

let running: LocalHub;
let hub: NotificationHub;
beforeAll(async () => {
  running = await LocalHub.start({ demoUsers: true });
  hub = new NotificationHub({ url: running.url, key: running.serviceKey });
});
afterAll(() => running.close());

const TO_SELLER = { user_id: SELLER.userId, account_id: SELLER.accountId };

describe("a real hub", () => {
  test("delivers what was published, as it was", async () => {
    const listener = await running.listen(SELLER);
    const data = { orderId: 7, orderCode: "PED-7", items: [{ sku: "A" }], total: "R$ 10,00" };
    const said = { type: "order_created", title: "Novo pedido", message: "PED-7", data } as const;
    const receipt = await hub.notify({ ...said, ...TO_SELLER });
    expect(await listener.next()).toMatchObject({ ...said, id: receipt.id });
    expect(receipt).toMatchObject({ duplicate: false, connections: 1 });
    listener.close();
  });

  test("delivers what was queued", async () => {
    const listener = await running.listen(BUYER);
    const said = { type: "cart_updated", title: "Carrinho", message: "2 itens" } as const;
    expect(hub.enqueue({ ...said, account_id: BUYER.accountId })).toBe(true);
    expect((await listener.next()).title).toBe("Carrinho");
    listener.close();
  });

  test("stores once what was sent again because the response was lost", async () => {
    const listener = await running.listen(BUYER);
    const cut = await cuttingProxy(running.url);
    const through = new NotificationHub({ url: cut.url, key: running.serviceKey, retry: { baseMs: 1 } });
    const to = { user_id: BUYER.userId, account_id: BUYER.accountId };
    const receipt = await through.notify({ type: "profile_updated", title: "Perfil", message: "Uma vez", ...to });
    expect(receipt.duplicate).toBe(true);
    await hub.notify({ type: "profile_updated", title: "Perfil", message: "Depois", ...to });
    expect([(await listener.next()).message, (await listener.next()).message]).toEqual(["Uma vez", "Depois"]);
    listener.close();
    await cut.close();
  });

  test("has a result for each notification of a batch", async () => {
    const good = { type: "stock_alert", title: "a", message: "b", ...TO_SELLER } as const;
    const results = await hub.notifyBatch([good, { ...good, user_id: null, account_id: null }]);
    expect(results.map((result) => result.problem?.code ?? "stored")).toEqual(["stored", "no_target"]);
  });

  test("names the field that cannot be used, and the types it knows", async () => {
    const wrong = { type: "stock_alert", title: "a", message: "b", data: { productId: 2 ** 53 }, ...TO_SELLER };
    await expect(hub.notify(wrong as never)).rejects.toMatchObject({ status: 400, field: "$.data.productId" });
    await expect(hub.notify({ ...wrong, type: "nope" } as never)).rejects.toMatchObject({
      code: "unknown_type",
      known: expect.arrayContaining(["stock_alert"]),
    });
  });

  test("names in the receipt what it passed on in another shape", async () => {
    const listener = await running.listen(SELLER);
    const odd = { type: "order_created", title: "a", message: "b", data: { items: "[1]" }, ...TO_SELLER };
    const receipt = await hub.notify(odd as never);
    expect(receipt.warnings).toEqual([{ field: "$.data.items", detail: "Expected `array | null`, got `str`" }]);
    expect((await listener.next()).data).toEqual({ items: "[1]" });
    listener.close();
  });

  test("warns once of what was queued in another shape, or calls the hook each time", async () => {
    const odd = { type: "order_created", title: "a", message: "b", data: { items: "[1]" }, ...TO_SELLER };
    const lines = vi.spyOn(console, "warn").mockImplementation(() => undefined);
    for (let time = 0; time < 2; time++) hub.enqueue(odd as never);
    expect(await hub.flush()).toBe(true);
    expect(lines.mock.calls).toEqual([
      ["notification hub: order_created: $.data.items is not as declared: Expected `array | null`, got `str`"],
    ]);
    lines.mockRestore();
    const onWarning = vi.fn();
    const hooked = new NotificationHub({ url: running.url, key: running.serviceKey, onWarning });
    for (let time = 0; time < 2; time++) hooked.enqueue(odd as never);
    hooked.enqueue({ type: "cart_updated", title: "a", message: "b", ...TO_SELLER });
    expect(await hooked.close()).toBe(true);
    expect(onWarning.mock.calls.map(([warnings, { type }]) => [warnings[0].field, type])).toEqual([
      ["$.data.items", "order_created"],
      ["$.data.items", "order_created"],
    ]);
  });

  test("counts the connections", async () => {
    const listener = await running.listen(SELLER);
    const stats = await hub.stats();
    expect(stats.totalConnections).toBeGreaterThanOrEqual(1);
    expect(stats.connectionsByAccount[SELLER.accountId]).toBeGreaterThanOrEqual(1);
    listener.close();
  });

  test("turns a user's token into a ticket that opens one connection", async () => {
    const { ticket, expiresIn } = await hub.ticket(running.token(SELLER));
    expect(expiresIn).toBe(30);
    const control = new AbortController();
    const response = await fetch(`${running.url}/sse?token=${ticket}`, { signal: control.signal });
    expect(response.status).toBe(200);
    control.abort();
  });

  test("erases a user, and says what went", async () => {
    const notification = { type: "stock_alert", title: "Estoque", message: "de quem sai" } as const;
    await hub.notify({ ...notification, user_id: BUYER.userId, account_id: BUYER.accountId });
    const erased = await hub.forget({ user_id: BUYER.userId, account_id: BUYER.accountId });
    expect(erased.records).toBeGreaterThanOrEqual(1);
    expect(erased.final).toBe(true);
  });

  test("closes a user's connections, and those of one token", async () => {
    const listener = await running.listen(SELLER);
    expect((await hub.disconnect({ user_id: SELLER.userId })).closed).toBeGreaterThanOrEqual(1);
    await vi.waitFor(() => expect(listener.control.map((frame) => frame.type)).toContain("closing"));
    listener.close();
    const digest = createHash("sha256").update(running.token(BUYER)).digest("hex");
    expect(await hub.disconnect({ token: digest, revoke: true })).toEqual({ closed: 0, revoked: true });
  });

  test("sends a signal, which is not kept", async () => {
    const changed = {
      type: "orders:updated",
      data: { id: 7, action: "updated" },
      account_id: SELLER.accountId,
    } as const;
    expect(await hub.signal(changed)).toEqual({ ephemeral: true, connections: 0 });
  });

  test("explains a publish without publishing", async () => {
    const request = { type: "cart_updated", title: "Carrinho", message: "2 itens", user_id: SELLER.userId } as const;
    const said = await hub.explain(request, { explain_user_id: BUYER.userId });
    expect(said.accepted).toBe(true);
    expect(said.user?.reasons.map((reason) => reason.code)).toEqual(["not_addressed"]);
  });

  test("says what became of a notification", async () => {
    const request = { type: "cart_updated", title: "Carrinho", message: "2 itens", user_id: SELLER.userId } as const;
    const { id, cursor } = await hub.notify(request);
    for (const options of [{}, { cursor }]) {
      const trace = await hub.trace(id, options);
      expect([trace.id, trace.stored.cursor, trace.type]).toEqual([id, cursor, "cart_updated"]);
    }
  });

  test("sets a deadline for each user, called, queued and in a batch", async () => {
    const confirm = { within_seconds: 3600, by: "delivered" } as const;
    const request = {
      type: "stock_alert",
      title: "Prazo",
      message: "2 itens",
      user_id: SELLER.userId,
      confirm,
    } as const;
    const listener = await running.listen(SELLER);
    // The key has no webhook, and the receipt says so.
    const receipt = await hub.notify(request);
    expect(receipt.warnings?.map(({ field }) => field)).toEqual(["$.confirm"]);
    const [result] = await hub.notifyBatch([{ ...request, confirm: { ...confirm, by: "read" } }]);
    const quiet = new NotificationHub({ url: running.url, key: running.serviceKey, onWarning: () => {} });
    quiet.enqueue(request);
    expect(await quiet.close()).toBe(true);
    const ids = [await listener.next(), await listener.next(), await listener.next()].map(({ id }) => String(id));
    expect(ids.slice(0, 2)).toEqual([receipt.id, result?.receipt?.id]);
    const awaited = await Promise.all(ids.map(async (id) => (await hub.trace(id)).awaited?.map(({ by }) => by)));
    expect(awaited).toEqual([["delivered"], ["read"], ["delivered"]]);
    await expect(hub.notify({ ...request, confirm: { within_seconds: 9, by: "read" } })).rejects.toMatchObject({
      field: "$.confirm.within_seconds",
    });
    listener.close();
  });

  test("is live and ready", async () => {
    expect(await hub.live()).toBe(true);
    expect((await hub.health()).ready).toBe(true);
  });
});

test("every operation of the document is a method, or is none for a service", () => {
  // A new operation in openapi/openapi.json does not compile until it stands here.
  const covered: Record<keyof operations, keyof NotificationHub | "for subscribers" | "for machines"> = {
    publishNotification: "notify",
    publishBatch: "notifyBatch",
    sendSignal: "signal",
    readStats: "stats",
    disconnect: "disconnect",
    forgetUser: "forget",
    explainNotification: "explain",
    traceNotification: "trace",
    issueTicket: "ticket",
    checkReady: "health",
    checkLive: "live",
    openWebSocket: "for subscribers",
    openEventStream: "for subscribers",
    pollFrames: "for subscribers",
    readStream: "for subscribers",
    getInbox: "for subscribers",
    changeInbox: "for subscribers",
    getPreferences: "for subscribers",
    setPreferences: "for subscribers",
    acknowledge: "for subscribers",
    getPushKey: "for subscribers",
    subscribeToPush: "for subscribers",
    unsubscribeFromPush: "for subscribers",
    observe: "for machines",
    findConnections: "for machines",
    getPushFigures: "for machines",
    listWebhooks: "for machines",
    repeatWebhook: "for machines",
    reportRelay: "for machines",
    receiveNotificationUnconfirmed: "for machines",
    receiveNotificationConfirmed: "for machines",
    readMetrics: "for machines",
    showHub: "for machines",
    showConsole: "for machines",
    readConsoleScript: "for machines",
    readConsoleStyle: "for machines",
    showSchema: "for machines",
    readOpenApi: "for machines",
    readOpenApi30: "for machines",
    readAsyncApi: "for machines",
    readFramesSchema: "for machines",
  };
  for (const name of Object.values(covered)) {
    if (!name.startsWith("for ")) expect(hub[name as keyof NotificationHub]).toBeTypeOf("function");
  }
});

/** Passes the first request on and cuts the connection before the response; passes all later ones on whole. */
function cuttingProxy(target: string): Promise<StandIn> {
  const pass = (cut: boolean): Responder => {
    return async (response, seen) => {
      const headers = new Headers({ "content-type": "application/json" });
      for (const name of ["authorization", "idempotency-key"]) headers.set(name, String(seen.headers[name]));
      const passed = await fetch(target + seen.path, { method: "POST", headers, body: seen.body });
      const text = await passed.text();
      if (cut) response.socket?.destroy();
      else response.writeHead(passed.status, { "content-type": "application/json" }).end(text);
    };
  };
  return standIn(pass(true), pass(false));
}
