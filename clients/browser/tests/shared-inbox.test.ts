/** The bell as a view of the hub's inbox: on every device, in every tab, also without a network. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createHub, type Hub, type HubOptions } from "../src/index.js";
import { createInbox, type Inbox } from "../src/inbox.js";
import {
  alert,
  flush,
  installFakes,
  memoryStorage,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  sockets,
  token,
  type FakeSocket,
} from "./fakes.js";
import { InboxHub } from "./inbox-hub.js";

const NOW = Date.parse("2026-11-22T12:00:00Z");

let model: InboxHub;
const closers: (() => void)[] = [];
beforeEach(() => {
  installFakes({ share: true });
  model = new InboxHub();
});
afterEach(() => {
  closers.splice(0).forEach((close) => close());
  removeFakes();
});

interface Tab {
  hub: Hub;
  inbox: Inbox;
  close: () => void;
}

/** Open a tab whose storage is this browser's; `device` names another one. */
function openTab(
  options: Partial<HubOptions> = {},
  user = "u",
  prepare: (inbox: Inbox) => void = () => undefined,
): Tab {
  const hub = createHub({
    url: "https://hub.test",
    getToken: () => token(user),
    tabStorage: memoryStorage(),
    ...options,
  });
  const inbox = createInbox(hub);
  prepare(inbox);
  const end = inbox.open();
  const close = (): void => {
    hub.close();
    end();
  };
  closers.push(close);
  hub.connect();
  return { hub, inbox, close };
}

const otherDevice = (): Partial<HubOptions> => ({ storage: memoryStorage(), cursorKey: "other" });

/** Let time pass while the hub works; a browser tells its tabs of what others wrote. */
async function run(ms = 200): Promise<void> {
  for (let passed = 0; passed <= ms; passed += 50) {
    model.work();
    await flush();
    tellTabs();
    await pass(50);
  }
  model.work();
  await flush();
}

function tellTabs(): void {
  for (const key of Object.keys(localStorage)) window.dispatchEvent(new StorageEvent("storage", { key }));
}

function titles({ view }: Inbox): string[] {
  return view.notifications.map(({ title, read }) => (read ? `${title} read` : title));
}

function posts(): unknown[] {
  return requests.filter(({ init }) => init.method === "POST").map(({ init }) => JSON.parse(init.body as string));
}

const offline = (is: boolean): void => {
  model.isOffline = () => is;
  if (is) for (const socket of sockets) if (!socket.closed) socket.end();
};

async function openWith(count: number, options: Partial<HubOptions> = {}): Promise<Tab> {
  for (let number = 0; number < count; number++) model.publish();
  const tab = openTab(options);
  await run();
  return tab;
}

