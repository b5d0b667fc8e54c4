import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PreferencesView } from "@notification-hub/client/inbox";
import type { NotificationBellElement } from "../src/index.js";
import "../src/index.js";
import { nameType } from "../src/types.js";
import { standIn, type StandIn } from "./stand-in.js";

const TYPES = [
  { type: "order_created", mandatory: true, muted: false },
  { type: "stock_alert", mandatory: false, muted: false },
];
/** The hub's preferences and subscriptions, as its routes keep them. */
let kept: { muted: string[]; endpoints: string[]; refuses: boolean };
let permission: NotificationPermission;

beforeEach(() => {
  kept = { muted: [], endpoints: [], refuses: false };
  permission = "granted";
  let subscription: object | null = null;
  const made = {
    endpoint: "https://push.test/1",
    options: { applicationServerKey: null },
    toJSON: () => ({ endpoint: "https://push.test/1" }),
    unsubscribe: async () => {
      subscription = null;
      return true;
    },
  };
  const pushManager = { getSubscription: async () => subscription, subscribe: async () => (subscription = made) };
  const registration = { pushManager, active: { state: "activated" } };
  vi.stubGlobal("PushManager", class {});
  const asks = { requestPermission: { value: async () => permission }, permission: { get: () => permission } };
  vi.stubGlobal(
    "Notification",
    Object.defineProperties(() => undefined, asks),
  );
  vi.stubGlobal("navigator", { serviceWorker: { getRegistration: async () => registration } });
});
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

function hubWith(features: string[]): StandIn {
  const hub = standIn("connected");
  const entries = new Map<string, string>();
  const storage = {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => entries.set(key, value),
  };
  const request = async (
    path: string,
    { method = "GET", body }: { method?: string; body?: never } = {},
  ): Promise<Response> => {
    if (kept.refuses) return Response.json({ code: "forbidden", title: "no" }, { status: 403 });
    if (path === "/api/push" && method === "GET") return Response.json({ public_key: "" });
    if (path === "/api/push") {
      const { endpoint } = body as unknown as { endpoint: string };
      kept.endpoints = method === "PUT" ? [endpoint] : [];
      return new Response(null, { status: 204 });
    }
    if (method === "PUT") kept.muted = (body as unknown as PreferencesView).muted as string[];
    const types = TYPES.map((one) => ({ ...one, muted: kept.muted.includes(one.type) }));
    return Response.json({ muted: kept.muted, types });
  };
  return Object.assign(hub, { features, request, storage, identity: "someone" });
}

async function choose(
  hub: StandIn,
  attributes = "",
): Promise<{ bell: NotificationBellElement; find: (selector: string) => HTMLElement[] }> {
  document.body.innerHTML = `<notification-bell lang="en" ${attributes}></notification-bell>`;
  const bell = document.querySelector("notification-bell")!;
  bell.hub = hub;
  bell.open = true;
  const find = (selector: string): HTMLElement[] => [...bell.shadowRoot!.querySelectorAll<HTMLElement>(selector)];
  return { bell, find };
}

const rows = (find: (selector: string) => HTMLElement[]): string[] =>
  find(".types li:not([hidden])").map((row) => `${row.textContent!.trim()}: ${row.querySelector("input")!.checked}`);

test("each type is a switch, which mutes it at the hub; a mandatory one is shown and locked", async () => {
  const { find } = await choose(hubWith(["preferences"]));
  await vi.waitFor(() => expect(find("[part=choose]")[0]!.hidden).toBe(false));
  find("[part=choose]")[0]!.click();
  expect(rows(find)).toEqual(["New orders (always on): true", "Low stock: true"]);
  const [mandatory, free] = find(".types li:not([hidden]) input") as HTMLInputElement[];
  expect(mandatory!.disabled).toBe(true);
  free!.click();
  await vi.waitFor(() => expect(kept.muted).toEqual(["stock_alert"]));
  free!.click();
  await vi.waitFor(() => expect(kept.muted).toEqual([]));
  find("[part=choose]")[0]!.click();
  expect([find("#preferences")[0]!.hidden, find(".heading")[0]!.textContent]).toEqual([true, "Notifications"]);
});

