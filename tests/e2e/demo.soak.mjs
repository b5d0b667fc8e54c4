/** `make demo` whole: the two Next.js frontends as it starts them. On its own ports, so nothing else may run there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { ROOT, until } from "./programs.mjs";
import { launch, live, SELLER, waitForBell, waitForToast } from "./harness.mjs";

const START_MS = 150_000;
const TEST_MS = 60_000;
const PORTAL = "http://localhost:3000";
const AVADMIN = "http://localhost:8080";
const BUYER = { user_id: "00000000001", account_id: "00000000000101" };
let browser, demo, folder, key;
let output = "";

before(
  async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "hub-demo-"));
    demo = spawn(process.execPath, ["examples/demo.mjs"], {
      cwd: ROOT,
      env: { ...process.env, HUB_DATA_DIR: folder, DEMO_CONFIRM_WITHIN: "10" },
    });
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

async function publish(whom, message) {
  const answer = await fetch("http://localhost:8000/api/internal/notify", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "profile_updated", title: "Perfil atualizado", message, ...whom }),
  });
  assert.equal(answer.status, 202);
}

/** Return a page whose warnings and errors fail the test, those of hydration among them. */
async function openQuietly(t, url) {
  const context = await browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (line) => line.type() === "error" && complaints.push(line.text()));
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
  assert.match(output, /hub trace --dev [0-9a-f-]{36}/);
});

test("the proxy of AvAdmin's origin passes none of the hub's internal routes on to browsers", {
  timeout: TEST_MS,
}, async () => {
  for (const where of ["/api/internal/ws-stats", "/metrics", "/schema", "/health/ready"]) {
    const answer = await fetch(AVADMIN + where, { headers: { authorization: `Bearer ${key}` } });
    assert.equal(answer.status, 404, where);
  }
});
