import { afterEach, beforeEach, expect, test } from "vitest";
import { createHub, type Hub } from "../src/index.js";
import { inboxOf, type Preferences } from "../src/inbox.js";
import {
  flush,
  hello,
  installFakes,
  newestRequest,
  newestSocket,
  pass,
  removeFakes,
  requests,
  token,
} from "./fakes.js";

const TYPES = [
  { type: "cart_updated", mandatory: false, muted: false },
  { type: "order_created", mandatory: true, muted: false },
  { type: "stock_alert", mandatory: false, muted: false },
];

let hub: Hub;
let end: () => void;
beforeEach(() => {
  installFakes();
  hub = createHub({ url: "https://hub.test", getToken: () => token() });
});
afterEach(() => {
  end?.();
  hub.close();
  removeFakes();
});

/** Preferences as a hub has them that mutes these types. */
const preferences = (...muted: string[]): object => ({
  muted,
  types: TYPES.map((one) => ({ ...one, muted: muted.includes(one.type) })),
});

async function open(features: string[] | null = ["preferences"]): Promise<Preferences> {
  const opened = inboxOf(hub).preferences;
  end = opened.open();
  hub.connect();
  await flush();
  newestSocket().say(hello("epoch-0", "live", 0, features ?? undefined));
  await flush();
  return opened;
}

async function openWith(...muted: string[]): Promise<Preferences> {
  const opened = await open();
  newestRequest().respond(200, preferences(...muted));
  await flush();
  return opened;
}

test("they are fetched once it is known that the hub has some", async () => {
  const opened = await openWith("cart_updated");
  expect(requests.map(({ path }) => path)).toEqual(["/api/preferences"]);
  expect(opened.view).toEqual({ available: true, ...preferences("cart_updated") });
});

test.each([[[]], [null]])("a hub that says it can %j is asked for none", async (features) => {
  const opened = await open(features);
  expect([requests.length, opened.view.available]).toEqual([0, false]);
});

test("a type is muted and unmuted at once, and what the hub confirms stays", async () => {
  const opened = await openWith("cart_updated");
  const muting = opened.mute("stock_alert");
  await flush();
  expect(opened.view.muted).toEqual(["cart_updated", "stock_alert"]);
  expect(newestRequest().init).toMatchObject({ method: "PUT", body: '{"muted":["cart_updated","stock_alert"]}' });
  newestRequest().respond(200, preferences("cart_updated", "stock_alert"));
  await muting;
  const unmuting = opened.unmute("cart_updated");
  await flush();
  newestRequest().respond(200, preferences("stock_alert"));
  await unmuting;
  expect(opened.view.types.filter(({ muted }) => muted).map(({ type }) => type)).toEqual(["stock_alert"]);
});

test("two changes at one moment both hold: the second request begins with what the first one left", async () => {
  const opened = await openWith();
  const both = [opened.mute("cart_updated"), opened.mute("stock_alert")];
  await flush();
  newestRequest().respond(200, preferences("cart_updated"));
  await flush();
  expect(newestRequest().init.body).toBe('{"muted":["cart_updated","stock_alert"]}');
  newestRequest().respond(200, preferences("cart_updated", "stock_alert"));
  await Promise.all(both);
  expect(opened.view.muted).toEqual(["cart_updated", "stock_alert"]);
});

test("what the hub refuses, or never got, is shown as it was, and the page is told why", async () => {
  const opened = await openWith("cart_updated");
  const refused = expect(opened.mute("order_created")).rejects.toMatchObject({ code: "mandatory" });
  await flush();
  expect(opened.view.muted).toContain("order_created");
  newestRequest().refuse(422, "mandatory");
  await refused;
  expect(opened.view.muted).toEqual(["cart_updated"]);
  const lost = expect(opened.unmute("cart_updated")).rejects.toMatchObject({ code: undefined });
  await flush();
  newestRequest().fail();
  await lost;
  const proxied = expect(opened.unmute("cart_updated")).rejects.toThrow("cannot be reached");
  await flush();
  newestRequest().empty(502);
  await proxied;
  expect(opened.view.muted).toEqual(["cart_updated"]);
});

test("a change on another device is shown when its frame comes; after a gap they are fetched again", async () => {
  const opened = await openWith();
  let calls = 0;
  const stop = opened.subscribe(() => calls++);
  newestSocket().say({ type: "preferences", muted: ["stock_alert"], cursor: "epoch-1" } as never);
  expect([calls, opened.view.muted, opened.view.types[2]!.muted]).toEqual([1, ["stock_alert"], true]);
  newestSocket().say({ type: "gap", title: "", message: "", data: { cursor: "epoch-9" }, timestamp: "" });
  await flush();
  newestRequest().respond(200, preferences("cart_updated"));
  await flush();
  stop();
  newestSocket().say({ type: "preferences", muted: [], cursor: "epoch-z" } as never);
  expect([requests.length, opened.view.muted, calls]).toEqual([2, [], 2]);
});

test("a request that failed is made again with the next connection, and none after the end", async () => {
  const opened = await open();
  newestRequest().fail();
  await flush();
  newestSocket().end();
  await pass(2_000);
  newestSocket().say(hello("epoch-0", "live", 0, ["preferences"]));
  await flush();
  newestRequest().respond(200, preferences());
  await flush();
  expect([requests.length, opened.view.available]).toEqual([2, true]);
  end();
  end();
  newestSocket().say({ type: "preferences", muted: ["stock_alert"], cursor: "epoch-1" } as never);
  expect(opened.view.muted).toEqual([]);
});
