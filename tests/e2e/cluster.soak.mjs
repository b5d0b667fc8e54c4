/** `make serve-cluster` under a person's eyes: tabs in Chromium, ten notifications a second, `kill -9` of any process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { launch, SELLER } from "./harness.mjs";
import { findPort, pause, ROOT, sign, until } from "./programs.mjs";

const esbuild = createRequire(path.join(ROOT, "clients/bell/package.json"))("esbuild");
const START_MS = 120_000;
const TEST_MS = 15 * 60_000;
const TABS = 3;
const KILLS = 12;
const PUBLISH_EVERY_MS = 100;
/** An election, the deadline of a publish, and a busy machine. */
const PUBLISH_MS = 60_000;
const CATCH_UP_MS = 60_000;
const MEMBERS = ["nats-1", "nats-2", "nats-3", "hub-1", "hub-2", "hub-3"];
const SCRIPT = `
  import { createHub } from "@notification-hub/client";
  const { url, token } = Object.fromEntries(new URLSearchParams(location.search));
  window.seen = [];
  window.gaps = 0;
  window.hub = createHub({ url, getToken: () => token });
  hub.onAny(({ id, message }) => seen.push({ id, message }));
  hub.on("gap", () => (gaps += 1));
  hub.subscribe(() => { document.title = hub.status.state + ", " + hub.status.transport; });
  hub.connect();
`;
let browser, cluster, folder, page, server, target;
let output = "";

async function bundle() {
  const client = path.join(ROOT, "clients/browser/src/index.ts");
  const plugin = {
    name: "client",
    setup: (build) => build.onResolve({ filter: /^@notification-hub\/client$/ }, () => ({ path: client })),
  };
  const stdin = { contents: SCRIPT, resolveDir: path.join(ROOT, "clients/bell/src") };
  const { outputFiles } = await esbuild.build({ stdin, bundle: true, format: "esm", write: false, plugins: [plugin] });
  return outputFiles[0].text;
}

before(
  async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "hub-cluster-"));
    const script = await bundle();
    server = createServer((request, response) => {
      const isScript = request.url === "/page.js";
      response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
      response.end(
        isScript ? script : '<!doctype html><title>page</title><script type="module" src="/page.js"></script>',
      );
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    page = `http://127.0.0.1:${server.address().port}`;
    const port = await findPort();
    const command = ["-m", "tests.cluster.serve", "--port", port, "--folder", folder, "--origin", page];
    cluster = spawn(path.join(ROOT, ".venv/bin/python"), command, { cwd: ROOT });
    cluster.stdout.on("data", (text) => (output += text));
    cluster.stderr.on("data", (text) => (output += text));
    await until(
      () => {
        if (cluster.exitCode !== null) throw new Error(output);
        return output.includes("Ctrl-C ends everything");
      },
      "what to kill",
      START_MS,
    );
    target = JSON.parse(await readFile(path.join(folder, "cluster.json"), "utf8"));
    browser = await launch();
  },
  { timeout: START_MS },
);

after(async () => {
  await browser?.close();
  server?.close();
  if (cluster && cluster.exitCode === null) {
    const ended = once(cluster, "exit");
    cluster.kill("SIGINT");
    await ended;
  }
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** Publish until there is a receipt; return where the notification is in the log, and how long that took. */
async function publish(message) {
  const beganMs = performance.now();
  const body = { type: "stock_alert", title: "Estoque baixo", message, ...SELLER };
  for (;;) {
    const response = await fetch(`${target.urls.at(-1)}/api/internal/notify`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${target.service_key}`,
        "content-type": "application/json",
        "idempotency-key": message,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(PUBLISH_MS),
    }).catch(() => undefined);
    const receipt = await response?.json().catch(() => undefined);
    const tookMs = performance.now() - beganMs;
    if (response?.status === 202 && receipt) {
      const position = Number.parseInt(receipt.cursor.split("-").at(-1), 36);
      return { id: receipt.id, message, position, tookMs };
    }
    assert.ok(tookMs < PUBLISH_MS, `${message} was not acknowledged: ${response?.status}`);
    await pause(100);
  }
}

const readPid = async (name) => Number(await readFile(path.join(folder, `${name}.pid`), "utf8").catch(() => "0"));

/** Kill a process as a person does, and wait until another is in its place. */
async function kill(name) {
  const pid = await readPid(name);
  process.kill(pid, "SIGKILL");
  const isBack = async () => ![0, pid].includes(await readPid(name));
  await until(isBack, `${name} again`, START_MS);
}

test("three tabs miss nothing, get nothing twice and in order, while any process is killed", {
  timeout: TEST_MS,
}, async (t) => {
  const token = await sign(
    { sub: SELLER.user_id, ...SELLER, role: "user", exp: Math.floor(Date.now() / 1000) + 86_400 },
    target.jwt_secret,
  );
  const query = new URLSearchParams({ url: target.urls.at(-1), token });
  // Two tabs share a connection; the third is another browser of the user's.
  const contexts = [await browser.newContext(), await browser.newContext()];
  const tabs = [];
  for (let tab = 0; tab < TABS; tab += 1) {
    const opened = await contexts[tab < TABS - 1 ? 0 : 1].newPage();
    await opened.goto(`${page}/?${query}`);
    await opened.waitForFunction("window.hub?.status.state === 'connected'", undefined, { timeout: START_MS });
    tabs.push(opened);
  }

  let isOver = false;
  const publishing = [];
  const publisher = (async () => {
    for (let number = 1; !isOver; number += 1) {
      publishing.push(publish(`m${number}`));
      await pause(PUBLISH_EVERY_MS);
    }
  })();
  const order = Array.from({ length: KILLS }, (_, index) => MEMBERS[index % MEMBERS.length]);
  order.sort(() => Math.random() - 0.5);
  for (const name of order) {
    await pause(1_000 + Math.random() * 4_000);
    await kill(name);
  }
  await pause(5_000);
  isOver = true;
  await publisher;
  const published = await Promise.all(publishing);

  published.sort((one, other) => one.position - other.position);
  const expected = published.map(({ id }) => id);
  for (const [number, tab] of tabs.entries()) {
    const read = () => tab.evaluate("({ ids: seen.map(({ id }) => id), gaps, title: document.title })");
    let found = await read();
    await until(
      async () => (found = await read()).ids.length >= expected.length,
      `tab ${number + 1}`,
      CATCH_UP_MS,
    ).catch(() => undefined);
    const missing = expected.filter((id) => !found.ids.includes(id));
    assert.deepEqual([found.ids, found.gaps], [expected, 0], `tab ${number + 1}, ${found.title}: ${missing} missing`);
  }
  const longestMs = Math.max(...published.map(({ tookMs }) => tookMs));
  t.diagnostic(
    `cluster in Chromium: ${KILLS} kills (${order.join(", ")}), ${published.length} notifications in each of ${TABS} tabs, ` +
      `once and in order; the longest publish took ${(longestMs / 1000).toFixed(1)} s`,
  );
});
