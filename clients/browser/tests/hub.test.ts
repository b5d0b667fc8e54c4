import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { UnauthorizedError, createHub, type Hub, type HubOptions } from "../src/index.js";
import {
  FakeChannel,
  alert,
  flush,
  hello,
  installFakes,
  memoryStorage,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
  token,
} from "./fakes.js";

const hubs: Hub[] = [];
beforeEach(() => installFakes({ share: true }));
afterEach(() => {
  hubs.splice(0).forEach((hub) => hub.close());
  removeFakes();
});

interface Tab {
  hub: Hub;
  titles: string[];
  storage: ReturnType<typeof memoryStorage>;
}

/** Open a tab and connect; `storage` is what a tab keeps over a reload. */
async function openTab(options: Partial<HubOptions> = {}, storage = memoryStorage()): Promise<Tab> {
  const hub = createHub({ url: "wss://hub.test/ws", getToken: () => token(), tabStorage: storage, ...options });
  hubs.push(hub);
  const titles: string[] = [];
  hub.onAny((event) => titles.push(event.title));
  hub.connect();
  await flush();
  return { hub, titles, storage };
}

/** A tab that is closed, or left for a reload. */
async function closeTab({ hub }: Tab): Promise<void> {
  hub.close();
  await flush();
}

describe("events", () => {
  test("a handler gets the notifications of its type, onAny all, and a gap only handlers of gaps", async () => {
    const { hub } = await openTab();
    const [alerts, others, any, gaps] = [vi.fn(), vi.fn(), vi.fn(), vi.fn()];
    hub.on("stock_alert", alerts);
    const off = hub.on("whatsapp:message", others);
    hub.onAny(any);
    hub.on("gap", gaps);
    const strange = { ...alert(2), type: "whatsapp:message" };
    const gap = { type: "gap" as const, title: "t", message: "m", data: { cursor: "epoch-9" }, timestamp: "" };
    newestSocket().say(hello(), alert(1), strange, gap, { type: "from_the_future" });
    off();
    newestSocket().say({ ...strange, id: "id-3" });
    expect([alerts, others, any, gaps].map((handler) => handler.mock.calls.flat())).toEqual([
      [alert(1)],
      [strange],
      [alert(1), strange, { ...strange, id: "id-3" }],
      [gap],
    ]);
  });

  test("a duplicate notification is delivered once", async () => {
    const { titles } = await openTab();
    newestSocket().say(hello(), alert(1), alert(2), alert(1), alert(2), alert(3));
    expect(titles).toEqual(["n1", "n2", "n3"]);
  });

  test("a handler that throws is reported and keeps nothing from the others", async () => {
    const { hub, titles } = await openTab();
    const report = vi.fn();
    vi.stubGlobal("reportError", report);
    hub.on("stock_alert", () => {
      throw new Error("mine");
    });
    const after = vi.fn();
    hub.on("stock_alert", after);
    newestSocket().say(hello(), alert(1));
    expect([titles, after.mock.calls.length, report.mock.calls]).toEqual([["n1"], 1, [[new Error("mine")]]]);
  });
});

test("a listener of the status that throws is reported, and keeps neither others nor the connection from anything", async () => {
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  const { hub, titles } = await openTab();
  hub.subscribe(() => {
    throw new Error("mine");
  });
  const after = vi.fn();
  hub.subscribe(after);
  newestSocket().say(hello(), alert(1));
  newestSocket().end();
  await pass(2_000);
  newestSocket().say(hello("epoch-1", "replayed"), alert(2));
  expect([titles, hub.status.state]).toEqual([["n1", "n2"], "connected"]);
  expect(reported).toHaveBeenCalledWith(new Error("mine"));
  expect(after).toHaveBeenCalled();
});

