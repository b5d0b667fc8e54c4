import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { createInbox, inboxOf, type Inbox } from "../src/inbox.js";
import { alert, flush, hello, installFakes, memoryStorage, newestSocket, pass, removeFakes, token } from "./fakes.js";

const hubs: Hub[] = [];
const closers: (() => void)[] = [];
beforeEach(() => installFakes({ share: true }));
afterEach(() => {
  hubs.splice(0).forEach((hub) => hub.close());
  closers.splice(0).forEach((close) => close());
  removeFakes();
});

async function openTab(user = "u"): Promise<Inbox> {
  const hub = createHub({ url: "https://hub.test", getToken: () => token(user), tabStorage: memoryStorage() });
  hubs.push(hub);
  const inbox = createInbox(hub);
  closers.push(inbox.open());
  hub.connect();
  await flush();
  return inbox;
}

/** A browser tells the other tabs of a change; here the test does. */
function tellTabs(): void {
  for (const key of Object.keys(localStorage)) window.dispatchEvent(new StorageEvent("storage", { key }));
}

function titles({ view }: Inbox): string[] {
  return view.notifications.map((notification) => `${notification.title}${notification.read ? " read" : ""}`);
}

test("the list is newest first, each once, and counts what is unread", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), alert(1), alert(3), alert(2), alert(3));
  expect([titles(inbox), inbox.view.unreadCount, inbox.last]).toEqual([["n3", "n2", "n1"], 3, alert(2)]);
});

test("one can be read, all can be read, one removed, all removed", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), alert(1), alert(2), alert(3));
  inbox.markRead("id-2");
  expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3", "n2 read", "n1"], 2]);
  inbox.markAllRead();
  expect([titles(inbox), inbox.view.unreadCount]).toEqual([["n3 read", "n2 read", "n1 read"], 0]);
  inbox.remove("id-3");
  expect(titles(inbox)).toEqual(["n2 read", "n1 read"]);
  inbox.clear();
  expect(titles(inbox)).toEqual([]);
});

test("a hub has one inbox, which listens until all that opened it have closed it", async () => {
  const hub = createHub({ url: "https://hub.test", getToken: () => token("u"), tabStorage: memoryStorage() });
  hubs.push(hub);
  const inbox = inboxOf(hub);
  expect(inboxOf(hub)).toBe(inbox);
  const [close, closeOther] = [inbox.open(), inbox.open()];
  const changed = vi.fn();
  inbox.subscribe(changed);
  hub.connect();
  await flush();
  newestSocket().say(hello(), alert(1));
  expect(titles(inbox)).toEqual(["n1"]);
  close();
  close();
  newestSocket().say(alert(2));
  expect(titles(inbox)).toEqual(["n2", "n1"]);
  closeOther();
  changed.mockClear();
  newestSocket().say(alert(3));
  expect([titles(inbox), changed.mock.calls]).toEqual([["n2", "n1"], []]);
});

test("one can be unread again, also in a tab that has not seen that yet", async () => {
  const [one, two] = [await openTab(), await openTab()];
  newestSocket().say(hello(), alert(1), alert(2));
  await flush();
  one.markRead("id-1");
  tellTabs();
  two.markUnread("id-1");
  expect([titles(two), titles(one)]).toEqual([
    ["n2", "n1"],
    ["n2", "n1 read"],
  ]);
  tellTabs();
  expect([titles(one), one.view.unreadCount]).toEqual([["n2", "n1"], 2]);
  one.markRead("id-1");
  tellTabs();
  expect([titles(two), two.view.unreadCount]).toEqual([["n2", "n1 read"], 1]);
});

test("what is archived is off the list, and there is nothing to load", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), alert(1), alert(2));
  inbox.archive("id-1");
  await inbox.loadMore();
  expect([titles(inbox), inbox.view.more, inbox.view.shared]).toEqual([["n2"], false, false]);
});