describe("the list", () => {
  test("on a new device is the hub's, page by page", async () => {
    const { inbox } = await openWith(70);
    expect([inbox.view.notifications.length, inbox.view.unreadCount, inbox.view.more]).toEqual([30, 70, true]);
    void inbox.loadMore();
    void inbox.loadMore();
    await run();
    expect([inbox.view.notifications.length, inbox.view.more]).toEqual([60, true]);
    void inbox.loadMore();
    await run();
    expect([inbox.view.notifications.length, inbox.view.more, inbox.view.shared]).toEqual([70, false, true]);
    const { length } = requests;
    await inbox.loadMore();
    expect(requests.length).toBe(length);
  });

  test("shows first what this browser saw last, and then the hub's", async () => {
    const first = await openWith(3);
    first.inbox.markRead("id-2");
    await run();
    first.close();
    model.take({ archive: ["id-1"] });
    const { inbox } = openTab();
    await flush();
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3", "n2 read", "n1"], 2]);
    await run();
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3", "n2 read"], 1]);
  });

  test("leaves out the types that are not listed, and what came twice", async () => {
    const { inbox } = await openWith(1);
    model.publish("cart_updated");
    model.publish();
    newestSocket().say(alert(3));
    expect([titles(inbox), inbox.view.unreadCount, inbox.last?.title]).toEqual([["n3", "n1"], 2, "n3"]);
  });

  test("follows the other devices: read, unread, archived, everything read, removed", async () => {
    const { inbox } = await openWith(4);
    model.take({ read: ["id-1", "id-2"] });
    model.take({ unread: ["id-1"], archive: ["id-4"] });
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3", "n2 read", "n1"], 2]);
    model.take({ read_until: model.cursor(3) });
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3 read", "n2 read", "n1 read"], 0]);
    newestSocket().say({
      type: "inbox",
      removed: ["id-3"],
      unread_count: 1_000,
      more: true,
      cursor: "epoch-z",
    } as never);
    expect([titles(inbox), inbox.view.unreadCount, inbox.view.unreadMore]).toEqual([
      ["n2 read", "n1 read"],
      1_000,
      true,
    ]);
  });

  test("loses what was erased: at once what is named, and the rest when it is fetched again", async () => {
    const { inbox } = await openWith(5);
    model.flags.delete("id-2");
    model.flags.delete("id-4");
    // The hub's own record of an erasure.
    model.log.push(undefined);
    const { length } = requests;
    newestSocket().say({ type: "inbox", read: [], unread: [], archived: [], removed: ["id-4"], stale: true } as never);
    expect(titles(inbox)).toEqual(["n5", "n3", "n2", "n1"]);
    await run();
    expect([titles(inbox), inbox.view.unreadCount, requests.length - length]).toEqual([["n5", "n3", "n1"], 3, 1]);
    model.flags.delete("id-5");
    model.log.push(undefined);
    newestSocket().say({ type: "inbox", read: [], unread: [], archived: [], stale: true } as never);
    await run();
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3", "n1"], 2]);
  });

  test("has the newest alone of those that take each other's place, and counts it once", async () => {
    const stock = (number: number): object => ({
      ...alert(number),
      collapse_id: "stock-7",
      read: false,
      archived: false,
    });
    const { inbox } = await openWith(0);
    newestSocket().say({ type: "gap", title: "", message: "", data: { cursor: "epoch-zz" }, timestamp: "" });
    await flush();
    const page = { notifications: [stock(2), { ...alert(1), read: false, archived: false }], unread: 2, more: false };
    newestRequest().respond(200, { ...page, next: null, cursor: "epoch-2" });
    await flush();
    newestSocket().say(stock(3) as never, stock(4) as never);
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n4", "n1"], 2]);
  });

  test("is fetched again after a gap, and after one that came while it was fetched", async () => {
    const { inbox } = await openWith(2);
    const gap = { type: "gap" as const, title: "", message: "", data: { cursor: "epoch-y" }, timestamp: "" };
    model.flags.get("id-1")!.read = true;
    newestSocket().say(gap, { ...gap, data: { cursor: "epoch-z" } });
    const { length } = requests;
    await run();
    expect([requests.length - length, titles(inbox)]).toEqual([2, ["n2", "n1 read"]]);
  });

  test("keeps what a frame said while an older page was under way", async () => {
    const { inbox } = await openWith(0);
    model.publish();
    const fetched = openTab(otherDevice());
    await flush();
    newestSocket().say({
      type: "connection_established",
      title: "",
      message: "",
      data: {
        connectionId: "c",
        resume: "live",
        cursor: model.cursor(),
        heartbeatSeconds: 0,
        features: ["inbox"],
      } as never,
      timestamp: "",
    });
    await flush();
    const page = { notifications: [{ ...alert(1), read: false, archived: false }], unread: 1, more: false, next: null };
    const request = newestRequest();
    newestSocket().say({ type: "inbox", read: ["id-1"], unread_count: 0, cursor: "epoch-2" } as never);
    request.respond(200, { ...page, cursor: "epoch-1" });
    await flush();
    expect([titles(fetched.inbox), fetched.inbox.view.unreadCount, titles(inbox)]).toEqual([["n1 read"], 0, ["n1"]]);
  });

  test("is fetched again where more was said than is kept while a page was under way", async () => {
    const { inbox } = await openWith(2);
    newestSocket().say({ type: "gap", title: "", message: "", data: { cursor: "epoch-zz" }, timestamp: "" });
    await flush();
    for (let number = 0; number <= 200; number++) model.take(number % 2 ? { unread: ["id-1"] } : { read: ["id-1"] });
    const { length } = requests;
    await run();
    expect([titles(inbox), requests.length - length]).toEqual([["n2", "n1 read"], 1]);
  });

  test("goes on over pages that are empty, and stops with those who do not listen", async () => {
    const { inbox } = await openWith(1);
    let calls = 0;
    const end = inbox.subscribe(() => calls++);
    const page = { notifications: [], unread: 1, more: false };
    newestSocket().say({ type: "gap", title: "", message: "", data: { cursor: "epoch-zz" }, timestamp: "" });
    await flush();
    newestRequest().respond(200, {
      ...page,
      notifications: [{ ...alert(9), read: false }],
      next: "epoch-8",
      cursor: "epoch-9",
    });
    await flush();
    void inbox.loadMore();
    for (const [next, notifications] of [
      ["epoch-5", []],
      [null, [{ ...alert(2), read: false }]],
    ]) {
      await flush();
      newestRequest().respond(200, { ...page, next, notifications, cursor: "epoch-9" });
    }
    await flush();
    expect([titles(inbox), inbox.view.more]).toEqual([["n9", "n2"], false]);
    const before = calls;
    end();
    model.publish();
    expect([calls, before > 0]).toEqual([before, true]);
  });

  test("holds a thousand, and loads older ones again instead of holding more", async () => {
    const { inbox } = await openWith(5);
    for (let number = 0; number < 1_010; number++) model.publish();
    expect([inbox.view.notifications.length, inbox.view.unreadCount, inbox.view.more]).toEqual([1_000, 1_015, false]);
    expect(titles(inbox)[0]).toBe("n1015");
  });

  test("is the new one of a hub whose log was lost", async () => {
    const { inbox } = await openWith(3);
    const page = { unread: 0, more: false, next: null, cursor: "other-5" };
    newestSocket().say({ type: "gap", title: "", message: "", data: { cursor: "other-5" }, timestamp: "" });
    await flush();
    newestRequest().respond(200, {
      ...page,
      notifications: [{ ...alert(9), cursor: "other-4", read: true, archived: false }],
    });
    await flush();
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n9 read"], 0]);
  });

  test("of the user before is not shown to the next one", async () => {
    (await openWith(2)).close();
    const { inbox } = openTab({}, "v");
    await flush();
    expect(titles(inbox)).toEqual([]);
  });

  test.each(["{", "null", "[]", '{"items":[{}]}', '{"items":[]}'])("ignores %s where it was kept", async (text) => {
    (await openWith(1)).close();
    for (const key of Object.keys(localStorage)) if (key.startsWith("hub:inbox-")) localStorage.setItem(key, text);
    const { inbox } = openTab();
    await flush();
    expect(titles(inbox)).toEqual([]);
    await run();
    expect(titles(inbox)).toEqual(["n1"]);
  });

  test("is fetched until that succeeds, and after an end no more", async () => {
    const { inbox, close } = await openWith(0);
    close();
    model.publish();
    const again = openTab(otherDevice());
    await flush();
    model.work();
    await flush();
    newestRequest().refuse(503, "overloaded");
    await pass(5_000);
    newestRequest().fail();
    await run(5_000);
    expect([titles(again.inbox), titles(inbox)]).toEqual([["n1"], []]);
  });
});