describe("types without a handler", () => {
  test("go to onUnknown, the others and gaps do not", async () => {
    const { hub } = await openTab();
    const unknown: string[] = [];
    hub.onUnknown(({ type }) => unknown.push(type));
    const off = hub.on("stock_alert", () => undefined);
    const strange = { ...alert(2), type: "from:tomorrow" };
    const gap = { type: "gap" as const, title: "t", message: "m", data: { cursor: "epoch-9" }, timestamp: "" };
    newestSocket().say(hello(), alert(1), strange, gap);
    off();
    newestSocket().say(alert(3));
    expect(unknown).toEqual(["from:tomorrow", "stock_alert"]);
  });
});

describe("the console", () => {
  const secret = token("00000000191", "12345678000190");

  test("says once why the hub refused, whatever the number of attempts, and no token", async () => {
    await openTab({ getToken: () => secret });
    for (let attempt = 0; attempt < 3; attempt++) {
      newestSocket().end(4500, "The token is not valid");
      await pass(5_000);
    }
    expect(vi.mocked(console.warn).mock.calls).toEqual([["notification hub: unauthorized: The token is not valid"]]);
  });

  test("says that getToken gave a page of HTML, and nothing of it", async () => {
    const { hub } = await openTab({ getToken: () => "<html>123.456.789-09" });
    await pass(60_000);
    expect(vi.mocked(console.warn).mock.calls).toEqual([["notification hub: token: getToken gave HTML (of a login?)"]]);
    expect([hub.status, sockets.length, requests.length]).toMatchObject([
      { state: "reconnecting", reason: { code: "token", terminal: false } },
      0,
      0,
    ]);
  });

  test("tells everything with debug, and neither a token nor a person's number", async () => {
    const debug = vi.spyOn(console, "debug").mockImplementation(() => undefined);
    vi.spyOn(Math, "random").mockReturnValue(0);
    const { hub } = await openTab({ getToken: () => secret, debug: true });
    newestSocket().say(hello(), alert(1));
    newestSocket().end(1012, "The hub restarts");
    await pass(1_000);
    newestSocket().end(4501, "Not allowed");
    hub.close();
    const said = debug.mock.calls.flat().join("\n");
    for (const word of [
      "asks for a token: connect",
      "leads",
      "tries ws,sse,poll",
      "stock_alert id-1",
      "connecting",
      "connected, ws",
      "ended with 1012 (The hub restarts)",
      "reconnecting, restarting",
      "closed, forbidden",
    ])
      expect(said).toContain(word);
    expect(said + String(vi.mocked(console.warn).mock.calls)).not.toMatch(/eyJ|00000000191|12345678000190/);
  });

  test("says nothing while all is well, without debug", async () => {
    const debug = vi.spyOn(console, "debug");
    await openTab();
    newestSocket().say(hello(), alert(1));
    newestSocket().end(1012, "The hub restarts");
    await pass(10_000);
    expect([debug.mock.calls, vi.mocked(console.warn).mock.calls]).toEqual([[], []]);
  });
});

test("a page that asks for one transport decides nothing for the others", async () => {
  const polling = await openTab({ transports: ["sse", "poll"], shared: "off" });
  newestRequest().fail();
  await flush();
  newestRequest().page([], "epoch-0", "live");
  await flush();
  expect(polling.hub.status.transport).toBe("poll");
  await openTab({ shared: "off" });
  expect(sockets.length).toBe(1);
});

test("a token with a line break at its end opens every transport", async () => {
  for (const transport of ["ws", "sse", "poll"] as const)
    await openTab({ shared: "off", transports: [transport], getToken: () => `${token()}\r\n` });
  expect([newestSocket().token, ...requests.map(({ headers }) => headers.authorization)]).toEqual([
    token(),
    `Bearer ${token()}`,
    `Bearer ${token()}`,
  ]);
});

test("each attempt and each transport has a ticket of its own", async () => {
  let number = 0;
  await openTab({ user: "u", getToken: () => `hubt_${++number}` });
  newestSocket().end();
  await flush();
  newestRequest().fail();
  await flush();
  newestRequest().page([], "epoch-0", "live");
  await pass(6_000);
  const used = [newestSocket().token, ...requests.map(({ headers }) => headers.authorization!.slice("Bearer ".length))];
  expect([used.length, new Set(used).size]).toEqual([4, 4]);
});