test("what was removed stays so when it is replayed", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), alert(1), alert(2));
  inbox.remove("id-1");
  const reloaded = await openTab();
  hubs[0]!.close();
  await flush();
  newestSocket().say(hello(), alert(1), alert(2));
  expect(titles(reloaded)).toEqual(["n2"]);
});

test("two tabs show the same, whichever of them was clicked", async () => {
  const [one, two] = [await openTab(), await openTab()];
  newestSocket().say(hello(), alert(1), alert(2));
  await flush();
  one.markRead("id-1");
  two.remove("id-2");
  tellTabs();
  expect([titles(one), titles(two)]).toEqual([["n1 read"], ["n1 read"]]);
});

test("a write that another tab overwrote at the same moment is made again", async () => {
  const [one, two] = [await openTab(), await openTab()];
  newestSocket().say(hello(), alert(1), alert(2));
  await flush();
  const key = Object.keys(localStorage).find((name) => name.startsWith("hub:inbox:"))!;
  const before = localStorage.getItem(key)!;
  one.markRead("id-1");
  localStorage.setItem(key, before);
  two.markRead("id-2");
  tellTabs();
  expect([titles(one), titles(two)]).toEqual([
    ["n2 read", "n1 read"],
    ["n2 read", "n1 read"],
  ]);
  expect(localStorage.getItem(key)!.match(/"read":true/g)).toHaveLength(2);
});

test("it is there at the next visit, before anything is connected to", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), alert(1));
  inbox.markRead("id-1");
  hubs[0]!.close();
  await flush();
  expect(titles(await openTab())).toEqual(["n1 read"]);
});

test("a long replay is written once, and what waits is written when the page is left", async () => {
  const write = vi.spyOn(Storage.prototype, "setItem");
  const inbox = await openTab();
  newestSocket().say(hello());
  const inboxWrites = (): unknown[] => write.mock.calls.filter(([key]) => key.startsWith("hub:inbox:"));
  const before = inboxWrites().length;
  newestSocket().say(...Array.from({ length: 99 }, (_, number) => alert(number)));
  expect([inbox.view.unreadCount, inboxWrites().length]).toEqual([99, before]);
  await pass(50);
  expect(inboxWrites().length).toBe(before + 1);
  newestSocket().say(alert(100));
  window.dispatchEvent(new Event("pagehide"));
  expect(inboxWrites().length).toBe(before + 2);
});

test("another user sees nothing of it", async () => {
  await openTab();
  newestSocket().say(hello(), alert(1));
  hubs[0]!.close();
  await flush();
  expect(titles(await openTab("v"))).toEqual([]);
});

test("another user who signs in on the page sees nothing of it, and finds it again", async () => {
  let user = "u";
  const hub = createHub({ url: "https://hub.test", getToken: () => token(user), tabStorage: memoryStorage() });
  hubs.push(hub);
  const inbox = createInbox(hub);
  closers.push(inbox.open());
  hub.connect();
  await flush();
  newestSocket().say(hello(), alert(1));
  const shown: string[][] = [];
  for (user of ["v", "u"]) {
    hub.reconnect();
    await flush();
    newestSocket().say(hello("epoch-1"));
    await pass(100);
    shown.push(titles(inbox));
  }
  expect(shown).toEqual([[], ["n1"]]);
});

test("a stored value that is not a list is ignored", async () => {
  const first = await openTab();
  newestSocket().say(hello(), alert(1));
  const key = Object.keys(localStorage).find((name) => name.startsWith("hub:inbox:"))!;
  for (const text of ["{", "null", '"x"', "[null, 5, {}]"]) {
    localStorage.setItem(key, text);
    tellTabs();
    expect(titles(first)).toEqual(["n1"]);
  }
});

test("it is bounded: a hundred are shown, and the newest stay", async () => {
  const inbox = await openTab();
  newestSocket().say(hello(), ...Array.from({ length: 300 }, (_, number) => alert(number)));
  expect([inbox.view.notifications.length, titles(inbox)[0], inbox.view.unreadCount]).toEqual([100, "n299", 100]);
});