describe("a hub without an inbox", () => {
  test("leaves the list to the browser, and is asked for nothing", async () => {
    model.features = undefined;
    const { inbox } = await openWith(2);
    model.publish();
    inbox.markRead("id-3");
    expect([titles(inbox), inbox.view.shared, requests.length]).toEqual([["n3 read"], false, 0]);
    model.features = ["ack"];
    model.restart();
    await run(10_000);
    expect([titles(inbox), inbox.view.shared, requests.length]).toEqual([["n3 read"], false, 0]);
  });

  test("that had one before leaves what was shown", async () => {
    const { inbox } = await openWith(2);
    inbox.markRead("id-1");
    await run();
    model.features = [];
    model.restart();
    await run(10_000);
    model.publish();
    expect([titles(inbox), inbox.view.shared]).toEqual([["n4", "n2", "n1 read"], false]);
    model.features = ["inbox"];
    model.restart();
    await run(10_000);
    inbox.archive("id-2");
    await run();
    expect([titles(inbox), inbox.view.shared]).toEqual([["n4", "n1 read"], true]);
  });

  test.each([
    [["inbox"], true],
    [[], false],
  ])("is found out by asking, where a poll says nothing: %j", async (features, shared) => {
    model.features = features;
    model.publish();
    const { inbox } = openTab({ transports: ["poll"] });
    await run();
    expect([inbox.view.shared, titles(inbox)]).toEqual([shared, shared ? ["n1"] : []]);
    model.publish();
    await run(10_000);
    expect(titles(inbox)).toEqual(shared ? ["n2", "n1"] : ["n2"]);
  });

  test("that stops keeping one while a change is under way leaves the list to the browser", async () => {
    const { inbox } = await openWith(1);
    model.features = [];
    inbox.markRead("id-1");
    await run();
    expect([inbox.view.shared, titles(inbox)]).toEqual([false, ["n1"]]);
  });
});

