import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createWsManager, type LocalManager, NotificationClient, type Via } from "../src/index.js";
import { recorder } from "./publisher.js";

const ORDER = { id: 1, orderCode: "PED-1" };
const HUB_ENV = { NOTIFICATION_HUB_URL: "http://127.0.0.1:1", NOTIFICATION_HUB_KEY: "hubk_test" };

let warned: unknown[];
let complained: unknown[];
beforeEach(() => {
  warned = [];
  complained = [];
  vi.spyOn(console, "warn").mockImplementation((line) => void warned.push(line));
  vi.spyOn(console, "error").mockImplementation((line) => void complained.push(line));
});
afterEach(() => vi.restoreAllMocks());

/** StockTech's own server, which writes down what it was asked. */
function ownServer(): { local: LocalManager; asked: unknown[][] } {
  const asked: unknown[][] = [];
  const local: LocalManager = {
    init: (server: unknown) => asked.push(["init", server]),
    cleanup: () => asked.push(["cleanup"]),
    getStats: () => ({ totalConnections: 2, connectionsByAccount: { a: 1, b: 1 } }),
    notifyOrderCreated: (...given: unknown[]) => asked.push(["notifyOrderCreated", ...given]),
  };
  return { local, asked };
}

describe("where it sends to", () => {
  test.each([
    [undefined, 2, 0],
    ["hub", 2, 0],
    ["local", 0, 1],
    ["both", 2, 1],
  ])("NOTIFICATIONS_VIA=%s", async (via, toHub, toOwn) => {
    const { client, said } = recorder();
    const { local, asked } = ownServer();
    const manager = createWsManager({ client, local, env: { NOTIFICATIONS_VIA: via } });
    await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
    expect(said.length).toBe(toHub);
    expect(asked).toEqual(toOwn ? [["notifyOrderCreated", "10", "20", "a", "b", ORDER]] : []);
  });

  test("the environment alone is enough", async () => {
    const client = vi.spyOn(NotificationClient.prototype, "notifyStockAlert").mockResolvedValue();
    await createWsManager({ env: HUB_ENV }).notifyStockAlert("20", "b", { name: "Caixa" });
    expect(client).toHaveBeenCalledOnce();
  });

  test.each([
    [{}, "NOTIFICATION_HUB_URL and NOTIFICATION_HUB_KEY are not both set"],
    [{ ...HUB_ENV, NOTIFICATIONS_VIA: "hubb" }, "NOTIFICATIONS_VIA: is none of hub, local, both"],
    [{ NOTIFICATIONS_VIA: "local" }, "NOTIFICATIONS_VIA=local: StockTech's own server was not handed over"],
    [{ ...HUB_ENV, NOTIFICATION_HUB_URL: "hub" }, "url: is not the address of a hub"],
  ])("settings that cannot be used are complained about once and stop nothing: %j", async (env, problem) => {
    const manager = createWsManager({ env });
    manager.init({});
    await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
    expect(await manager.getStats()).toEqual({ totalConnections: 0, connectionsByAccount: {} });
    expect(complained).toEqual([expect.stringContaining(problem)]);
  });
});

describe("init and cleanup", () => {
  test("do nothing but warn once", () => {
    const { client } = recorder();
    const manager = createWsManager({ client, via: "hub" });
    for (let time = 0; time < 3; time++) {
      manager.init({});
      manager.cleanup();
    }
    expect(warned).toEqual([
      "wsManager.init() does nothing any more: the hub holds the connections",
      "wsManager.cleanup() does nothing any more: call `close()` to send what is queued",
    ]);
  });

  test.each(["local", "both"] as Via[])("reach StockTech's own server: %s", (via) => {
    const { client } = recorder();
    const { local, asked } = ownServer();
    const manager = createWsManager({ client, local, via });
    const server = {};
    manager.init(server);
    manager.cleanup();
    expect(asked).toEqual([["init", server], ["cleanup"]]);
    expect(warned).toEqual([]);
  });
});

describe("close", () => {
  test("sends what is queued for the hub, and is done at once without one", async () => {
    const { client } = recorder();
    const close = vi.spyOn(client, "close").mockResolvedValue(false);
    expect(await createWsManager({ client, via: "hub" }).close(7)).toBe(false);
    expect(close).toHaveBeenCalledWith(7);
    expect(await createWsManager({ local: ownServer().local, via: "local" }).close()).toBe(true);
  });
});

describe("StockTech's own server", () => {
  test("that fails fails nothing else", async () => {
    const local: LocalManager = {
      notifyOrderCreated: () => {
        throw new Error("broken");
      },
      notifyCartUpdated: () => Promise.reject(new Error("broken")),
    };
    const manager = createWsManager({ local, via: "local" });
    await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
    await manager.notifyCartUpdated("10", "a");
    expect(complained).toEqual(["wsManager.notifyOrderCreated failed", "wsManager.notifyCartUpdated failed"]);
  });

  test("is called on itself, with its own `this`", async () => {
    class Own {
      sent = 0;
      broadcastToAccount(): void {
        this.sent++;
      }
    }
    const own = new Own();
    await createWsManager({ local: own, via: "local" }).broadcastToAccount("a", { type: "stock_alert" });
    expect(own.sent).toBe(1);
  });
});

describe("getStats", () => {
  test("of both servers adds them up, waited for or not", async () => {
    const { client } = recorder();
    client.hub.stats = async () => ({ totalConnections: 3, connectionsByAccount: { b: 2, c: 1 } }) as never;
    const manager = createWsManager({ client, local: ownServer().local, via: "both" });
    expect(await manager.getStats()).toEqual({ totalConnections: 5, connectionsByAccount: { a: 1, b: 3, c: 1 } });
    const health = JSON.parse(JSON.stringify(manager.getStats()));
    expect(health).toEqual({ totalConnections: 5, connectionsByAccount: { a: 1, b: 3, c: 1 } });
  });
});
