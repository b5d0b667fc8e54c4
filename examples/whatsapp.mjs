/** The way out of the demo: an order that nobody saw becomes a WhatsApp message, which a simulated gateway "sends". */
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";

const BRIDGE = path.join(import.meta.dirname, "wppconnect-bridge");
/** What the key of `hub serve --dev` may do. */
const OPERATIONS = ["disconnect", "forget", "observe", "observe_ids", "publish", "stats", "webhooks"];
/** The buyer and the seller of `hub serve --dev`: whose session each account has, and whose number each user has. */
const SESSIONS = "compras:00000000000101,loja:00000000000202";
const PHONES = "00000000001:5511999990001,00000000002:5511999990002";
/** How long after the message the gateway says that it was sent, delivered and read. */
const STATUSES = [
  [1, 0],
  [2, 1000],
  [3, 3000],
];

/** Return a key for the hub and its hash. */
function makeKey() {
  return `hubk_${randomBytes(32).toString("base64url")}`;
}

function writePrivately(file, value) {
  writeFileSync(file, JSON.stringify(value), { mode: 0o600 });
}

/**
 * Write the key file of the demo's hub into its data folder; return the keys, and the secrets of the bridge.
 *
 * It has the key of `hub serve --dev` (made here if there is none yet), StockTech's with a webhook that leads to the
 * bridge, and the bridge's.
 */
export function prepareKeys(folder, bridgePort) {
  mkdirSync(folder, { mode: 0o700, recursive: true });
  const dev = path.join(folder, "dev.json");
  if (!existsSync(dev)) writePrivately(dev, { jwt_secret: randomBytes(64).toString("hex"), service_key: makeKey() });
  const keys = { dev: JSON.parse(readFileSync(dev, "utf8")).service_key, stocktech: makeKey(), bridge: makeKey() };
  const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
  const webhook = { url: `http://127.0.0.1:${bridgePort}/hub-events`, secret: webhookSecret, allow_private: true };
  const grants = {
    dev: { everyone: true, operations: OPERATIONS },
    stocktech: { webhook },
    bridge: { types: ["whatsapp:message-received", "whatsapp:message-status", "whatsapp:session-state"] },
  };
  const hash = (key) => createHash("sha256").update(key).digest("hex");
  const file = path.join(folder, "demo-keys.json");
  writePrivately(file, {
    keys: Object.entries(grants).map(([name, grant]) => ({ name, sha256: hash(keys[name]), ...grant })),
  });
  return { file, keys, webhookSecret, bridgeSecret: randomBytes(32).toString("hex") };
}

/** Return what the hub needs to know to take the bridge's own types. */
export function hubEnvironment(prepared) {
  const contracts = path.join(BRIDGE, "contracts");
  return {
    HUB_SERVICE_KEYS_FILE: prepared.file,
    HUB_CONTRACTS: "contracts.avelarsys,whatsapp_contracts",
    PYTHONPATH: [contracts, process.env.PYTHONPATH].filter(Boolean).join(path.delimiter),
  };
}

/** Return the variables of the bridge. */
export function bridgeEnvironment(prepared, { hubUrl, folder, port, gatewayPort }) {
  return {
    NOTIFICATION_HUB_URL: hubUrl,
    NOTIFICATION_HUB_KEY: prepared.keys.bridge,
    BRIDGE_SECRET: prepared.bridgeSecret,
    BRIDGE_SESSIONS: SESSIONS,
    BRIDGE_DEFAULT_SESSION: "loja",
    BRIDGE_SPOOL: path.join(folder, "bridge-spool"),
    BRIDGE_WEBHOOK_SECRET: prepared.webhookSecret,
    BRIDGE_GATEWAY_URL: `http://127.0.0.1:${gatewayPort}`,
    BRIDGE_GATEWAY_TOKEN: "demo",
    BRIDGE_PHONES: PHONES,
    BRIDGE_PORT: String(port),
  };
}

/** Return the id of the notification that a line of the bridge says to become a message; undefined for other lines. */
export function readEscalated(line) {
  return /notification (\S+) becomes/.exec(line)?.[1];
}

/**
 * Start a server with the part of wppconnect-server's API that the bridge uses. It sends nothing: it calls `tell` with
 * the number and the text of each message once, and says to the bridge's webhook how far the message "has come".
 */
export function startGateway(port, webhook, tell) {
  const sent = new Set();
  const report = (session, messageId) => {
    for (const [ack, afterMs] of STATUSES) {
      const body = JSON.stringify({ event: "onack", session, id: { _serialized: `true_${messageId}` }, ack });
      const headers = { "content-type": "application/json" };
      setTimeout(() => fetch(webhook, { method: "POST", headers, body }).catch(() => undefined), afterMs).unref();
    }
  };
  const respond = async (request) => {
    const [, , session, action, id] = new URL(request.url, "http://gateway").pathname.split("/");
    if (action === "message-by-id") return sent.has(id) ? 200 : 404;
    if (request.method !== "POST" || action !== "send-message") return 404;
    const parts = [];
    for await (const part of request) parts.push(part);
    const { phone, message, options } = JSON.parse(Buffer.concat(parts).toString("utf8"));
    if (sent.has(options.messageId)) return 201;
    sent.add(options.messageId);
    tell(phone, message);
    report(decodeURIComponent(session), options.messageId);
    return 201;
  };
  const server = createServer((request, response) => {
    respond(request)
      .catch(() => 400)
      .then((status) => response.writeHead(status, { "content-type": "application/json" }).end("{}"));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}
