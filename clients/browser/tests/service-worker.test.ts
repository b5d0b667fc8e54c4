import { afterEach, beforeEach, expect, test, vi } from "vitest";

const ORIGIN = "https://app.test";
/** By a name that the compiler does not follow: its types are of workers, which have another library than pages. */
const SCRIPT: string = "../src/service-worker.js";
const MESSAGE = {
  id: "id-1",
  type: "order_created",
  title: "Novo pedido",
  message: "O pedido PED-1234 foi criado.",
  cursor: "epoch-1",
};

interface Page {
  url: string;
  focus: () => Promise<void>;
}

let handlers: Map<string, (event: never) => void>;
let shown: [string, Record<string, unknown>][];
let pages: Page[];
let focused: string[];
let opened: string[];
let subscribed: unknown[];

beforeEach(async () => {
  handlers = new Map();
  [shown, pages, focused, opened, subscribed] = [[], [], [], [], []];
  vi.stubGlobal("self", {
    location: new URL(ORIGIN),
    addEventListener: (type: string, handler: (event: never) => void) => handlers.set(type, handler),
    registration: {
      scope: `${ORIGIN}/`,
      showNotification: (title: string, options: Record<string, unknown>) => {
        shown.push([title, options]);
        return Promise.resolve();
      },
      pushManager: {
        subscribe: (options: unknown) => {
          subscribed.push(options);
          return Promise.resolve();
        },
      },
    },
    clients: {
      matchAll: () => Promise.resolve(pages),
      openWindow: (url: string) => {
        opened.push(url);
        return Promise.resolve(null);
      },
    },
  });
  vi.resetModules();
  await import(SCRIPT);
});
afterEach(() => vi.unstubAllGlobals());

/** Let an event happen, and wait for all that it waits for; say whether that was anything. */
async function happen(type: string, event: Record<string, unknown>): Promise<boolean> {
  const waits: Promise<unknown>[] = [];
  handlers.get(type)!({ ...event, waitUntil: (work: Promise<unknown>) => waits.push(work) } as never);
  await Promise.all(waits);
  return waits.length > 0;
}

const push = (message: unknown): Promise<boolean> => happen("push", { data: { json: () => message } });

/** Click a notification with this link; say whether it was closed. */
async function click(data: unknown): Promise<boolean> {
  let closed = false;
  await happen("notificationclick", { notification: { data, close: () => (closed = true) } });
  return closed;
}

function openPage(url: string): void {
  pages.push({ url, focus: () => Promise.resolve(void focused.push(url)) });
}

test("shows a message under its id, so that the same one takes its own place", async () => {
  await push({ ...MESSAGE, link: "/orders/1234", timestamp: "2026-11-26T10:00:00.000Z" });
  const data = { hub: true, id: "id-1", type: "order_created", link: "/orders/1234" };
  expect(shown).toEqual([
    ["Novo pedido", { body: MESSAGE.message, tag: "id-1", timestamp: Date.parse("2026-11-26T10:00:00Z"), data }],
  ]);
});

test("shows the icon that the page's worker names, and no moment that is not one", async () => {
  Object.assign(self, { hubNotificationOptions: { icon: "/icon.png", tag: "other" } });
  await push({ ...MESSAGE, timestamp: "soon" });
  expect(shown[0]![1]).toMatchObject({ icon: "/icon.png", tag: "id-1" });
  expect(shown[0]![1]).not.toHaveProperty("timestamp");
});

test.each([[null], ["text"], [{}], [{ ...MESSAGE, id: 1 }], [{ title: "Of another", body: "service" }]])(
  "leaves a push that is not the hub's to its own handler: %j",
  async (message) => {
    expect(await push(message)).toBe(false);
    expect(shown).toEqual([]);
  },
);

test("leaves a push without data, or with data that is not JSON", async () => {
  expect(await happen("push", { data: null })).toBe(false);
  const broken = (): never => {
    throw new SyntaxError("no JSON");
  };
  expect(await happen("push", { data: { json: broken } })).toBe(false);
});

test.each([
  ["/orders/1234", `${ORIGIN}/orders/1234`],
  ["/a?b=c#d", `${ORIGIN}/a?b=c#d`],
  ["https://other.test/x", "https://other.test/x"],
  // What the hub refuses does not lead anywhere else either.
  ["", `${ORIGIN}/`],
  ["javascript:alert(1)", `${ORIGIN}/`],
  ["data:text/html,x", `${ORIGIN}/`],
  ["//evil.test/x", `${ORIGIN}/`],
  ["/\\evil.test/x", `${ORIGIN}/`],
  ["orders/1", `${ORIGIN}/`],
  ["https://", `${ORIGIN}/`],
])("a click on a notification with the link %j opens %s", async (link, expected) => {
  expect(await click({ hub: true, link })).toBe(true);
  expect([opened, focused]).toEqual([[expected], []]);
});

test("a click focuses the page that shows the link already, or any page where there is no link", async () => {
  openPage(`${ORIGIN}/`);
  openPage(`${ORIGIN}/orders/1234`);
  await click({ hub: true, link: "/orders/1234" });
  expect([opened, focused]).toEqual([[], [`${ORIGIN}/orders/1234`]]);
  await click({ hub: true });
  expect([opened, focused.at(-1)]).toEqual([[], `${ORIGIN}/`]);
  await click({ hub: true, link: "/orders/9" });
  expect(opened).toEqual([`${ORIGIN}/orders/9`]);
});

test("a click on a notification of others is left to their own handler", async () => {
  for (const data of [null, { link: "/x" }, { hub: false }]) expect(await click(data)).toBe(false);
  expect(opened).toEqual([]);
});

test("subscribes again where the browser has ended a subscription and made no new one", async () => {
  const options = { userVisibleOnly: true, applicationServerKey: new ArrayBuffer(65) };
  await happen("pushsubscriptionchange", { oldSubscription: { options }, newSubscription: null });
  expect(subscribed).toEqual([options]);
  await happen("pushsubscriptionchange", { oldSubscription: { options }, newSubscription: {} });
  await happen("pushsubscriptionchange", { oldSubscription: null, newSubscription: null });
  expect(subscribed).toEqual([options]);
});
