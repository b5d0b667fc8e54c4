import { DEMO_USERS, LocalHub } from "@notification-hub/testing";
import { afterEach, describe, expect, test } from "vitest";
import { type HubFailure, HubRefused, NotificationHub, type PublishRequest } from "../src/index.js";
import {
  accept,
  acceptBut,
  type Responder,
  refuse,
  reset,
  type StandIn,
  stall,
  standIn,
  sent,
  until,
} from "./stand-in.js";

const { buyer: BUYER, seller: SELLER } = DEMO_USERS;

/** What is queued when a client is closed: few requests, in order, no loss and no duplicate. */

const RETRY = { attempts: 4, baseMs: 1, capMs: 5 };

let server: StandIn | undefined;
let running: LocalHub | undefined;
afterEach(async () => {
  await server?.close();
  await running?.close();
  server = running = undefined;
});

function alert(title: string, more: object = { account_id: "1" }): PublishRequest {
  return { type: "stock_alert", title, message: "Faltam peças", ...more };
}

function hubAt(url: string, options = {}): { hub: NotificationHub; lost: HubFailure[] } {
  const lost: HubFailure[] = [];
  const onError = (failure: HubFailure) => lost.push(failure);
  return { hub: new NotificationHub({ url, key: "hubk_test", retry: RETRY, onError, ...options }), lost };
}

/** A client of a hub that responds so after the first notification, which is sent alone before `close`. */
async function queued(responders: Responder[], notifications: PublishRequest[]) {
  server = await standIn(accept, ...responders);
  const made = hubAt(server.url, { timeoutMs: 1000 });
  made.hub.enqueue(alert("primeiro"));
  for (const notification of notifications) made.hub.enqueue(notification);
  return { ...made, server };
}

function titles(made: { server: StandIn }): string[] {
  return sent(made.server)
    .map(({ title }) => title)
    .slice(1);
}

function keys({ server }: { server: StandIn }): unknown[] {
  return server.seen.slice(1).map(({ headers }) => headers["idempotency-key"]);
}

const ABC = ["a", "b", "c"].map((title) => alert(title));

describe("a real hub", () => {
  test("gets 500 over a network that is too slow for as many requests, each once and in order", async () => {
    running = await LocalHub.start({ demoUsers: true });
    const [buyer, seller] = [await running.listen(BUYER), await running.listen(SELLER)];
    // 500 requests, one after the other, would take 25 s.
    const slow: typeof fetch = async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return fetch(...given);
    };
    const { hub, lost } = hubAt(running.url, { key: running.serviceKey, fetch: slow });
    const people = [BUYER, SELLER].map(({ userId, accountId }) => ({ user_id: userId, account_id: accountId }));
    for (let number = 0; number < 500; number++) expect(hub.enqueue(alert(`${number}`, people[number % 2]))).toBe(true);
    expect(await hub.close()).toBe(true);
    expect(lost).toEqual([]);
    expect(hub.counts).toEqual({ queued: 0, sent: 500, failed: 0, dropped: 0 });
    for (let number = 0; number < 500; number++) {
      expect((await (number % 2 ? seller : buyer).next()).title).toBe(`${number}`);
    }
    const after = new NotificationHub({ url: running.url, key: running.serviceKey });
    for (const [index, listener] of [buyer, seller].entries()) {
      await after.notify(alert("depois", people[index]));
      expect((await listener.next()).title).toBe("depois");
      listener.close();
    }
  });

  test("knows a batch again whose response was lost", async () => {
    running = await LocalHub.start({ demoUsers: true });
    const listener = await running.listen(BUYER);
    let isFirst = true;
    const cut: typeof fetch = async (url, init) => {
      const response = await fetch(url, init);
      if (!String(url).endsWith("/batch") || !isFirst) return response;
      isFirst = false;
      await response.text();
      throw new TypeError("the connection was cut");
    };
    const { hub } = hubAt(running.url, { key: running.serviceKey, fetch: cut });
    const to = { user_id: BUYER.userId, account_id: BUYER.accountId };
    for (const title of ["a", "b", "c", "d"]) hub.enqueue(alert(title, to));
    expect(await hub.close()).toBe(true);
    expect(isFirst).toBe(false);
    await new NotificationHub({ url: running.url, key: running.serviceKey }).notify(alert("depois", to));
    for (const title of ["a", "b", "c", "d", "depois"]) expect((await listener.next()).title).toBe(title);
    listener.close();
  });
});