test("a cursor that the hub cannot read becomes a gap, and the next attempt goes without it", async () => {
  const tab = await openTab();
  newestSocket().say(hello("epoch-5"));
  await pass(1_000);
  await closeTab(tab);
  const { hub } = await openTab({}, tab.storage);
  const gaps = vi.fn();
  hub.on("gap", gaps);
  newestSocket().end(1008, "The request cannot be used");
  await pass(2_000);
  expect([gaps.mock.calls.length, newestSocket().cursor]).toEqual([1, null]);
});

describe("the cursor", () => {
  test("goes over a reload, also one within the second before it is written", async () => {
    const tab = await openTab();
    newestSocket().say(hello(), alert(1));
    window.dispatchEvent(new Event("pagehide"));
    await closeTab(tab);
    await openTab({}, tab.storage);
    expect(newestSocket().cursor).toBe("epoch-1");
  });

  test("waits in the browser for the next visit", async () => {
    const tab = await openTab();
    newestSocket().say(hello("epoch-5"));
    await pass(1_000);
    await closeTab(tab);
    await openTab();
    expect(newestSocket().cursor).toBe("epoch-5");
  });

  test("moves with heartbeats", async () => {
    await openTab();
    newestSocket().say(hello(), alert(1), { type: "heartbeat", cursor: "epoch-7" });
    newestSocket().end();
    await pass(1_500);
    expect(newestSocket().cursor).toBe("epoch-7");
  });

  test("moves after the handlers, so that a page that dies in one gets the notification again", async () => {
    const { hub, storage } = await openTab();
    newestSocket().say(hello("epoch-0"));
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    const kept: string[] = [];
    hub.on("stock_alert", () => {
      document.dispatchEvent(new Event("visibilitychange"));
      kept.push(...storage.items.values());
    });
    newestSocket().say(alert(1));
    document.dispatchEvent(new Event("visibilitychange"));
    expect([kept, ...storage.items.values()]).toEqual([["epoch-0"], "epoch-1"]);
  });

  test("is each user's own", async () => {
    const tab = await openTab();
    newestSocket().say(hello(), alert(1));
    await closeTab(tab);
    await openTab({ getToken: () => token("somebody else") }, tab.storage);
    expect(newestSocket().cursor).toBeNull();
  });

  test("is not kept where the page wants nothing kept, nor missed where the browser keeps nothing", async () => {
    const forgetful = await openTab({ storage: null });
    newestSocket().say(hello(), alert(1));
    await closeTab(forgetful);
    expect([localStorage.length, forgetful.storage.items.size]).toEqual([0, 0]);
    const forbidden = {
      getItem: () => {
        throw new Error("SecurityError");
      },
      setItem: () => {
        throw new Error("QuotaExceededError");
      },
    };
    const { titles } = await openTab({ storage: forbidden, tabStorage: forbidden });
    newestSocket().say(hello(), alert(2));
    await pass(5_000);
    expect(titles).toEqual(["n2"]);
  });

  test("no id of a person stands in the storage", async () => {
    const tab = await openTab({ getToken: () => token("00000000191", "12345678000190") });
    newestSocket().say(hello(), alert(1));
    await closeTab(tab);
    const kept = JSON.stringify([...tab.storage.items, ...Object.entries(localStorage)]);
    expect(kept).not.toMatch(/00000000191|12345678000190/);
  });
});

