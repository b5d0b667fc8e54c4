import { DEMO_USERS, LocalHub } from "@notification-hub/testing";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { NotificationClient } from "../src/index.js";
import {
  accept,
  type Responder,
  nobody,
  refuse,
  reset,
  sent,
  stall,
  standIn,
  until,
} from "../../typescript/test/stand-in.js";

const { buyer: BUYER, seller: SELLER } = DEMO_USERS;

const ORDER = { id: 9, orderCode: "PED-9", items: [], total: 10 };

/** An order as StockTech's route places it: stored, then announced. */
async function placeOrder(client: NotificationClient): Promise<{ status: number; tookMs: number }> {
  const startedAt = performance.now();
  await client.notifyOrderCreated(BUYER.userId, SELLER.userId, BUYER.accountId, SELLER.accountId, ORDER);
  return { status: 201, tookMs: performance.now() - startedAt };
}

describe("an order is placed at once, whatever becomes of its notification", () => {
  const key = "hubk_test";
  const retry = { baseMs: 1, capMs: 2 };

  test("hub down", async () => {
    const client = new NotificationClient({ url: await nobody(), key, onError: vi.fn() });
    expect(await placeOrder(client)).toEqual({ status: 201, tookMs: expect.toSatisfy((ms: number) => ms < 500) });
    await client.close(1);
  });

  test.each<[string, Responder]>([
    ["hub slow", stall],
    ["hub 500", refuse(500, {}, "internal")],
    ["hub 503", refuse(503)],
    ["key refused", refuse(401, {}, "invalid_token")],
    ["connection cut", reset],
    ["a web page, not a hub", (response) => response.writeHead(200).end("<html>")],
  ])("%s", async (_, responder) => {
    const server = await standIn(responder);
    const client = new NotificationClient({ url: server.url, key, retry, onError: vi.fn() });
    expect(await placeOrder(client)).toEqual({ status: 201, tookMs: expect.toSatisfy((ms: number) => ms < 500) });
    await until(() => server.seen.length > 0);
    await client.close(1);
    await server.close();
  });

  test("queue full", async () => {
    const server = await standIn(stall);
    const lost = vi.fn();
    const client = new NotificationClient({ url: server.url, key, queue: { notifications: 3 }, onError: lost });
    for (let count = 0; count < 100; count++) expect((await placeOrder(client)).status).toBe(201);
    expect(client.hub.counts).toMatchObject({ queued: 3, dropped: 197 });
    expect(lost).toHaveBeenCalledTimes(197);
    await client.close(1);
    await server.close();
  });

  test("statistics of a hub that is away are what was last known", async () => {
    const server = await standIn(
      (response) => response.end('{"totalConnections":4,"connectionsByAccount":{"a":4}}'),
      refuse(500, {}, "internal"),
    );
    const client = new NotificationClient({ url: server.url, key, onError: vi.fn() });
    const known = { totalConnections: 4, connectionsByAccount: { a: 4 } };
    expect([await client.getStats(), await client.getStats()]).toEqual([known, known]);
    await server.close();
  });

  test("what was queued while the hub was away arrives in order when it is back", async () => {
    const server = await standIn(reset, refuse(502), accept);
    const client = new NotificationClient({ url: server.url, key, retry });
    await placeOrder(client);
    await client.notifyCartUpdated(BUYER.userId, BUYER.accountId);
    expect(await client.close()).toBe(true);
    const types = sent(server).map(({ type }) => type);
    expect(types.slice(2)).toEqual(["order_created", "order_created", "cart_updated"]);
    await server.close();
  });
});

describe("a real hub", () => {
  let running: LocalHub;
  let client: NotificationClient;
  beforeAll(async () => {
    running = await LocalHub.start({ demoUsers: true });
    client = new NotificationClient({ url: running.url, key: running.serviceKey });
  });
  afterAll(async () => {
    await client.close();
    await running.close();
  });

  test.each<[string, () => Promise<void>]>([
    [
      "today's signature",
      () => client.notifyOrderCreated(BUYER.userId, SELLER.userId, BUYER.accountId, SELLER.accountId, ORDER),
    ],
    ["the plan's signature", () => client.notifyOrderCreated(BUYER.userId, SELLER.userId, BUYER.accountId, ORDER)],
  ])("buyer and seller, in different accounts, each get their own: %s", async (_, place) => {
    const [buyer, seller] = await Promise.all([running.listen(BUYER), running.listen(SELLER)]);
    await place();
    expect(await buyer.next()).toMatchObject({ title: "Pedido realizado", data: { orderCode: "PED-9" } });
    expect(await seller.next()).toMatchObject({ title: "Novo pedido recebido", data: { total: 10 } });
    buyer.close();
    seller.close();
  });

  test("takes every method's notification", async () => {
    const someone = [SELLER.userId, SELLER.accountId] as const;
    const product = { id: 1, name: "Caixa", currentStock: 1, minStock: 2 };
    const seller = await running.listen(SELLER);
    await client.notifyPaymentConfirmed(BUYER.userId, SELLER.userId, BUYER.accountId, SELLER.accountId, ORDER);
    await client.notifyOrderStatusUpdated(...someone, ORDER, "shipped");
    await client.notifyStockAlert(...someone, product);
    await client.notifyProductAdded(...someone, product);
    await client.notifyProductUpdated(...someone, product);
    await client.notifyProductDeleted(...someone, product);
    await client.notifyCartUpdated(...someone, null);
    await client.notifyTransactionCreated(...someone, { amount: 1 });
    await client.notifyProfileUpdated(...someone, {});
    await client.notifyReturnRequested(...someone, { returnId: 1 });
    await client.notifyReturnResponded(...someone);
    await client.notifyReplacementSent(...someone);
    await client.notifyDefectiveReceived(...someone);
    await client.notifyExchangeValidated(...someone);
    await client.notifyExchangeResolved(...someone);
    await client.sendNotificationToUser(SELLER.userId, { type: "stock_alert", timestamp: new Date() });
    await client.broadcastToUsers([SELLER.userId, BUYER.userId], { type: "cart_updated", title: "Olá" });
    await client.broadcastToAccount(SELLER.accountId, { type: "profile_updated", title: "Olá", message: "Todos" });
    expect(await client.hub.flush()).toBe(true);
    expect(client.hub.counts).toMatchObject({ failed: 0, dropped: 0 });
    const types: string[] = [];
    while (types.length < 18) types.push((await seller.next()).type);
    expect(types.slice(-3)).toEqual(["stock_alert", "cart_updated", "profile_updated"]);
    expect(new Set(types).size).toBe(15);
    seller.close();
  });

  test("says who is connected, in the old words", async () => {
    const listener = await running.listen(SELLER);
    const stats = await client.getStats();
    expect(Object.keys(stats)).toEqual(["totalConnections", "connectionsByAccount"]);
    expect(stats.connectionsByAccount[SELLER.accountId]).toBeGreaterThanOrEqual(1);
    expect(JSON.parse(JSON.stringify(client.getStats()))).toEqual(stats);
    listener.close();
  });
});
