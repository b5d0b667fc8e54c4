/** Web Push in Chromium: the client's service worker gets a message as a push service brings it, and shows it. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch } from "./harness.mjs";
import { ROOT, until } from "./programs.mjs";

const TEST_MS = 60_000;
const MESSAGE = {
  type: "order_created",
  title: "Novo pedido",
  message: "O pedido PED-1234 foi criado.",
  cursor: "e-1",
};

let browser;
let server;
let origin;

before(
  async () => {
    const script = await readFile(path.join(ROOT, "clients/browser/dist/service-worker.js"));
    server = createServer((request, response) => {
      const isWorker = request.url === "/service-worker.js";
      response.setHeader("content-type", isWorker ? "text/javascript" : "text/html");
      response.end(isWorker ? script : `<!doctype html><title>${new URL(request.url, "http://x").pathname}</title>`);
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    origin = `http://127.0.0.1:${server.address().port}`;
    browser = await launch();
  },
  { timeout: TEST_MS },
);
after(async () => {
  await browser?.close();
  server?.close();
});

/** A page that allows notifications and has the worker; `push` delivers what a push service would. */
async function openPage(t) {
  const context = await browser.newContext();
  t.after(() => context.close());
  await context.grantPermissions(["notifications"], { origin });
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const registrations = new Map();
  devtools.on("ServiceWorker.workerRegistrationUpdated", (event) => {
    for (const each of event.registrations) registrations.set(each.scopeURL, each.registrationId);
  });
  await devtools.send("ServiceWorker.enable");
  await page.goto(origin);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register("/service-worker.js");
    const { active } = await navigator.serviceWorker.ready;
    // `ready` comes while the worker is still being activated, and Chromium may drop what is delivered to it then.
    while (active.state !== "activated")
      await new Promise((changed) => active.addEventListener("statechange", changed, { once: true }));
  });
  await until(() => registrations.has(`${origin}/`), "the worker is known");
  const push = (data) =>
    devtools.send("ServiceWorker.deliverPushMessage", {
      origin,
      registrationId: registrations.get(`${origin}/`),
      data: typeof data === "string" ? data : JSON.stringify(data),
    });
  const shown = () =>
    page.evaluate(async () => {
      const registration = await navigator.serviceWorker.ready;
      return (await registration.getNotifications()).map(({ title, body, tag }) => ({ title, body, tag }));
    });
  return { context, page, push, shown };
}

test("a message is shown once, however often it is pushed, and others are left alone", {
  timeout: TEST_MS,
}, async (t) => {
  const { push, shown } = await openPage(t);
  await push({ ...MESSAGE, id: "id-1", link: "/orders/1234" });
  await push({ ...MESSAGE, id: "id-1", link: "/orders/1234" });
  await push({ ...MESSAGE, id: "id-2", title: "Outro pedido" });
  await until(async () => (await shown()).length === 2, "both are shown");
  const body = MESSAGE.message;
  assert.deepEqual(
    (await shown()).sort((a, b) => a.tag.localeCompare(b.tag)),
    [
      { title: "Novo pedido", body, tag: "id-1" },
      { title: "Outro pedido", body, tag: "id-2" },
    ],
  );
});

test("a click closes the notification and opens its link in a new page", { timeout: TEST_MS }, async (t) => {
  const { context, push, shown } = await openPage(t);
  await push({ ...MESSAGE, id: "id-1", link: "/orders/1234" });
  await until(async () => (await shown()).length === 1, "it is shown");
  const [worker] = context.serviceWorkers();
  // Without a desktop nobody can click, and only a real click may open a window: what the worker asks for is kept.
  const opened = await worker.evaluate(async () => {
    const asked = [];
    self.clients.openWindow = async (url) => void asked.push(url);
    const [notification] = await self.registration.getNotifications();
    const event = new NotificationEvent("notificationclick", { notification });
    self.dispatchEvent(event);
    await new Promise((resolve) => setTimeout(resolve));
    while (!asked.length) await new Promise((resolve) => setTimeout(resolve, 10));
    return asked;
  });
  assert.deepEqual(opened, [`${origin}/orders/1234`]);
  assert.deepEqual(await shown(), []);
});
