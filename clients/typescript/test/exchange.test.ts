import { inspect } from "node:util";
import { afterEach, describe, expect, test } from "vitest";
import { HubRefused, HubUnreachable, NotificationHub, type PublishRequest } from "../src/index.js";
import { accept, nobody, refuse, reset, type StandIn, stall, standIn } from "./stand-in.js";

const KEY = "hubk_secret-of-the-tests";
const ALERT: PublishRequest = { type: "stock_alert", title: "Estoque", message: "Faltam peças", account_id: "1" };
const RETRY = { attempts: 4, baseMs: 1, capMs: 5 };

let server: StandIn;
afterEach(() => server?.close());

function hubAt(url: string, options = {}): NotificationHub {
  return new NotificationHub({ url, key: KEY, retry: RETRY, ...options });
}

describe("retry", () => {
  test.each([429, 502, 503, 504])("repeats after %i with the same key and body", async (status) => {
    server = await standIn(refuse(status), refuse(status), accept);
    expect((await hubAt(server.url).notify(ALERT)).id).toBe("1");
    expect(server.seen.length).toBe(3);
    expect(new Set(server.seen.map((seen) => seen.headers["idempotency-key"])).size).toBe(1);
    expect(new Set(server.seen.map((seen) => seen.body)).size).toBe(1);
  });

  test("repeats after a connection that was cut", async () => {
    server = await standIn(reset, accept);
    await hubAt(server.url).notify(ALERT);
    expect(server.seen[0]?.headers["idempotency-key"]).toBe(server.seen[1]?.headers["idempotency-key"]);
  });

  test("repeats after an attempt that took too long", async () => {
    server = await standIn(stall, accept);
    await hubAt(server.url, { timeoutMs: 50 }).notify(ALERT);
    expect(server.seen[0]?.headers["idempotency-key"]).toBe(server.seen[1]?.headers["idempotency-key"]);
  });

  test("gives different notifications different keys", async () => {
    server = await standIn(accept);
    const hub = hubAt(server.url);
    await hub.notify(ALERT);
    await hub.notify(ALERT);
    expect(server.seen[0]?.headers["idempotency-key"]).not.toBe(server.seen[1]?.headers["idempotency-key"]);
  });

  test("uses the key that the caller gave", async () => {
    server = await standIn(accept);
    await hubAt(server.url).notify(ALERT, { idempotencyKey: "order-17" });
    expect(server.seen[0]?.headers["idempotency-key"]).toBe("order-17");
  });

  test.each(["", "line\nbreak", "é", "a".repeat(256)])(
    "refuses a key that no hub takes: %j",
    async (idempotencyKey) => {
      server = await standIn(accept);
      await expect(hubAt(server.url).notify(ALERT, { idempotencyKey })).rejects.toThrow("idempotencyKey: is not");
      expect(server.seen).toEqual([]);
    },
  );

  test.each([400, 401, 403, 413, 422, 500])("does not repeat after %i", async (status) => {
    server = await standIn(refuse(status, {}, "some_code"), accept);
    const failure = await hubAt(server.url)
      .notify(ALERT)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(HubRefused);
    expect(failure).toMatchObject({ status, code: "some_code", retryable: false });
    expect(server.seen.length).toBe(1);
  });

  test("waits as long as Retry-After says", async () => {
    server = await standIn(refuse(503, { "retry-after": "1" }), accept);
    await hubAt(server.url).notify(ALERT);
    expect((server.seen[1]?.atMs ?? 0) - (server.seen[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(995);
  });

  test("gives up at once when the hub asks for more than the deadline allows", async () => {
    server = await standIn(refuse(503, { "retry-after": "60" }), accept);
    await expect(hubAt(server.url).notify(ALERT)).rejects.toMatchObject({ code: "overloaded", retryAfterMs: 60_000 });
    expect(server.seen.length).toBe(1);
  });

  test("gives up after the last attempt", async () => {
    server = await standIn(refuse(503));
    await expect(hubAt(server.url).notify(ALERT)).rejects.toBeInstanceOf(HubRefused);
    expect(server.seen.length).toBe(RETRY.attempts);
  });

  test("ends at the deadline, whatever is still to be tried", async () => {
    server = await standIn(stall);
    const startedAt = performance.now();
    const hub = hubAt(server.url, { timeoutMs: 10_000, deadlineMs: 100 });
    await expect(hub.notify(ALERT)).rejects.toBeInstanceOf(HubUnreachable);
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test("stops when the caller does", async () => {
    server = await standIn(stall);
    const signal = AbortSignal.timeout(20);
    await expect(hubAt(server.url).notify(ALERT, { signal })).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

describe("responses", () => {
  test("a hub that is away is said so", async () => {
    await expect(hubAt(await nobody()).notify(ALERT)).rejects.toBeInstanceOf(HubUnreachable);
  });

  test("a page of a proxy is not a response of a hub", async () => {
    server = await standIn((response) => response.writeHead(200).end("<html>"));
    await expect(hubAt(server.url).notify(ALERT)).rejects.toThrow("is not a hub");
  });

  test("an error page is a refusal with the status as its code", async () => {
    server = await standIn((response) => response.writeHead(404).end("<html>"));
    await expect(hubAt(server.url).stats()).rejects.toMatchObject({ code: "http_404" });
  });

  test("a redirect is not followed, so the key goes nowhere else", async () => {
    const elsewhere = await standIn(accept);
    server = await standIn((response) => response.writeHead(307, { location: elsewhere.url }).end());
    await expect(hubAt(server.url).notify(ALERT)).rejects.toMatchObject({ status: 307 });
    expect(elsewhere.seen).toEqual([]);
    await elsewhere.close();
  });

  test("a hub that is not ready says how it is", async () => {
    const readiness = { ready: false, draining: true, log: "ok", dispatcher: "ok", directory: "ok" };
    server = await standIn((response) =>
      response.writeHead(503, { "content-type": "application/json" }).end(JSON.stringify(readiness)),
    );
    expect(await hubAt(server.url).health()).toEqual(readiness);
  });
});

describe("secrets", () => {
  test("neither the client nor a failure shows the key", async () => {
    server = await standIn(refuse(401, {}, "invalid_token"));
    const hub = hubAt(server.url);
    const failure = await hub.notify(ALERT).catch((error: unknown) => error);
    const unreachable = await hubAt(await nobody())
      .notify(ALERT)
      .catch((error: unknown) => error);
    expect(inspect([hub, failure, unreachable], { depth: 9, showHidden: true })).not.toContain(KEY);
  });

  test.each(["", "two words", "line\nbreak"])("a key that cannot be sent is refused without showing it: %j", (key) => {
    expect(() => new NotificationHub({ url: "http://hub", key })).toThrow("key: is not a service key");
  });

  test.each([undefined, null])("a key that the environment does not have is told at once: %s", (key) => {
    expect(() => new NotificationHub({ url: "http://hub", key: key as unknown as string })).toThrow(
      "key: is not a service key",
    );
  });

  test.each([
    ...["hub.example.com", "127.0.0.1:8000", "ws://hub", "https://user:word@hub", "https://hub?x=1", ""],
    ...["http://hub:http", "http://hub:99999", "http://[::1", "http://"],
  ])("%s is not a valid address", (url) => {
    expect(() => new NotificationHub({ url, key: KEY })).toThrow("url: is not the address of a hub");
  });
});