describe("a change", () => {
  test("is shown at once, sent with others in one request, and reaches the other device", async () => {
    const { inbox } = await openWith(4);
    const phone = openTab(otherDevice());
    await run();
    inbox.markRead("id-1");
    inbox.markRead("id-2");
    inbox.archive("id-3");
    expect([titles(inbox), inbox.view.unreadCount, posts()]).toEqual([["n4", "n2 read", "n1 read"], 1, []]);
    await run();
    expect(posts()).toEqual([{ read: ["id-1", "id-2"], archive: ["id-3"] }]);
    expect([titles(phone.inbox), phone.inbox.view.unreadCount]).toEqual([["n4", "n2 read", "n1 read"], 1]);
    inbox.markRead("id-1");
    inbox.markAllRead();
    inbox.markAllRead();
    await run();
    inbox.markAllRead();
    inbox.markUnread("id-1");
    await run();
    expect(posts().slice(1)).toEqual([{ read_until: "epoch-4" }, { unread: ["id-1"] }]);
    expect([titles(phone.inbox), phone.inbox.view.unreadCount]).toEqual([["n4 read", "n2 read", "n1"], 1]);
  });

  test("of everything is a watermark, also for what is not loaded", async () => {
    const { inbox } = await openWith(70);
    inbox.markAllRead();
    expect(inbox.view.unreadCount).toBe(0);
    model.publish();
    expect(inbox.view.unreadCount).toBe(1);
    await run();
    expect([posts(), inbox.view.unreadCount]).toEqual([[{ read_until: "epoch-1y" }], 1]);
    inbox.clear();
    await run();
    expect([inbox.view.notifications.length, inbox.view.unreadCount]).toEqual([0, 0]);
    void inbox.loadMore();
    await run();
    expect(inbox.view.notifications.length).toBe(30);
  });

  test("of three tabs without a network is kept over a reload, and sent once", async () => {
    await openWith(3);
    const [, second] = [openTab(), openTab()];
    await run();
    offline(true);
    await run();
    second.inbox.markRead("id-1");
    await run(500);
    expect(posts()).toEqual([]);
    for (const close of closers.splice(0)) close();
    const tabs = [openTab(), openTab(), openTab()];
    await run(500);
    for (const { inbox } of tabs) expect(titles(inbox)).toEqual(["n3", "n2", "n1 read"]);
    offline(false);
    await run(20_000);
    expect(model.changes).toEqual([{ read: ["id-1"] }]);
    for (const { inbox } of tabs) expect(inbox.view.unreadCount).toBe(2);
  });

  test("that the hub refuses is taken back, and the others hold", async () => {
    const { inbox } = await openWith(3);
    model.flags.delete("id-2");
    for (const id of ["id-1", "id-2", "id-3"]) inbox.markRead(id);
    expect(inbox.view.unreadCount).toBe(0);
    await run();
    expect([titles(inbox), model.changes]).toEqual([["n3 read", "n2", "n1 read"], [{ read: ["id-1", "id-3"] }]]);
  });

  test("of many at once, of which the hub knows some, keeps those", async () => {
    const { inbox } = await openWith(4);
    model.flags.delete("id-1");
    model.flags.delete("id-3");
    inbox.clear();
    await run();
    expect(model.changes).toEqual([{ archive: ["id-4", "id-2"] }]);
    expect(titles(inbox)).toEqual(["n3", "n1"]);
  });

  test("is found among others one by one, where the hub refuses without naming it", async () => {
    const { inbox } = await openWith(3);
    model.fate = ({ init }) => ((init.body as string).includes("id-2") ? "refused without a word" : "done");
    for (const id of ["id-1", "id-2", "id-3"]) inbox.markRead(id);
    await run(500);
    expect([titles(inbox), model.changes]).toEqual([
      ["n3 read", "n2", "n1 read"],
      [{ read: ["id-1"] }, { read: ["id-3"] }],
    ]);
  });

  test("that a proxy refuses, in its own words, is taken back", async () => {
    const { inbox } = await openWith(1);
    inbox.archive("id-1");
    await pass(100);
    newestRequest().empty(400);
    await flush();
    expect(titles(inbox)).toEqual(["n1"]);
  });

  test.each(["busy", "lost", "unreachable"] as const)("is sent again where the hub is %s", async (fate) => {
    const { inbox } = await openWith(1);
    let failures = 2;
    model.fate = () => (failures-- > 0 ? fate : "done");
    inbox.markRead("id-1");
    await run(10_000);
    expect([titles(inbox), posts().length]).toEqual([["n1 read"], 3]);
  });

  test("of one notification in both directions is two requests, in order", async () => {
    const { inbox } = await openWith(1);
    inbox.markRead("id-1");
    inbox.markUnread("id-1");
    await run();
    expect([posts(), titles(inbox)]).toEqual([[{ read: ["id-1"] }, { unread: ["id-1"] }], ["n1"]]);
  });

  test("waits no longer than 15 s for a tab that hangs while it sends, and does without what the browser denies", async () => {
    const { inbox, hub } = await openWith(2);
    void navigator.locks.request(`hub:inbox-send:${hub.identity}`, {}, () => new Promise<void>(() => undefined));
    await flush();
    inbox.markRead("id-1");
    await run(14_000);
    expect(posts()).toEqual([]);
    await run(2_000);
    expect(posts()).toEqual([{ read: ["id-1"] }]);
    const kept = Object.getOwnPropertyDescriptor(navigator, "locks")!;
    Object.defineProperty(navigator, "locks", {
      configurable: true,
      get: () => {
        throw new Error("denied");
      },
    });
    inbox.markRead("id-2");
    await run();
    Object.defineProperty(navigator, "locks", kept);
    expect(posts().length).toBe(2);
  });

  test("is sent by a tab that is opened again after it was closed", async () => {
    const { inbox, hub } = await openWith(1);
    closers.pop()!();
    const end = inbox.open();
    closers.push(() => {
      hub.close();
      end();
    });
    hub.connect();
    await run();
    inbox.markRead("id-1");
    await run();
    expect(posts()).toEqual([{ read: ["id-1"] }]);
  });

  test("is one of 5,000 at most that wait: the oldest are taken back", async () => {
    const { inbox, hub } = await openWith(1);
    offline(true);
    await run();
    const key = `hub:inbox-queue:${hub.identity}`;
    const ids = Array.from({ length: 5_000 }, (_, number) => `x-${number}`);
    localStorage.setItem(
      key,
      JSON.stringify([
        { key: "000", read: ids },
        { key: "001", read: ["id-1"] },
      ]),
    );
    tellTabs();
    expect(titles(inbox)).toEqual(["n1 read"]);
    expect(JSON.parse(localStorage.getItem(key)!)).toEqual([
      { key: "000", refused: true },
      { key: "001", read: ["id-1"] },
    ]);
  });
});