describe("a batch", () => {
  test("holds what is queued, in order, within its bounds in notifications and bytes", async () => {
    const many = Array.from({ length: 150 }, (_, index) => alert(`${index}`));
    const large = [0, 1, 2].map((index) =>
      alert(`grande ${index}`, { account_id: "1", data: { text: "x".repeat(120_000) } }),
    );
    const made = await queued([accept], [...many, ...large]);
    expect(await made.hub.close()).toBe(true);
    expect(titles(made)).toEqual([...many, ...large].map(({ title }) => title));
    const sizes = made.server.seen.slice(1).map(({ body }) => JSON.parse(body).notifications?.length ?? 1);
    expect(sizes).toEqual([100, 52, 1]);
  });

  test.each([refuse(503), refuse(429), reset, stall])(
    "is the same under the same key at every attempt (%#)",
    async (responder) => {
      const made = await queued([responder, accept], ABC);
      expect(await made.hub.close(15_000)).toBe(true);
      expect(titles(made)).toEqual(["a", "b", "c", "a", "b", "c"]);
      expect(new Set(keys(made)).size).toBe(1);
      expect(made.hub.counts.sent).toBe(4);
    },
    20_000,
  );

  test("is sent again whole where the hub could not store one of it, and each is counted once", async () => {
    const made = await queued([acceptBut({ 1: [503, "storage_unavailable"] }), accept], ABC);
    expect(await made.hub.close()).toBe(true);
    expect(titles(made)).toEqual(["a", "b", "c", "a", "b", "c"]);
    expect(new Set(keys(made)).size).toBe(1);
    expect(made.hub.counts).toEqual({ queued: 0, sent: 4, failed: 0, dropped: 0 });
  });

  test("loses no other notification to one that is refused", async () => {
    const made = await queued([acceptBut({ 1: [400, "unknown_type"] })], ABC);
    expect(await made.hub.close()).toBe(true);
    expect(made.lost).toEqual([expect.objectContaining({ code: "unknown_type", status: 400 })]);
    expect(made.hub.counts).toEqual({ queued: 0, sent: 3, failed: 1, dropped: 0 });
  });

  test.each([
    [400, "invalid_json"],
    [413, "body_too_large"],
    [404, "not_found"],
    [503, "directory_unavailable"],
  ])("that the hub refuses as a whole is sent one by one: %i %s", async (status, code) => {
    const made = await queued([refuse(status, {}, code), accept, refuse(400, {}, "too_deep"), accept], ABC);
    expect(await made.hub.close()).toBe(true);
    expect(titles(made)).toEqual(["a", "b", "c", "a", "b", "c"]);
    expect(new Set(keys(made)).size).toBe(4);
    expect(made.lost).toEqual([expect.objectContaining({ code: "too_deep" })]);
    expect(made.hub.counts).toEqual({ queued: 0, sent: 3, failed: 1, dropped: 0 });
  });

  test("that may have been stored is never taken apart", async () => {
    const made = await queued([reset, refuse(413, {}, "body_too_large"), accept], ABC);
    expect(await made.hub.close()).toBe(true);
    expect(new Set(keys(made)).size).toBe(1);
    expect(made.lost.map((failure) => (failure as HubRefused).code)).toEqual(Array(3).fill("body_too_large"));
  });

  test("with too few results in its response is sent again under its key", async () => {
    const few: Responder = (response) => response.writeHead(202).end('{"results":[]}');
    const made = await queued([few, accept], ABC);
    expect(await made.hub.close()).toBe(true);
    expect(new Set(keys(made)).size).toBe(1);
    expect(made.hub.counts.sent).toBe(4);
  });

  test("without a response in time is given up, and reported", async () => {
    const made = await queued([stall], ABC);
    await until(() => made.hub.counts.sent === 1);
    expect(await made.hub.close(50)).toBe(false);
    expect(made.hub.counts).toEqual({ queued: 0, sent: 1, failed: 3, dropped: 0 });
    expect(made.lost).toEqual(Array(3).fill(expect.objectContaining({ reason: "closed" })));
  });
});

describe("orElse in a batch", () => {
  const to = (user: string, account?: string) => ({ user_id: user, ...(account && { account_id: account }) });

  test("is sent for those whose target is unknown, before what comes after the batch", async () => {
    server = await standIn(accept, acceptBut({ 0: [422, "unknown_target"], 2: [422, "unknown_target"] }), accept);
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert("primeiro"));
    for (const user of ["1", "2", "3"])
      hub.enqueue(alert(user, to(user, "a")), { orElse: alert(`${user}'`, to(user)) });
    expect(await hub.close()).toBe(true);
    expect(titles({ server })).toEqual(["1", "2", "3", "1'", "3'"]);
    expect([lost, hub.counts.sent]).toEqual([[], 4]);
  });

  test("is given up where it is refused too", async () => {
    const unknown: [number, string] = [422, "unknown_target"];
    server = await standIn(accept, acceptBut({ 0: unknown }), refuse(422, {}, "unknown_target"));
    const { hub, lost } = hubAt(server.url);
    hub.enqueue(alert("primeiro"));
    for (const user of ["1", "2"]) hub.enqueue(alert(user, to(user, "a")), { orElse: alert(`${user}'`, to(user)) });
    expect(await hub.close()).toBe(true);
    expect(lost).toEqual([expect.any(HubRefused)]);
    expect(hub.counts).toMatchObject({ sent: 2, failed: 1 });
  });

  test.each([
    ["the same two targets", alert("2", to("1", "a")), alert("2'", to("1")), 1],
    ["another user", alert("2", to("2", "b")), undefined, 1],
    ["the same user elsewhere", alert("2", to("1", "b")), alert("2'", to("1")), 2],
    ["the same user without another target", alert("2", to("1", "a")), undefined, 2],
    ["an account", alert("2", { account_id: "a" }), undefined, 2],
    ["everybody", alert("2", { everyone: true }), undefined, 2],
    ["a list with the user", alert("2", { user_ids: ["3", "1"] }), undefined, 2],
    ["a list without the user", alert("2", { user_ids: ["3", "4"] }), undefined, 1],
  ])("keeps the order of one recipient: followed by %s", async (_, second, orElse, requests) => {
    server = await standIn(accept);
    const { hub } = hubAt(server.url);
    hub.enqueue(alert("primeiro"));
    hub.enqueue(alert("1", to("1", "a")), { orElse: alert("1'", to("1")) });
    hub.enqueue(second, orElse && { orElse });
    expect(await hub.close()).toBe(true);
    expect(server.seen.length).toBe(1 + requests);
  });
});