describe("tabs", () => {
  test("share one connection: each gets every notification and the state", async () => {
    const [one, two, three] = [await openTab(), await openTab(), await openTab()];
    newestSocket().say(hello(), alert(1));
    await flush();
    expect(sockets.length).toBe(1);
    for (const { hub, titles } of [one, two, three]) {
      expect([titles, hub.status]).toEqual([["n1"], one.hub.status]);
      expect(hub.status).toMatchObject({ state: "connected", transport: "ws" });
    }
  });

  test("another one takes over when the leader is gone, from where it is itself", async () => {
    const one = await openTab();
    newestSocket().say(hello("epoch-0"));
    const two = await openTab();
    newestSocket().say(alert(1));
    await flush();
    await closeTab(one);
    expect([sockets.length, newestSocket().cursor]).toEqual([2, "epoch-1"]);
    newestSocket().say(hello("epoch-1", "replayed"), alert(2));
    expect(two.titles).toEqual(["n1", "n2"]);
  });

  test("a new leader asks for a token of the moment, not the one of its own start", async () => {
    const one = await openTab();
    newestSocket().say(hello());
    let number = 0;
    await openTab({ getToken: () => token("u", "a", ++number) });
    number = 41;
    await closeTab(one);
    expect(newestSocket().token).toBe(token("u", "a", 42));
  });

  test("a tab that is reloaded while another one leads fetches what it missed, before what is live", async () => {
    const leader = await openTab();
    newestSocket().say(hello("epoch-0"));
    const other = await openTab();
    newestSocket().say(alert(1));
    await flush();
    await closeTab(other);
    newestSocket().say(alert(2), alert(3));
    const reloaded = await openTab({}, other.storage);
    newestSocket().say(alert(4));
    await flush();
    expect([newestRequest().path, newestRequest().headers["last-event-id"], reloaded.titles]).toEqual([
      "/poll",
      "epoch-1",
      [],
    ]);
    newestRequest().page([alert(2), alert(3)], "epoch-3");
    await pass(100);
    newestRequest().page([], "epoch-3");
    await flush();
    newestSocket().say(alert(5));
    await flush();
    expect(reloaded.titles).toEqual(["n2", "n3", "n4", "n5"]);
    expect([leader.titles, sockets.length]).toEqual([["n1", "n2", "n3", "n4", "n5"], 1]);
  });

  test("catching up is tried until it succeeds, and what is live waits for it", async () => {
    await openTab();
    newestSocket().say(hello("epoch-0"));
    const other = await openTab();
    newestSocket().say(alert(1));
    await flush();
    await closeTab(other);
    newestSocket().say(alert(2));
    const reloaded = await openTab({}, other.storage);
    newestRequest().fail();
    await pass(1_000);
    newestRequest().refuse(503, "storage_unavailable");
    await pass(2_000);
    expect(reloaded.titles).toEqual([]);
    newestRequest().page([alert(2)], "epoch-2");
    await pass(100);
    newestRequest().page([], "epoch-2");
    await flush();
    expect(reloaded.titles).toEqual(["n2"]);
  });

  test("two that come back at once have one connection and miss nothing", async () => {
    const stores = [memoryStorage(), memoryStorage()];
    const before = [await openTab({}, stores[0]), await openTab({}, stores[1])];
    newestSocket().say(hello("epoch-0"), alert(1));
    await flush();
    for (const tab of before) tab.hub.close();
    await flush();
    [sockets, requests].forEach((list) => (list.length = 0));
    const tabs = stores.map((storage) => {
      const hub = createHub({ url: "https://hub.test", getToken: () => token(), tabStorage: storage });
      const titles: string[] = [];
      hubs.push(hub);
      hub.onAny((event) => titles.push(event.title));
      hub.connect();
      return { hub, titles };
    });
    await flush();
    newestSocket().say(hello("epoch-1", "replayed"), alert(2));
    await flush();
    expect([sockets.map((socket) => socket.cursor), requests.length]).toEqual([["epoch-1"], 0]);
    expect(tabs.map((tab) => tab.titles)).toEqual([["n2"], ["n2"]]);
  });

  test("a new tab begins now, not with what the others have seen already", async () => {
    await openTab();
    newestSocket().say(hello("epoch-0"), alert(1));
    await pass(2_000);
    newestSocket().say(alert(2));
    const fresh = await openTab();
    newestSocket().say(alert(3));
    await flush();
    expect([fresh.titles, requests.length]).toEqual([["n3"], 0]);
  });

  test("of different users share nothing", async () => {
    const mine = await openTab();
    newestSocket().say(hello(), alert(1));
    const other = await openTab({ getToken: () => token("other") });
    expect([sockets.length, newestSocket().cursor]).toEqual([2, null]);
    newestSocket().say(hello(), alert(2));
    await flush();
    expect([mine.titles, other.titles]).toEqual([["n1"], ["n2"]]);
  });

  test("without a known user share nothing: one user must not see another's notifications", async () => {
    await openTab({ getToken: () => "hubt_ticket-of-one" });
    await openTab({ getToken: () => "hubt_ticket-of-another" });
    expect(sockets.length).toBe(2);
  });

  test("a leader whose page has another user by now leaves its tabs to another one", async () => {
    let user = "u";
    const one = await openTab({ getToken: () => token(user) });
    newestSocket().say(hello("epoch-0"), alert(1));
    const two = await openTab();
    user = "v";
    newestSocket().end(4001);
    await pass(1_500);
    expect(sockets.slice(1).map((socket) => [socket.token, socket.cursor])).toEqual(
      expect.arrayContaining([
        [token("v"), null],
        [token("u"), "epoch-1"],
      ]),
    );
    expect([one.hub.identity === two.hub.identity, sockets.length]).toEqual([false, 3]);
  });

  test("one that follows passes on the request for another attempt", async () => {
    await openTab();
    newestSocket().end(4501);
    const two = await openTab();
    expect(two.hub.status).toMatchObject({ state: "closed", reason: { code: "forbidden" } });
    two.hub.reconnect();
    await flush();
    newestSocket().say(hello());
    await flush();
    expect(two.hub.status.state).toBe("connected");
  });

  test("that may not share have a connection each", async () => {
    await openTab({ shared: "off" });
    await openTab({ shared: "off" });
    expect(sockets.length).toBe(2);
  });

  test("without Web Locks have a connection each", async () => {
    removeFakes();
    installFakes();
    await openTab();
    await openTab();
    expect(sockets.length).toBe(2);
  });
});

