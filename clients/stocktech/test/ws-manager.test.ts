import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import byDefault, {
  createWsManager,
  type LocalManager,
  NotificationClient,
  notificationClient,
  type Via,
  wsManager,
} from "../src/index.js";
import { recorder } from "./publisher.js";

const ORDER = { id: 1, orderCode: "PED-1" };
const HUB_ENV = { NOTIFICATION_HUB_URL: "http://127.0.0.1:1", NOTIFICATION_HUB_KEY: "hubk_test" };

let warned: unknown[];
let reported: unknown[];
beforeEach(() => {
  warned = [];
  reported = [];
  vi.spyOn(console, "warn").mockImplementation((line) => void warned.push(line));
  vi.spyOn(console, "error").mockImplementation((line) => void reported.push(line));
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
    [" Both\n", 2, 1],
  ])("NOTIFICATIONS_VIA=%s", async (via, toHub, toOwn) => {
    const { client, said } = recorder();
    const { local, asked } = ownServer();
    const manager = createWsManager({ client, local, env: { NOTIFICATIONS_VIA: via } });
    await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
    expect(said.length).toBe(toHub);
    expect(asked).toEqual(toOwn ? [["notifyOrderCreated", "10", "20", "a", "b", ORDER]] : []);
  });

  test.each([{}, { ...HUB_ENV, NOTIFICATION_HUB_URL: "hub" }])(
    "with both, the own server goes on where the hub's settings cannot be used: %j",
    async (env) => {
      const { local, asked } = ownServer();
      const manager = createWsManager({ local, env: { ...env, NOTIFICATIONS_VIA: "both" } });
      await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
      expect(asked).toEqual([["notifyOrderCreated", "10", "20", "a", "b", ORDER]]);
      expect(reported).toEqual([expect.stringMatching(/^Nothing goes to the hub: NOTIFICATION_HUB_URL/)]);
    },
  );

  test("with both, the hub gets everything where the own server was not handed over", async () => {
    const { client, said } = recorder();
    await createWsManager({ client, env: { NOTIFICATIONS_VIA: "both" } }).notifyOrderCreated(
      "10",
      "20",
      "a",
      "b",
      ORDER,
    );
    expect(said.length).toBe(2);
    expect(reported).toEqual([expect.stringContaining("Notifications go to the hub alone: NOTIFICATIONS_VIA=both")]);
  });

  test.each([
    HUB_ENV,
    { AVADMIN_API_URL: "http://127.0.0.1:1/", NOTIFICATION_HUB_KEY: " hubk_test\n" },
    { ...HUB_ENV, AVADMIN_API_URL: "not looked at" },
  ])("the environment alone is enough: %j", async (env) => {
    const client = vi.spyOn(NotificationClient.prototype, "notifyStockAlert").mockResolvedValue();
    await createWsManager({ env, flushMs: 0 }).notifyStockAlert("20", "b", { name: "Caixa" });
    expect(client).toHaveBeenCalledOnce();
  });

  test("there is one object, by its new name, its old one and as the default", () => {
    expect(wsManager).toBe(notificationClient);
    expect(byDefault).toBe(notificationClient);
  });

  test("a method works when it is taken off the object", async () => {
    const { client, said } = recorder();
    const { notifyCartUpdated, getStats } = createWsManager({ client });
    client.hub.stats = async () => ({ totalConnections: 1, connectionsByAccount: {} }) as never;
    await notifyCartUpdated("10", "a", {});
    expect(said.length).toBe(1);
    expect((await getStats()).totalConnections).toBe(1);
  });

  test.each([
    [{}, "NOTIFICATION_HUB_URL (or AVADMIN_API_URL) and NOTIFICATION_HUB_KEY are not both set"],
    [{ AVADMIN_API_URL: HUB_ENV.NOTIFICATION_HUB_URL }, "are not both set"],
    [{ ...HUB_ENV, NOTIFICATIONS_VIA: "hubb" }, "NOTIFICATIONS_VIA: is not one of hub, local, both"],
    [{ NOTIFICATIONS_VIA: "local" }, "NOTIFICATIONS_VIA=local: StockTech's own server was not handed over"],
    [{ ...HUB_ENV, NOTIFICATION_HUB_URL: "hub" }, "off: NOTIFICATION_HUB_URL: is not the address of a hub"],
    [
      { ...HUB_ENV, NOTIFICATION_HUB_URL: "", AVADMIN_API_URL: "hub:8000" },
      "off: AVADMIN_API_URL: is not the address of a hub",
    ],
    [{ ...HUB_ENV, NOTIFICATION_HUB_KEY: "hubk_ç" }, "off: NOTIFICATION_HUB_KEY: is not a service key"],
  ])("settings that cannot be used are reported once and stop nothing: %j", async (env, problem) => {
    const manager = createWsManager({ env });
    manager.init({});
    await manager.notifyOrderCreated("10", "20", "a", "b", ORDER);
    expect(await manager.getStats()).toEqual({ totalConnections: 0, connectionsByAccount: {} });
    expect(reported).toEqual([expect.stringContaining(problem)]);
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
    expect(reported).toEqual(["wsManager.notifyOrderCreated failed", "wsManager.notifyCartUpdated failed"]);
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

  test("can be read at once, before the first response too", () => {
    const { client } = recorder();
    client.hub.stats = () => new Promise(() => undefined);
    const manager = createWsManager({ client });
    const stats = manager.getStats();
    expect([stats.totalConnections, stats.connectionsByAccount]).toEqual([0, {}]);
    expect({ ...stats }).toEqual({ totalConnections: 0, connectionsByAccount: {} });
  });

  test("reports once that the hub is away, until it was back", async () => {
    const failures: Error[] = [];
    const { client } = recorder({ onError: (failure) => failures.push(failure) });
    const away = () => Promise.reject(new Error("away"));
    const back = async () => ({ totalConnections: 1, connectionsByAccount: {} });
    for (const stats of [away, away, back, away]) {
      client.hub.stats = stats as never;
      await client.getStats();
    }
    expect(failures.length).toBe(2);
  });

  test("asks a hub that is slow once, however often it is called", async () => {
    const { client } = recorder();
    let respond: (stats: unknown) => void = () => undefined;
    const stats = vi.fn(() => new Promise((resolve) => (respond = resolve)));
    client.hub.stats = stats as never;
    const asked = [client.getStats(), client.getStats(), client.getStats()];
    respond({ totalConnections: 2, connectionsByAccount: { a: 2 } });
    for (const one of asked) expect((await one).totalConnections).toBe(2);
    expect(stats).toHaveBeenCalledOnce();
    expect(client.getStats().totalConnections).toBe(2);
    expect(stats).toHaveBeenCalledTimes(2);
  });
});
