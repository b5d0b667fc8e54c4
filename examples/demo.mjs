/**
 * `make demo`: the hub for development, every example frontend and the WhatsApp bridge; Ctrl-C stops them all.
 *
 * `DEMO_CLUSTER`, the file `cluster.json` of `make serve-cluster`: StockTech alone, at that cluster.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { bridgeEnvironment, hubEnvironment, prepareKeys, readEscalated, startGateway } from "./whatsapp.mjs";

const EXAMPLES = import.meta.dirname;
const ROOT = path.dirname(EXAMPLES);
const HUB = path.join(ROOT, ".venv/bin/hub");
const DATA = path.resolve(ROOT, process.env.HUB_DATA_DIR?.trim() || "hub-data");
const PORTS = { hub: 8000, service: 5174, stocktech: 5173, appportal: 3000, page: 3001, avadmin: 8080, nginx: 8081 };
const WHATSAPP = { bridge: 8100, gateway: 21_465 };
const CLUSTER = process.env.DEMO_CLUSTER?.trim();
const STARTED = CLUSTER ? ["service", "stocktech"] : ["hub", "service", "stocktech", "appportal", "page", "avadmin"];
/** How long an order may wait for somebody who sees it, in seconds. */
const CONFIRM_WITHIN = process.env.DEMO_CONFIRM_WITHIN?.trim() || "60";
const ORIGINS = ["stocktech", "appportal", "avadmin", "nginx"].map((name) => `http://localhost:${PORTS[name]}`);
const READY_MS = 180_000;
const STOP_MS = 8_000;
const MOST_LINES = 30;

const children = new Map();
let stopping;

/**
 * Start a program whose group this script ends; its last lines are shown if it ends by itself. `heard` gets what it
 * writes.
 */
