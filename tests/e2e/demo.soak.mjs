/** `make demo` whole: the two Next.js frontends as it starts them. On its own ports, so nothing else may run there. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT, until } from "./programs.mjs";
import { launch, live, readBell, SELLER, waitForBell, waitForToast } from "./harness.mjs";

const START_MS = 240_000;
const TEST_MS = 180_000;
const PORTAL = "http://localhost:3000";
const AVADMIN = "http://localhost:8080";
const STOCKTECH = "http://localhost:5173";
const BUYER = { user_id: "00000000001", account_id: "00000000000101" };
let browser, demo, folder, key;
let output = "";

before(
  async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "hub-demo-"));
    // The push service of these tests is on this machine, and nobody wants to wait ten seconds for it.
    const settings = {
      HUB_DATA_DIR: folder,
      HUB_PUSH_ALLOW_PRIVATE: "on",
      HUB_PUSH_AFTER: "1",
      DEMO_CONFIRM_WITHIN: "10",
    };
    demo = spawn(process.execPath, ["examples/demo.mjs"], { cwd: ROOT, env: { ...process.env, ...settings } });
    demo.stdout.on("data", (text) => (output += text));
    demo.stderr.on("data", (text) => (output += text));
    await until(
      () => {
        if (demo.exitCode !== null) throw new Error(output);
        return output.includes("Ctrl-C");
      },
      "the addresses",
      START_MS,
    );
    key = JSON.parse(await readFile(path.join(folder, "dev.json"), "utf8")).service_key;
    browser = await launch();
  },
  { timeout: START_MS },
);

after(async () => {
  await browser?.close();
  if (demo && demo.exitCode === null) {
    const ended = once(demo, "exit");
    demo.kill("SIGINT");
    assert.deepEqual(await ended, [0, null], "Ctrl-C ends the demo in order");
  }
  if (folder) await rm(folder, { recursive: true, force: true });
  for (const url of [PORTAL, AVADMIN, "http://localhost:8000"]) {
    await assert.rejects(fetch(url), undefined, `nothing is left at ${url}`);
  }
});

async function publish(whom, message, fields = { type: "profile_updated", title: "Perfil atualizado" }) {
  const answer = await fetch("http://localhost:8000/api/internal/notify", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ message, ...fields, ...whom }),
  });
  assert.equal(answer.status, 202);
}

/** Return a profile; `next dev` compiles while a page loads, and takes its time on a busy machine. */
async function makeContext(options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(TEST_MS / 2);
  return context;
}

/** Return a page whose warnings and errors fail the test, those of hydration among them. */
async function openQuietly(t, url) {
  const context = await makeContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (line) => line.type() === "error" && complaints.push(`${line.text()} ${line.location().url}`));
  await page.goto(url);
  await live(page);
  return { page, complaints };
}

test("AppPortal's server renders the bell, and the browser hydrates it without a warning", {
  timeout: TEST_MS,
}, async (t) => {
  const html = await (await fetch(PORTAL)).text();
  assert.match(html, /Olá, (<!-- -->)?Ana/);
  assert.match(html, /class="bell-button"/);
  assert.match(html, /Conectando…/);
  const { page, complaints } = await openQuietly(t, PORTAL);
  await publish(BUYER, "primeira");
  assert.equal(await waitForToast(page, "Perfil atualizado"), "primeira");
  await page.goto("about:blank");
  await publish(BUYER, "enquanto fechada");
  await publish(SELLER, "de outra pessoa");
  await page.goto(PORTAL);
  assert.deepEqual(await waitForBell(page, 2), ["primeira", "enquanto fechada"]);
  assert.deepEqual(complaints, []);
});

test("AvAdmin's page reaches the hub on its own origin, and so does a test that it publishes", {
  timeout: TEST_MS,
}, async (t) => {
  const { page, complaints } = await openQuietly(t, AVADMIN);
  assert.match(await page.locator(".light").getAttribute("title"), /WebSocket/);
  await page
    .locator(".figure", { hasText: "Conexões" })
    .locator("strong", { hasText: /^[1-9]/ })
    .waitFor();
  await page.getByRole("button", { name: "Publicar" }).click();
  await page.getByText("Publicada e gravada no hub.").waitFor();
  assert.equal(await waitForToast(page, "Teste de notificação"), "Se você está lendo isto, está tudo certo.");
  assert.deepEqual(complaints, []);
});

test("an order that nobody saw becomes a WhatsApp message, which the terminal shows with how to trace it", {
  timeout: TEST_MS,
}, async () => {
  const service = "http://localhost:5174";
  const token = await (await fetch(`${service}/api/token?user=buyer`)).text();
  const response = await fetch(`${service}/api/orders`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ productId: 1 }),
  });
  const { code } = await response.json();
  const told = new RegExp(`WhatsApp to \\+5511999990002 \\(simulated\\)\n.*\n.*${code}`);
  await until(() => told.test(output), "the message", TEST_MS);
  const [command] = output.match(/HUB_DATA_DIR=\S+ \.venv\/bin\/hub trace --dev [0-9a-f-]{36}/);
  const { stdout } = await promisify(execFile)("bash", ["-c", command], { cwd: ROOT });
  for (const step of ["accepted", "stored", "dispatched", "escalated", "webhook"])
    assert.match(stdout, new RegExp(step));
});