test("what the hub refuses is said, and shown as it was", async () => {
  const { find } = await choose(hubWith(["preferences"]));
  await vi.waitFor(() => expect(find("[part=choose]")[0]!.hidden).toBe(false));
  find("[part=choose]")[0]!.click();
  kept.refuses = true;
  find(".types li:not([hidden]) input")[1]!.click();
  await vi.waitFor(() =>
    expect(find("#preferences [role=status]")[0]!.textContent).toBe("It could not be changed now. Try again."),
  );
  expect(rows(find)).toEqual(["New orders (always on): true", "Low stock: true"]);
});

test("a hub without preferences, and a page without Web Push, offer nothing to choose", async () => {
  const { find } = await choose(hubWith([]));
  await Promise.resolve();
  expect(find("[part=choose]")[0]!.hidden).toBe(true);
});

test("Web Push is switched on and off where the page asks for it", async () => {
  const { find } = await choose(hubWith(["push"]), "push");
  await vi.waitFor(() => expect(find("[part=choose]")[0]!.hidden).toBe(false));
  find("[part=choose]")[0]!.click();
  const words = "Alerts on this device, also while the page is closed";
  expect(rows(find)).toEqual([`${words}: false`]);
  find(".types input")[0]!.click();
  await vi.waitFor(() => expect([kept.endpoints, rows(find)]).toEqual([["https://push.test/1"], [`${words}: true`]]));
  find(".types input")[0]!.click();
  await vi.waitFor(() => expect([kept.endpoints, rows(find)]).toEqual([[], [`${words}: false`]]));
});

test("a hub without Web Push offers none; over a transport that does not tell it is asked", async () => {
  const asked: string[] = [];
  const hub = hubWith([]);
  const request = hub.request.bind(hub);
  hub.request = (path, options) => {
    asked.push(path);
    return request(path, options);
  };
  const { bell, find } = await choose(hub, "push");
  await vi.dynamicImportSettled();
  expect([find("[part=choose]")[0]!.hidden, asked]).toEqual([true, []]);
  bell.open = false;
  Object.assign(hub, { features: undefined });
  hub.become({ transport: "poll" });
  bell.open = true;
  await vi.waitFor(() => expect(find("[part=choose]")[0]!.hidden).toBe(false));
  expect(asked).toContain("/api/push");
});

test("a page that is loaded tells the hub of a subscription that the browser has replaced, unopened", async () => {
  const hub = hubWith(["push"]);
  hub.storage.setItem(
    "hub:push",
    JSON.stringify({ identity: "someone", endpoint: "https://push.test/old", toldAt: Date.now() }),
  );
  document.body.innerHTML = "<notification-bell push></notification-bell>";
  document.querySelector("notification-bell")!.hub = hub;
  await vi.waitFor(() => expect(kept.endpoints).toEqual(["https://push.test/1"]));
});

test("a user who forbade Web Push sees that only the browser's settings change it", async () => {
  permission = "denied";
  const { find } = await choose(hubWith(["push"]), "push='/worker.js'");
  await vi.waitFor(() => expect(find("[part=choose]")[0]!.hidden).toBe(false));
  find("[part=choose]")[0]!.click();
  expect(find(".types small")[0]!.textContent).toBe("(blocked in the browser's settings)");
  expect((find(".types input")[0] as HTMLInputElement).disabled).toBe(true);
});

test("a type is named by the page, by the bell, or by itself", () => {
  const own = { "whatsapp:message": "WhatsApp" };
  expect(nameType("whatsapp:message", "pt-BR", own)).toBe("WhatsApp");
  expect([nameType("stock_alert", "pt"), nameType("stock_alert", "en")]).toEqual(["Estoque baixo", "Low stock"]);
  expect(["service-order:created", ":", ""].map((type) => nameType(type, "en"))).toEqual([
    "Service order created",
    ":",
    "",
  ]);
});