describe("the page", () => {
  test("closes its socket when it is hidden for good, and comes back from the back-forward cache", async () => {
    const { titles } = await openTab();
    newestSocket().say(hello("epoch-0"), alert(1));
    const first = newestSocket();
    window.dispatchEvent(new Event("pagehide"));
    expect(first.closed).toBe(true);
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await flush();
    expect(newestSocket().cursor).toBe("epoch-1");
    newestSocket().say(hello("epoch-1", "replayed"), alert(2));
    expect(titles).toEqual(["n1", "n2"]);
  });

  test.each(["visibilitychange", "online", "focus"])(
    "that is left opens nothing any more, whatever events follow (%s)",
    async (name) => {
      await openTab();
      newestSocket().say(hello());
      window.dispatchEvent(new Event("pagehide"));
      vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
      (name === "visibilitychange" ? document : window).dispatchEvent(new Event(name));
      await pass(60_000);
      expect([sockets.length, FakeChannel.all.size]).toEqual([1, 0]);
    },
  );

  test("that is shown for the first time opens no second connection", async () => {
    await openTab();
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: false }));
    await flush();
    expect(sockets.length).toBe(1);
  });

  test.each(["online", "visibilitychange", "resume"])("does not wait any longer after %s", async (name) => {
    await openTab();
    newestSocket().end(4000);
    (name === "online" ? window : document).dispatchEvent(new Event(name));
    await flush();
    expect(sockets.length).toBe(2);
  });

  test("that follows wakes the leader, whose timers may sleep in a hidden tab", async () => {
    await openTab();
    newestSocket().say(hello());
    await openTab();
    const post = vi.spyOn(FakeChannel.prototype, "postMessage");
    document.dispatchEvent(new Event("visibilitychange"));
    expect(post.mock.calls.map(([message]) => (message as { kind: string }).kind)).toEqual(["look", "hello"]);
  });

  test("leaves nothing behind after close", async () => {
    const tab = await openTab();
    newestSocket().say(hello());
    await closeTab(tab);
    window.dispatchEvent(new Event("online"));
    window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
    await pass(3_600_000);
    expect([sockets.length, sockets[0]!.closed, tab.hub.status]).toMatchObject([
      1,
      true,
      { state: "closed", reason: null },
    ]);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("may connect again after close", async () => {
    const tab = await openTab();
    newestSocket().say(hello("epoch-3"));
    await closeTab(tab);
    tab.hub.connect();
    await flush();
    expect(newestSocket().cursor).toBe("epoch-3");
  });

  test("closes by its own signal", async () => {
    const page = new AbortController();
    const { hub } = await openTab({ signal: page.signal });
    page.abort();
    expect([newestSocket().closed, hub.status.state]).toEqual([true, "closed"]);
    hub.connect();
    expect(hub.status.state).toBe("closed");
  });

  test("that closes while its token is being fetched opens nothing", async () => {
    let give = (_: string): void => undefined;
    const { hub } = await openTab({ getToken: () => new Promise((resolve) => (give = resolve)) });
    hub.close();
    give(token());
    await pass(60_000);
    expect(sockets.length).toBe(0);
  });

  test("without a signed-in user has that status, and tries again when asked", async () => {
    let signedIn = false;
    const { hub } = await openTab({
      getToken: () => {
        if (!signedIn) throw new UnauthorizedError();
        return token();
      },
    });
    expect(hub.status).toMatchObject({ state: "closed", reason: { code: "unauthorized", terminal: true } });
    signedIn = true;
    hub.reconnect();
    await flush();
    newestSocket().say(hello());
    expect(hub.status.state).toBe("connected");
  });
});

