/** The archive: what the user took off the list, on whichever device, also without a network. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHub, type HubOptions } from "../src/index.js";
import { createInbox, type Inbox } from "../src/inbox.js";
import { flush, installFakes, memoryStorage, pass, removeFakes, requests, sockets, token } from "./fakes.js";
import { InboxHub } from "./inbox-hub.js";

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

async function run(ms = 200): Promise<void> {
  for (let passed = 0; passed <= ms; passed += 50) {
    model.work();
    await pass(50);
  }
  model.work();
  await flush();
}

/** Open a browser on which the archive is looked at. */
async function openTab(options: Partial<HubOptions> = {}): Promise<{ inbox: Inbox; leave: () => void }> {
  const hub = createHub({
    url: "https://hub.test",
    getToken: () => token(),
    storage: memoryStorage(),
    tabStorage: memoryStorage(),
    ...options,
  });
  const inbox = createInbox(hub);
  const ends = [inbox.open(), () => hub.close()];
  const leave = inbox.archived.open();
  closers.push(leave, ...ends);
  hub.connect();
  await run();
  return { inbox, leave };
}

const titles = ({ archived: { view } }: Inbox): string[] => view.notifications.map(({ title }) => title);
const asked = (): number => requests.filter(({ url }) => url.includes("archived=true")).length;

function publish(count: number): string[] {
  return Array.from({ length: count }, () => model.publish());
}

function goOffline(): void {
  model.isOffline = () => true;
  for (const socket of sockets) if (!socket.closed) socket.end();
}

test("is the hub's, newest first and page by page, and the list has none of it", async () => {
  const ids = publish(70);
  model.take({ archive: ids.slice(0, 65) });
  const { inbox } = await openTab();
  const { view } = inbox.archived;
  expect([view.notifications.length, titles(inbox)[0], view.more, view.state]).toEqual([30, "n65", true, "ready"]);
  for (const length of [60, 65]) {
    void inbox.archived.loadMore();
    expect(inbox.archived.view.state).toBe("loading");
    await run();
    expect(inbox.archived.view.notifications).toHaveLength(length);
  }
  expect([inbox.archived.view.more, inbox.view.notifications.length]).toEqual([false, 5]);
  const before = asked();
  await inbox.archived.loadMore();
  expect(asked()).toBe(before);
});

test("follows this page at once, and the other devices, as long as somebody looks", async () => {
  publish(4);
  const { inbox, leave } = await openTab();
  const seen: string[][] = [];
  const end = inbox.archived.subscribe(() => seen.push(titles(inbox)));
  inbox.archive("id-2");
  expect([titles(inbox), seen]).toEqual([["n2"], [["n2"]]]);
  await run();
  model.take({ archive: ["id-4"] });
  await run();
  expect(titles(inbox)).toEqual(["n4", "n2"]);
  leave();
  leave();
  const before = asked();
  model.take({ archive: ["id-1"] });
  await run();
  expect([asked(), titles(inbox)]).toEqual([before, ["n4", "n2"]]);
  closers.push(inbox.archived.open());
  await run();
  expect(titles(inbox)).toEqual(["n4", "n2", "n1"]);
  end();
  const { length } = seen;
  inbox.archive("id-3");
  expect([titles(inbox), seen.length]).toEqual([["n4", "n3", "n2", "n1"], length]);
});

test("shows what is archived without a network, and the rest once there is one", async () => {
  publish(3);
  model.take({ archive: ["id-1"] });
  const storage = memoryStorage();
  const first = await openTab({ storage });
  first.leave();
  goOffline();
  const { inbox } = await openTab({ storage });
  inbox.archive("id-2");
  const { more, state } = inbox.archived.view;
  expect([titles(inbox), more, state]).toEqual([["n2"], true, "failed"]);
  model.isOffline = () => false;
  await run(30_000);
  expect([titles(inbox), inbox.archived.view.state]).toEqual([["n2", "n1"], "ready"]);
});

test("that could not be loaded can be loaded once more, or is after the next connection", async () => {
  publish(2);
  model.take({ archive: ["id-1"] });
  model.isOffline = (link) => "url" in link && link.url.includes("archived");
  const { inbox } = await openTab();
  expect([titles(inbox), inbox.archived.view.more, inbox.archived.view.state]).toEqual([[], true, "failed"]);
  const before = asked();
  model.publish();
  await run();
  // Only a person or a new connection asks again.
  expect(asked()).toBe(before);
  void inbox.archived.loadMore();
  await run();
  expect([asked(), inbox.archived.view.state]).toEqual([before + 1, "failed"]);
  model.isOffline = () => false;
  void inbox.archived.loadMore();
  await run();
  expect([titles(inbox), inbox.archived.view.state]).toEqual([["n1"], "ready"]);

  model.isOffline = (link) => "url" in link && link.url.includes("archived");
  model.take({ archive: ["id-2"] });
  await run();
  expect(inbox.archived.view.state).toBe("failed");
  model.isOffline = () => false;
  model.restart();
  await run(30_000);
  expect([titles(inbox), inbox.archived.view.state]).toEqual([["n2", "n1"], "ready"]);
});

test("is fetched again after a gap, and when it changes while a page is under way", async () => {
  publish(3);
  model.take({ archive: ["id-1"] });
  const { inbox } = await openTab();
  const before = asked();
  model.take({ archive: ["id-2"] });
  await flush();
  expect(asked()).toBe(before + 1);
  model.take({ archive: ["id-3"] });
  await run();
  expect(titles(inbox)).toEqual(["n3", "n2", "n1"]);
  goOffline();
  model.take({ archive: [model.publish()] });
  model.forget(7);
  model.isOffline = () => false;
  await run(30_000);
  expect([titles(inbox), asked() > before + 2]).toEqual([[], true]);
});

test("drops at once what exists no longer", async () => {
  publish(2);
  model.take({ archive: ["id-1", "id-2"] });
  const { inbox } = await openTab();
  model.flags.delete("id-2");
  for (const socket of sockets)
    if (!socket.closed) socket.say({ type: "inbox", removed: ["id-2"], cursor: model.cursor() } as never);
  expect(titles(inbox)).toEqual(["n1"]);
});

test("is this browser's where the hub keeps no inbox", async () => {
  model.features = undefined;
  const { inbox } = await openTab();
  publish(3);
  await run();
  inbox.archive("id-2");
  inbox.markRead("id-1");
  expect([titles(inbox), inbox.archived.view.more, inbox.archived.view.state]).toEqual([["n2"], false, "ready"]);
  inbox.clear();
  expect([titles(inbox), asked()]).toEqual([["n3", "n2", "n1"], 0]);
});

test("has what this browser alone has from before the hub, and not what moved to the hub", async () => {
  const at = new Date(Date.now() - 3_600_000).toISOString();
  const old = (title: string): object => ({
    id: Math.random(),
    type: "stock_alert",
    title,
    message: "m",
    timestamp: at,
  });
  const storage = memoryStorage();
  model.publish();
  const here = new Date(Date.parse("2026-11-22T12:00:00Z") + 1).toISOString();
  storage.setItem("old", JSON.stringify([old("alone"), old("kept"), { ...old("n1"), timestamp: here }]));
  const { inbox } = await openTab({ storage });
  inbox.adopt("old");
  await run();
  expect(inbox.view.notifications.map(({ title }) => title)).toEqual(["n1", "alone", "kept"]);
  inbox.archive(inbox.view.notifications[1]!.id);
  expect(titles(inbox)).toEqual(["alone"]);
});