test("the proxy of AvAdmin's origin passes none of the hub's internal routes on to browsers", {
  timeout: TEST_MS,
}, async () => {
  for (const where of ["/api/internal/ws-stats", "/metrics", "/schema", "/health/ready"]) {
    const answer = await fetch(AVADMIN + where, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(answer.status, 404, where);
  }
  for (const where of ["/sse", "/poll", "/api/inbox", "/api/preferences", "/api/push"]) {
    assert.equal((await fetch(AVADMIN + where)).status, 401, `${where} is the hub's`);
  }
});

test("what is read on the phone is read on the desktop, and a new browser shows what came before", {
  timeout: TEST_MS,
}, async (t) => {
  const open = async (url, options = {}) => {
    const context = await makeContext(options);
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    await live(page);
    return page;
  };
  const phone = await open(PORTAL, { viewport: { width: 390, height: 844 }, hasTouch: true });
  const desktop = await open(`${STOCKTECH}/?user=buyer`);
  await publish(BUYER, "lida no telefone");
  await publish(BUYER, "arquivada no telefone");
  const row = (page, message) => page.locator(".bell-list li", { hasText: message });
  for (const page of [phone, desktop]) {
    await readBell(page);
    for (const message of ["lida no telefone", "arquivada no telefone"]) await row(page, message).waitFor();
  }
  await row(phone, "lida no telefone").getByLabel("Marcar como lida").click();
  await row(phone, "arquivada no telefone").getByLabel("Arquivar").click();
  await row(desktop, "arquivada no telefone").waitFor({ state: "detached" });
  await desktop.locator(".bell-list li.is-read", { hasText: "lida no telefone" }).waitFor();
  const fresh = await open(PORTAL);
  await readBell(fresh);
  await fresh.locator(".bell-list li.is-read", { hasText: "lida no telefone" }).waitFor();
  assert.equal(await row(fresh, "arquivada no telefone").count(), 0);
  await fresh.getByRole("button", { name: "Arquivadas" }).click();
  await row(fresh, "arquivada no telefone").waitFor();
});

/** A push service that keeps what the hub sends it, and the keys of a browser that subscribed there. */
async function openPushService(t) {
  const ece = createRequire(path.join(ROOT, "clients/browser/package.json"))("http_ece");
  const key = createECDH("prime256v1");
  const auth = randomBytes(16).toString("base64url");
  const messages = [];
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const options = { version: "aes128gcm", privateKey: key, authSecret: auth };
    messages.push(ece.decrypt(Buffer.concat(parts), options).toString());
    response.writeHead(201).end();
  });
  const p256dh = key.generateKeys("base64url");
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const endpoint = `http://127.0.0.1:${server.address().port}/browser`;
  return { messages, subscription: { endpoint, expirationTime: null, keys: { p256dh, auth } } };
}

test("a page of AppPortal that is closed gets a push, after its user has allowed it in the bell", {
  timeout: TEST_MS,
}, async (t) => {
  const { messages, subscription } = await openPushService(t);
  const context = await makeContext();
  t.after(() => context.close());
  await context.grantPermissions(["notifications"], { origin: PORTAL });
  // Chromium subscribes at its maker's service, which a test machine may not reach: the rest is as a person does it.
  await context.addInitScript((json) => {
    let current = null;
    const made = { endpoint: json.endpoint, options: { applicationServerKey: null }, toJSON: () => json };
    made.unsubscribe = async () => ((current = null), true);
    PushManager.prototype.subscribe = async () => (current = made);
    PushManager.prototype.getSubscription = async () => current;
  }, subscription);
  const page = await context.newPage();
  await page.goto(PORTAL);
  await live(page);
  await page.locator(".bell-button").click();
  await page.getByRole("button", { name: "Preferências" }).click();
  const allow = page.getByRole("switch", { name: /página fechada/ });
  await allow.check();
  await until(
    () => page.evaluate(() => (localStorage.getItem("hub:push") ?? "").includes("/browser")),
    "the hub has the subscription",
  );
  // The worker lives on; a page of the same site that has no hub tells of it.
  const other = await context.newPage();
  const registrations = new Map();
  const devtools = await context.newCDPSession(other);
  devtools.on("ServiceWorker.workerRegistrationUpdated", (event) => {
    for (const each of event.registrations) registrations.set(each.scopeURL, each.registrationId);
  });
  await devtools.send("ServiceWorker.enable");
  await other.goto(`${PORTAL}/service-worker.js`);
  await until(() => registrations.has(`${PORTAL}/`), "the worker is known");
  await page.close();
  const order = { type: "order_updated", title: "Pedido Enviado", link: "/pedidos/1" };
  await publish(BUYER, "O pedido PED-1 foi enviado.", order);
  const data = await until(() => messages.find((text) => text.includes("PED-1")), "the push service has it");
  await devtools.send("ServiceWorker.deliverPushMessage", {
    origin: PORTAL,
    registrationId: registrations.get(`${PORTAL}/`),
    data,
  });
  const shown = () =>
    other.evaluate(async () => {
      const registration = await navigator.serviceWorker.getRegistration("/");
      return (await registration.getNotifications()).map(({ title, body, data }) => [title, body, data.link]);
    });
  await until(async () => (await shown()).length === 1, "it is shown");
  assert.deepEqual(await shown(), [["Pedido Enviado", "O pedido PED-1 foi enviado.", "/pedidos/1"]]);
});