describe("what was kept before", () => {
  test("in this browser's list is sent once by all tabs, and shown once", async () => {
    model.features = undefined;
    const old = await openWith(0);
    for (let number = 0; number < 40; number++) model.publish();
    old.inbox.markRead("id-2");
    old.inbox.markRead("id-39");
    old.inbox.remove("id-3");
    old.close();
    model.features = ["inbox"];
    const tabs = [openTab(), openTab(), openTab()];
    await run(1_000);
    expect(model.changes.flatMap(({ read = [], archive = [] }) => [...read, ...archive]).sort()).toEqual([
      "id-2",
      "id-3",
      "id-39",
    ]);
    for (const { inbox } of tabs) {
      expect(new Set(titles(inbox)).size).toBe(titles(inbox).length);
      expect([titles(inbox).includes("n2 read"), titles(inbox).includes("n3"), inbox.view.unreadCount]).toEqual([
        true,
        false,
        37,
      ]);
    }
    const { length } = model.changes;
    model.take({ unread: ["id-2"] });
    openTab();
    await run(1_000);
    expect([model.changes.length, titles(tabs[0]!.inbox).includes("n2")]).toEqual([length, true]);
  });

  const KEY = "stocktech-notifications";
  const old = (number: number, change: object = {}): object => {
    const { id: _, cursor: __, ...frame } = alert(number);
    return { ...frame, id: `random-${Math.random()}`, read: false, ...change };
  };
  const at = (ms: number): { timestamp: string } => ({ timestamp: new Date(NOW + ms).toISOString() });
  const openWithOld = (stored: unknown, user?: string): Tab => {
    localStorage.setItem(KEY, JSON.stringify(stored));
    return openTab({}, user, (inbox) => inbox.adopt(KEY));
  };

  test("in the page's own list moves over: each message once, with what was read", async () => {
    for (let number = 0; number < 3; number++) model.publish();
    const stored = [
      // Each tab had added a copy, and the hub was told of it a little later.
      old(1, { ...at(-30_000), read: true }),
      old(1, at(-29_000)),
      old(2),
      // From before the hub.
      old(77, { ...at(-86_400_000), read: true }),
      old(78, at(-86_300_000)),
    ];
    const { inbox } = openWithOld({ state: { notifications: stored }, version: 0 });
    await run();
    expect(titles(inbox)).toEqual(["n3", "n2", "n1 read", "n78", "n77 read"]);
    expect([inbox.view.unreadCount, model.changes]).toEqual([3, [{ read: ["id-1"] }]]);
    const second = openTab({}, "u", (other) => other.adopt(KEY));
    await run();
    expect([titles(second.inbox), model.changes.length]).toEqual([titles(inbox), 1]);
    const [unread, read] = inbox.view.notifications.slice(3).map(({ id }) => id) as [string, string];
    inbox.markRead(unread);
    inbox.archive(read);
    await run();
    for (const tab of [inbox, second.inbox]) expect(titles(tab)).toEqual(["n3", "n2", "n1 read", "n78 read"]);
    inbox.markAllRead();
    inbox.clear();
    await run();
    expect([titles(second.inbox), second.inbox.view.unreadCount]).toEqual([[], 0]);
  });

  test("in the page's own list is matched one to one, by the nearest time", async () => {
    const twice = { ...alert(1), cursor: model.cursor(1) };
    for (const [number, ms] of [
      [1, 0],
      [2, 300_000],
    ] as const) {
      model.publish();
      Object.assign(model.log[number]!, { title: twice.title, ...at(ms) });
    }
    const { inbox } = openWithOld([old(1, { ...at(301_000), read: true })]);
    await run();
    expect(inbox.view.notifications.map(({ id, read }) => [id, read])).toEqual([
      ["id-2", true],
      ["id-1", false],
    ]);
  });

  test("belongs to the user who was first there, and to nobody else", async () => {
    openWithOld([old(7)]).close();
    await run();
    const first = openWithOld([old(7)]);
    await run();
    first.close();
    const { inbox } = openTab({}, "v", (other) => other.adopt(KEY));
    await run();
    expect([titles(first.inbox), titles(inbox)]).toEqual([["n7"], []]);
  });

  test("moves to this browser's list, where the hub keeps no inbox", async () => {
    model.features = undefined;
    const { inbox } = openWithOld([old(1, { read: true }), old(7, { ...at(-60_000), isRead: true })]);
    await run();
    model.publish();
    inbox.adopt(KEY);
    expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n1 read", "n7 read"], 0]);
  });

  test.each([
    ["{"],
    ["7"],
    ['{"a":{"b":{"c":{"d":[]}}}}'],
    ['[null, 5, {"title":"x"}, {"title":"x","message":"y","timestamp":"never"}]'],
  ])("is passed over where it cannot be read: %s", async (text) => {
    localStorage.setItem(KEY, text);
    const { inbox } = openTab({}, "u", (other) => other.adopt(KEY));
    await run();
    expect(titles(inbox)).toEqual([]);
  });

  test("is looked for in older pages of the hub, and no further", async () => {
    for (let number = 0; number < 250; number++) model.publish();
    const { inbox } = openWithOld([old(20, { ...at(20), read: true })]);
    vi.setSystemTime(NOW + 3_600_000);
    await run(500);
    expect([model.changes, inbox.view.notifications.length]).toEqual([[{ read: ["id-20"] }], 250]);
  });
});