function start(name, folder, command, env, heard = () => {}) {
  const lines = [];
  const child = spawn(command[0], command.slice(1), {
    cwd: path.join(ROOT, folder),
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const keep = (text) =>
    lines.push(...String(text).trimEnd().split("\n")) > MOST_LINES && lines.splice(0, lines.length - MOST_LINES);
  child.stdout.on("data", (text) => {
    keep(text);
    heard(String(text));
  });
  child.stderr.on("data", keep);
  child.on("error", (error) => keep(error.message));
  child.on("close", (code, signal) => {
    children.delete(name);
    if (stopping) return;
    console.error(`\n${name} ended (${signal ?? `exit code ${code}`}). Its last lines:\n\n${lines.join("\n")}\n`);
    void stop(1);
  });
  children.set(name, child);
}

function stop(code) {
  return (stopping ??= (async () => {
    const signal = (name) => {
      for (const child of children.values()) {
        try {
          process.kill(-child.pid, name);
        } catch {
          // It has ended meanwhile.
        }
      }
    };
    signal("SIGTERM");
    const deadlineMs = Date.now() + STOP_MS;
    while (children.size && Date.now() < deadlineMs) await pause(50);
    signal("SIGKILL");
    process.exit(code);
  })());
}

/** Return the hub's key for push services, made once. */
function makePushKey() {
  const file = path.join(DATA, "push.pem");
  mkdirSync(DATA, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) execFileSync(HUB, ["push", "init", file], { stdio: "pipe" });
  return file;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Wait until an address responds with less than 500. */
async function ready(url) {
  const deadlineMs = Date.now() + READY_MS;
  while (Date.now() < deadlineMs) {
    const response = await fetch(url, { signal: AbortSignal.timeout(READY_MS) }).catch(() => undefined);
    await response?.body?.cancel();
    if (response && response.status < 500) return;
    await pause(200);
  }
  throw new Error(`${url} did not respond within ${READY_MS / 1000} s`);
}

function isFree(port, host) {
  return new Promise((resolve) => {
    const server = createServer()
      .once("error", (error) => resolve(error.code !== "EADDRINUSE"))
      .listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** Return what stands in the way, in plain words. */
async function findProblems() {
  const problems = [];
  if (!existsSync(HUB)) problems.push("The hub is not installed: run `make setup`.");
  if (!existsSync(path.join(EXAMPLES, "node_modules")))
    problems.push("The examples' packages are missing: run `make demo`, which installs them.");
  else if (!existsSync(path.join(EXAMPLES, "stocktech/server/dist/main.js")))
    problems.push("StockTech's service is not built: run `make demo`, which builds it.");
  else if (!existsSync(path.join(EXAMPLES, "wppconnect-bridge/dist/main.js")))
    problems.push("The WhatsApp bridge is not built: run `make demo`, which builds it.");
  const whatsapp = CLUSTER ? [] : Object.entries(WHATSAPP);
  for (const [name, port] of [...STARTED.map((name) => [name, PORTS[name]]), ...whatsapp]) {
    const free = (await isFree(port, "127.0.0.1")) && (await isFree(port, "::1"));
    if (!free) problems.push(`Port ${port} (${name}) is taken: end what listens there.`);
  }
  return problems;
}

async function run() {
  const problems = await findProblems();
  if (problems.length) {
    console.error(problems.join("\n"));
    process.exit(1);
  }
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => void stop(0));
  if (CLUSTER) return runAtCluster(path.resolve(ROOT, CLUSTER));

  console.log("Starting the hub and the example frontends");
  const hubUrl = `http://localhost:${PORTS.hub}`;
  const prepared = prepareKeys(DATA, WHATSAPP.bridge);
  start("hub", ".", [HUB, "serve", "--dev", "--port", String(PORTS.hub)], {
    ...hubEnvironment(prepared),
    HUB_DATA_DIR: DATA,
    HUB_ALLOWED_ORIGINS: ORIGINS.join(","),
    HUB_DRAIN: "1",
    HUB_PUSH_KEY_FILE: makePushKey(),
    HUB_PUSH_SUBJECT: "mailto:demo@example.com",
  });
  await ready(`${hubUrl}/health/ready`);
  const { jwt_secret: secret, service_key: key } = JSON.parse(readFileSync(path.join(DATA, "dev.json"), "utf8"));
  const server = { AVADMIN_API_URL: hubUrl, NOTIFICATION_HUB_KEY: key, JWT_SECRET: process.env.JWT_SECRET || secret };
  const wsUrl = `ws://localhost:${PORTS.hub}/ws`;
  const next = path.join(EXAMPLES, "node_modules/next/dist/bin/next");
  const node = process.execPath;

  await startWhatsapp(prepared, hubUrl);
  startShop({ ...server, NOTIFICATION_HUB_KEY: prepared.keys.stocktech }, wsUrl);
  start(
    "appportal",
    "examples/appportal",
    [node, next, "dev", "--hostname", "127.0.0.1", "--port", String(PORTS.appportal)],
    { NEXT_PUBLIC_WS_URL: wsUrl, JWT_SECRET: server.JWT_SECRET },
  );
  start("page", "examples/avadmin", [node, next, "dev", "--hostname", "127.0.0.1", "--port", String(PORTS.page)], {
    ...server,
    NEXT_PUBLIC_WS_URL: "/ws",
  });
  start("avadmin", "examples/avadmin", [node, "proxy.mjs"], {
    PORT: String(PORTS.avadmin),
    HUB_PORT: String(PORTS.hub),
    PAGE_PORT: String(PORTS.page),
  });

  await Promise.all(["stocktech", "appportal", "avadmin"].map((name) => ready(`http://localhost:${PORTS[name]}/`)));
  console.log(`
  StockTech, the seller   http://localhost:${PORTS.stocktech}/?user=seller
  StockTech, the buyer    http://localhost:${PORTS.stocktech}/?user=buyer
  AppPortal, the buyer    http://localhost:${PORTS.appportal}/
  AvAdmin, the operator   http://localhost:${PORTS.avadmin}/
  The hub                 ${hubUrl}/schema

Open the first two side by side: what one sells or buys, the other one sees.
Close the seller's page and buy something: an order that nobody saw within ${CONFIRM_WITHIN} seconds becomes a WhatsApp
message, which is shown here. More to try: examples/README.md. Ctrl-C stops everything.`);
}

/** Start StockTech's service and its page. */
function startShop(server, wsUrl) {
  start("service", "examples/stocktech/server", [process.execPath, "dist/main.js"], {
    ...server,
    DEMO_CONFIRM_WITHIN: CONFIRM_WITHIN,
    PORT: String(PORTS.service),
  });
  const vite = path.join(EXAMPLES, "node_modules/vite/bin/vite.js");
  start("stocktech", "examples/stocktech", [process.execPath, vite], {
    VITE_WS_URL: wsUrl,
    SERVICE_PORT: String(PORTS.service),
  });
}

/** Start StockTech at the proxy of a cluster that `make serve-cluster` runs. */
async function runAtCluster(file) {
  const { urls, service_key: key, jwt_secret: secret } = JSON.parse(readFileSync(file, "utf8"));
  const hubUrl = urls.at(-1);
  startShop(
    { AVADMIN_API_URL: hubUrl, NOTIFICATION_HUB_KEY: key, JWT_SECRET: secret },
    `${hubUrl.replace("http", "ws")}/ws`,
  );
  const page = `http://localhost:${PORTS.stocktech}`;
  await ready(`${page}/`);
  console.log(`
  StockTech, the seller   ${page}/?user=seller
  StockTech, the buyer    ${page}/?user=buyer
  The cluster's proxy     ${hubUrl}

Open several tabs, and kill what ${path.dirname(file)}/README.txt names. Ctrl-C stops the page.`);
}

/** Start the bridge and a gateway that sends nothing; what would be sent is printed, with how to trace it. */
async function startWhatsapp(prepared, hubUrl) {
  const { bridge: port, gateway: gatewayPort } = WHATSAPP;
  const webhook = `http://127.0.0.1:${port}/webhook/${prepared.bridgeSecret}`;
  await startGateway(gatewayPort, webhook, (phone, text) => {
    console.log(`\n  WhatsApp to +${phone} (simulated)\n    ${text.replaceAll("\n", "\n    ")}`);
  });
  const folder = process.env.HUB_DATA_DIR?.trim() ? `HUB_DATA_DIR=${DATA} ` : "";
  const env = bridgeEnvironment(prepared, { hubUrl, folder: DATA, port, gatewayPort });
  start("bridge", "examples/wppconnect-bridge", [process.execPath, "dist/main.js"], env, (text) => {
    for (const id of text.split("\n").map(readEscalated)) {
      if (id) console.log(`\n  Nobody saw an order in time. All of it: ${folder}.venv/bin/hub trace --dev ${id}`);
    }
  });
  await ready(`http://127.0.0.1:${port}/health`);
}

run().catch((error) => {
  if (stopping) return;
  console.error(error.message);
  void stop(1);
});
