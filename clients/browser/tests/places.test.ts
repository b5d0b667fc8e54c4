/** Where the client runs besides a page: a worker, Node, React Native. This file's environment has no DOM. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import {
  alert,
  flush,
  hello,
  installFakes,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
  token,
} from "./fakes.js";

const hubs: Hub[] = [];
beforeEach(() => installFakes());
afterEach(() => {
  hubs.splice(0).forEach((hub) => hub.close());
  removeFakes();
});

function makeHub(options: Partial<HubOptions> = {}): Hub {
  const hub = createHub({ url: "wss://hub.test/ws", getToken: () => token(), ...options });
  hubs.push(hub);
  return hub;
}

test("this environment has nothing of a page", () => {
  expect(
    ["window", "document", "location", "localStorage", "addEventListener"].filter((name) => name in globalThis),
  ).toEqual([]);
});

test("a hub that is made does nothing, wherever it is", async () => {
  makeHub({
    url: "/ws",
    getToken: () => {
      throw new Error("nobody asked");
    },
  });
  await pass(60_000);
  expect([sockets.length, requests.length]).toEqual([0, 0]);
});

test("where there is WebSocket it connects over it", async () => {
  const hub = makeHub();
  const titles: string[] = [];
  hub.onAny(({ title }) => titles.push(title));
  hub.connect();
  await flush();
  newestSocket().say(hello(), alert(1));
  expect([hub.status.transport, titles]).toEqual(["ws", ["n1"]]);
});

test("where there is only fetch it connects over an event stream, at once", async () => {
  vi.stubGlobal("WebSocket", undefined);
  const hub = makeHub();
  hub.connect();
  await flush();
  await newestRequest().begin();
  await newestRequest().say(hello());
  expect([hub.status.transport, requests.length]).toEqual(["sse", 1]);
});

test("where fetch gives no stream, as React Native's, it polls", async () => {
  vi.stubGlobal("WebSocket", undefined);
  const hub = makeHub();
  hub.connect();
  // React Native's fetch gives the response to /sse when it has ended, which is never.
  await pass(3_000);
  expect(newestRequest().path).toBe("/poll");
  newestRequest().page([], "epoch-0", "live");
  await flush();
  expect(hub.status).toMatchObject({ state: "connected", transport: "poll" });
});

test("where there is neither it says so, once and clearly, and stays idle", () => {
  vi.stubGlobal("WebSocket", undefined);
  vi.stubGlobal("fetch", undefined);
  const hub = makeHub();
  expect(() => hub.connect()).toThrow(/needs WebSocket or fetch/);
  expect(hub.status.state).toBe("idle");
});

test("a page that asks only for a transport that is missing gets an error", () => {
  vi.stubGlobal("WebSocket", undefined);
  expect(() => makeHub({ transports: ["ws"] }).connect()).toThrow(/cannot be reached from here: ws/);
});

test.each(["/ws", "hub", "//hub.test/ws", ""])(
  "without a page to complete it, the address %j is refused with an example",
  (url) => {
    expect(() => makeHub({ url }).connect()).toThrow(/is not the address of a hub \(example: https:/);
  },
);

test("a handler that throws is reported where there is no reportError, and stops nothing", async () => {
  vi.stubGlobal("reportError", undefined);
  const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const hub = makeHub();
  const titles: string[] = [];
  hub.on("stock_alert", () => {
    throw new Error("mine");
  });
  hub.onAny(({ title }) => titles.push(title));
  hub.connect();
  await flush();
  newestSocket().say(hello(), alert(1));
  expect([titles, error.mock.calls]).toEqual([["n1"], [[new Error("mine")]]]);
});

test("React Native: an app that becomes active reconnects at once, and close releases its state", async () => {
  // There, `window` is the global object, and has no events.
  vi.stubGlobal("window", globalThis);
  let change: ((state: string) => void) | undefined;
  const appState = {
    addEventListener: (_: "change", listener: (state: string) => void) => {
      change = listener;
      return { remove: () => (change = undefined) };
    },
  };
  const kept = new Map<string, string>();
  const hub = makeHub({
    appState,
    transports: ["ws"],
    storage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) },
  });
  hub.connect();
  await flush();
  newestSocket().say(hello("epoch-3"));
  change!("background");
  expect([...kept.values()]).toContain("epoch-3");
  newestSocket().end(4002);
  change!("active");
  await flush();
  expect([sockets.length, newestSocket().cursor]).toEqual([2, "epoch-3"]);
  hub.close();
  expect(change).toBeUndefined();
});

test("a worker: its own events wake it, and take its network", async () => {
  const worker = new EventTarget();
  vi.stubGlobal("addEventListener", worker.addEventListener.bind(worker));
  vi.stubGlobal("removeEventListener", worker.removeEventListener.bind(worker));
  vi.stubGlobal("location", new URL("https://page.test/worker.js"));
  const hub = makeHub({ url: "/hub" });
  hub.connect();
  await flush();
  expect(newestSocket().url).toBe("wss://page.test/hub/ws");
  newestSocket().say(hello());
  worker.dispatchEvent(new Event("offline"));
  expect(hub.status.reason?.code).toBe("offline");
  worker.dispatchEvent(new Event("online"));
  await flush();
  newestSocket().say(hello());
  expect(hub.status.state).toBe("connected");
  hub.close();
  worker.dispatchEvent(new Event("online"));
  await pass(60_000);
  expect(sockets.length).toBe(2);
});