test.each(["{", "7", "null", '[1, {"key": 2}]'])(
  "what another program wrote into the storage is passed over: %s",
  async (text) => {
    const first = await openWith(3);
    first.inbox.markRead("id-1");
    await run();
    first.close();
    const { identity } = first.hub;
    for (const kind of ["queue", "sent", "cache"]) localStorage.setItem(`hub:inbox-${kind}:${identity}`, text);
    // Flags of a time when the hub kept no inbox, of which nobody knows any more whether they were sent.
    const [entry] = first.inbox.view.notifications;
    localStorage.setItem(`hub:inbox:${identity}`, JSON.stringify([{ notification: entry, read: true }]));
    const { inbox } = openTab();
    await run();
    expect(titles(inbox)).toEqual(["n3 read", "n2", "n1 read"]);
    inbox.archive("id-2");
    await run();
    expect(model.shown().list).toEqual(["id-3 read", "id-1 read"]);
  },
);

test("everything works without a storage, and for a user without a name", async () => {
  model.publish();
  const { inbox } = openTab({ storage: null, getToken: () => "ticket" });
  await run();
  inbox.adopt("stocktech-notifications");
  inbox.markRead("id-1");
  await run();
  const links: FakeSocket[] = sockets.filter(({ closed }) => !closed);
  expect([titles(inbox), links.length, model.changes.length]).toEqual([["n1 read"], 1, 1]);
});
