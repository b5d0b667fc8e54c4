/** The WhatsApp circle of `make demo`, with a short deadline: hub, StockTech's service, bridge and simulated gateway. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { bridgeEnvironment, hubEnvironment, prepareKeys, startGateway } from "../../examples/whatsapp.mjs";
import { findPort, Program, ROOT, until } from "./programs.mjs";

const HUB = path.join(ROOT, ".venv/bin/hub");
const TEST_MS = 120_000;
/** The deadline is ten seconds, which is the shortest that there is. */
const MESSAGE_MS = 60_000;
const SELLER_PHONE = "5511999990002";
const messages = [];
let bridge, env, folder, gateway, hub, prepared, service;

before(
  async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "hub-whatsapp-"));
    const [hubPort, servicePort, bridgePort, gatewayPort] = [
      await findPort(),
      await findPort(),
      await findPort(),
      await findPort(),
    ];
    prepared = prepareKeys(folder, bridgePort);
    hub = new Program(hubPort, ".", [HUB, "serve", "--dev", "--port", String(hubPort)]);
    service = new Program(servicePort, "examples/stocktech/server", [process.execPath, "dist/main.js"]);
    bridge = new Program(bridgePort, "examples/wppconnect-bridge", [process.execPath, "dist/main.js"]);
    const webhook = `http://127.0.0.1:${bridgePort}/webhook/${prepared.bridgeSecret}`;
    gateway = await startGateway(gatewayPort, webhook, (phone, text) => messages.push({ phone, text }));
    env = { HUB_DATA_DIR: folder, HUB_DRAIN: "0", JWT_SECRET: "" };
    await hub.start({ ...env, ...hubEnvironment(prepared) });
    const { jwt_secret: secret } = JSON.parse(await readFile(path.join(folder, "dev.json"), "utf8"));
    const hubUrl = `http://localhost:${hubPort}`;
    await Promise.all([
      bridge.start(bridgeEnvironment(prepared, { hubUrl, folder, port: bridgePort, gatewayPort })),
      service.start({
        AVADMIN_API_URL: hubUrl,
        NOTIFICATION_HUB_KEY: prepared.keys.stocktech,
        JWT_SECRET: secret,
        DEMO_CONFIRM_WITHIN: "10",
        PORT: String(servicePort),
      }),
    ]);
  },
  { timeout: TEST_MS },
);

after(async () => {
  await Promise.all([service?.stop(), bridge?.stop()]);
  await hub?.stop();
  gateway?.close();
  gateway?.closeAllConnections();
  if (folder) await rm(folder, { recursive: true, force: true });
});

async function ask(program, method, where, token, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const init = { method, headers, body: body && JSON.stringify(body) };
  const response = await fetch(`http://localhost:${program.port}${where}`, init);
  assert.ok(response.ok, `${where}: ${response.status}`);
  return response.json();
}

test("an order that nobody saw becomes one WhatsApp message, one that was seen does not, and the trace tells it all", {
  timeout: TEST_MS,
}, async () => {
  const tokenOf = async (name) => (await fetch(`http://localhost:${service.port}/api/token?user=${name}`)).text();
  const [buyer, seller] = [await tokenOf("buyer"), await tokenOf("seller")];
  const order = async () => (await ask(service, "POST", "/api/orders", buyer, { productId: 1 })).code;
  const inbox = async () => (await ask(hub, "GET", "/api/inbox?type=order_created", seller)).notifications;
  const [seen, missed] = [await order(), await order()];
  const [missedOne, seenOne] = await until(async () => {
    const found = await inbox();
    return found.length === 2 && found;
  }, "both orders in the seller's inbox");
  assert.match(JSON.stringify(missedOne), new RegExp(missed));
  await ask(hub, "POST", "/api/inbox", seller, { read: [seenOne.id] });
  await until(
    () => messages.some(({ phone, text }) => phone === SELLER_PHONE && text.includes(missed)),
    "a message",
    MESSAGE_MS,
  );
  const trace = async () =>
    (await promisify(execFile)(HUB, ["trace", "--dev", missedOne.id], { env: { ...process.env, ...env } })).stdout;
  const story = await until(async () => {
    const told = await trace();
    return /webhook .*delivered/.test(told) && told;
  }, "the webhook's outcome in the trace");
  assert.match(story, /accepted .* of stocktech/);
  assert.match(story, /dispatched +0 WebSocket/);
  assert.match(story, /escalated /);
  assert.match(story, /webhook +notification\.unconfirmed to stocktech, delivered/);
  const statuses = await until(async () => {
    const { notifications } = await ask(hub, "GET", "/api/inbox?type=whatsapp:message-status", seller);
    return notifications.length === 3 && notifications.map(({ data }) => data.status);
  }, "how far the message has come");
  assert.deepEqual(statuses.toSorted(), ["delivered", "read", "sent"]);
  const toSeller = messages.filter(({ phone }) => phone === SELLER_PHONE);
  assert.equal(toSeller.length, 1, "one message for one order");
  assert.ok(!toSeller[0].text.includes(seen), "an order that was seen is not sent");
});

test("the demo's key may do what the key of `hub serve --dev` may", async () => {
  const made = JSON.parse(await readFile(path.join(folder, "dev-keys.json"), "utf8")).keys[0];
  const used = JSON.parse(await readFile(prepared.file, "utf8")).keys[0];
  assert.deepEqual(used, { name: made.name, sha256: made.sha256, everyone: true, operations: made.operations });
});