describe("a request of the page's own", () => {
  test("goes to the hub's address with a token and JSON, before any connection too", async () => {
    const hub = createHub({ url: "wss://hub.test/ws", getToken: () => token() });
    const response = hub.request("/api/push", { method: "PUT", body: { endpoint: "https://push.test/1" } });
    await flush();
    const { url, headers, init } = newestRequest();
    expect([url, init.method, init.body]).toEqual([
      "https://hub.test/api/push",
      "PUT",
      '{"endpoint":"https://push.test/1"}',
    ]);
    expect(headers).toMatchObject({ authorization: `Bearer ${token()}`, "content-type": "application/json" });
    newestRequest().refuse(404, "push_off");
    expect((await response).status).toBe(404);
  });

  test("without a body is a GET, and fails where there is no user", async () => {
    const hub = createHub({ url: "/hub", getToken: () => token() });
    void hub.request("/api/push");
    await flush();
    expect([newestRequest().url, newestRequest().init.method]).toEqual(["http://localhost:3000/hub/api/push", "GET"]);
    const nobody = createHub({
      url: "/hub",
      getToken: () => {
        throw new UnauthorizedError();
      },
    });
    await expect(nobody.request("/api/push")).rejects.toThrow("4500");
  });
});

test.each([
  ["wss://hub.test/ws", "wss://hub.test/ws"],
  ["ws://localhost:8000/ws", "ws://localhost:8000/ws"],
  ["https://hub.test", "wss://hub.test/ws"],
  ["https://hub.test/", "wss://hub.test/ws"],
  ["https://site.test/hub/", "wss://site.test/hub/ws"],
  ["https://site.test/hub/ws/?x=1", "wss://site.test/hub/ws"],
  ["/hub", "ws://localhost:3000/hub/ws"],
])("the address %s is understood", async (url, expected) => {
  await openTab({ url });
  expect(newestSocket().url).toBe(expected);
});
