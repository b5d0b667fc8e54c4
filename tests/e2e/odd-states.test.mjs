/** The client in Chromium: in pages that hang or that the browser denies something, in a worker, and in Node. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { DEADLINE_MS, findPort, Program, ROOT, sign, until } from "./programs.mjs";
import { chromium, launch, LAUNCH, SELLER } from "./harness.mjs";

const esbuild = createRequire(path.join(ROOT, "clients/package.json"))("esbuild");
const TEST_MS = 90_000;
/** A leader is asked after 8 to 12 s of silence, and has 3 to 4.5 s to respond. */
const TAKEOVER_MS = 40_000;

const harness = {};

before(
  async () => {
    harness.folder = await mkdtemp(path.join(os.tmpdir(), "hub-odd-"));
    const client = await bundle("browser", `export * from "./index.ts"`);
    harness.served = new Map([["/client.js", client]]);
    harness.server = createServer((request, response) => {
      const script = harness.served.get(new URL(request.url, "http://page").pathname);
      response.setHeader("content-type", script ? "text/javascript" : "text/html");
      response.end(script ?? `<!doctype html><title>page</title><script type="module">${PAGE}</script>`);
    });
    await new Promise((listening) => harness.server.listen(0, "127.0.0.1", listening));
    harness.page = `http://127.0.0.1:${harness.server.address().port}`;
    const port = await findPort();
    harness.hubUrl = `http://127.0.0.1:${port}`;
    harness.hub = new Program(port, ".", [path.join(ROOT, ".venv/bin/hub"), "serve", "--dev", "--port", String(port)]);
    await harness.hub.start({
      HUB_DATA_DIR: path.join(harness.folder, "data"),
      HUB_ALLOWED_ORIGINS: harness.page,
      HUB_DRAIN: "0",
      WS_HEARTBEAT_INTERVAL: "2",
    });
    const { service_key, jwt_secret } = JSON.parse(await readFile(path.join(harness.folder, "data/dev.json"), "utf8"));
    harness.key = service_key;
    harness.token = await sign(
      { sub: SELLER.user_id, ...SELLER, role: "user", exp: Math.floor(Date.now() / 1000) + 86_400 },
      jwt_secret,
    );
    harness.browser = await launch();
  },
  { timeout: TEST_MS },
);
after(async () => {
  await harness.browser?.close();
  await harness.hub?.stop();
  harness.server?.close();
  await rm(harness.folder, { recursive: true, force: true });
});

/** What every page has: the client, the events of its handlers, and each status. */
const PAGE = `
  import * as client from "/client.js";
  window.start = (url, token, options = {}) => {
    window.seen = [];
    window.gaps = 0;
    const hub = (window.hub = client.createHub({ url, getToken: () => token, ...options }));
    hub.onAny(({ message }) => seen.push(message));
    hub.on("gap", () => gaps++);
    hub.connect();
  };
  window.ready = true;
`;

async function bundle(workspace, contents) {
  const resolveDir = path.join(ROOT, "clients", workspace, "src");
  const { outputFiles } = await esbuild.build({
    stdin: { contents, resolveDir, loader: "ts" },
    bundle: true,
    format: "esm",
    write: false,
  });
  return outputFiles[0].text;
}

async function ask(method, where, body) {
  const headers = { authorization: `Bearer ${harness.key}`, "content-type": "application/json" };
  const answer = await fetch(harness.hubUrl + where, {
    method,
    headers,
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  assert.ok(answer.ok, `${where}: ${answer.status}`);
  return answer.json();
}

async function publish(...messages) {
  for (const message of messages)
    await ask("POST", "/api/internal/notify", { type: "cart_updated", title: "t", message, ...SELLER });
}

/** Return a profile of its own, closed with the test. */
async function profile(t, context) {
  context ??= await harness.browser.newContext();
  context.setDefaultTimeout(DEADLINE_MS);
  t.after(() => context.close());
  return context;
}

async function open(context) {
  const page = await context.newPage();
  await page.goto(harness.page);
  await page.waitForFunction("window.ready");
  return page;
}

/** Open a page with the client, and wait until it is connected. */
async function connect(context, options = {}) {
  const page = await open(context);
  await page.evaluate(([url, token, given]) => start(url, token, given), [harness.hubUrl, harness.token, options]);
  await page.waitForFunction("hub.status.state === 'connected'");
  return page;
}

/** Wait until a page's handlers were called with this, and nothing else. */
async function waitToSee(page, expected, deadlineMs = DEADLINE_MS) {
  let seen = [];
  await until(
    async () => (seen = await page.evaluate("seen")).length >= expected.length,
    `${expected} in ${seen}`,
    deadlineMs,
  );
  assert.deepEqual(seen, expected);
  assert.equal(await page.evaluate("gaps"), 0);
}

const standingStill = {
  "an alert open": async (page) => {
    let dialog;
    page.on("dialog", (open) => (dialog = open));
    page.evaluate("alert('Confirma?')").catch(() => undefined);
    await until(() => dialog, "the alert");
    return () => dialog.accept();
  },
  "a debugger attached": async (page) => {
    const tools = await page.context().newCDPSession(page);
    await tools.send("Debugger.enable");
    const paused = new Promise((resolve) => tools.once("Debugger.paused", resolve));
    page.evaluate("debugger").catch(() => undefined);
    await paused;
    return () => tools.send("Debugger.resume");
  },
  "the browser's word that it is frozen": async (page) => {
    const tools = await page.context().newCDPSession(page);
    await tools.send("Page.setWebLifecycleState", { state: "frozen" });
    return () => tools.send("Page.setWebLifecycleState", { state: "active" });
  },
  "a loop that is busy for long": async (page) => {
    page
      .evaluate("(() => { for (const until = Date.now() + 20_000; Date.now() < until; ); })()")
      .catch(() => undefined);
    return () => undefined;
  },
};

for (const [state, enter] of Object.entries(standingStill)) {
  test(`a tab that holds the connection with ${state} stops no other tab, and delivers no duplicate when it is back`, {
    timeout: TEST_MS,
  }, async (t) => {
    const context = await profile(t);
    const pages = [await connect(context), await connect(context), await connect(context)];
    await publish("1");
    for (const page of pages) await waitToSee(page, ["1"]);
    assert.equal((await ask("GET", "/api/internal/ws-stats")).totalConnections, 1);
    const leave = await enter(pages[0]);
    await publish("2", "3");
    for (const page of pages.slice(1)) await waitToSee(page, ["1", "2", "3"], TAKEOVER_MS);
    await leave();
    await publish("4");
    for (const page of pages) await waitToSee(page, ["1", "2", "3", "4"], TAKEOVER_MS);
    await until(
      async () => (await ask("GET", "/api/internal/ws-stats")).totalConnections === 1,
      "one connection again",
      TAKEOVER_MS,
    );
  });
}

test("a tab that crashes is replaced by another one", { timeout: TEST_MS }, async (t) => {
  const context = await profile(t);
  const [first, second] = [await connect(context), await connect(context)];
  const crashed = new Promise((resolve) => first.once("crash", resolve));
  first.goto("chrome://crash").catch(() => undefined);
  await crashed;
  await publish("after");
  await waitToSee(second, ["after"], TAKEOVER_MS);
});

test("a browser that denies site data, and so locks and storage, connects all the same", {
  timeout: TEST_MS,
}, async (t) => {
  const folder = path.join(harness.folder, "denied");
  await mkdir(path.join(folder, "Default"), { recursive: true });
  await writeFile(
    path.join(folder, "Default/Preferences"),
    JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }),
  );
  const context = await profile(t, await chromium.launchPersistentContext(folder, LAUNCH));
  const page = await open(context);
  const denied = await page.evaluate("navigator.locks.request('x', () => 1).then(String, ({ name }) => name)");
  assert.equal(denied, "SecurityError");
  const [one, two] = [await connect(context), await connect(context)];
  await publish("1");
  for (const tab of [one, two]) await waitToSee(tab, ["1"]);
});

test("an opaque origin gets the status that it is not allowed, and no error", { timeout: TEST_MS }, async (t) => {
  const page = await open(await profile(t));
  const state = await page.evaluate(
    async ([url, token, code]) => {
      const told = new Promise((resolve) => addEventListener("message", ({ data }) => resolve(data)));
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      frame.srcdoc =
        `<script type="module">${code}
        const hub = createHub({ url: ${JSON.stringify(url)}, getToken: () => ${JSON.stringify(token)} });
        hub.subscribe(() => hub.status.state === "closed" && parent.postMessage(hub.status.reason.code, "*"));
        hub.connect();</` + "script>";
      document.body.append(frame);
      return told;
    },
    [harness.hubUrl, harness.token, harness.served.get("/client.js")],
  );
  assert.equal(state, "forbidden");
});

for (const transport of ["sse", "poll"]) {
  test(`a page whose requests are traced and carry credentials works over ${transport}`, {
    timeout: TEST_MS,
  }, async (t) => {
    const page = await open(await profile(t));
    await page.evaluate(() => {
      const plain = window.fetch;
      const traced = {
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        baggage: "a=b",
        "sentry-trace": "1-2-0",
        "x-of-tomorrow": "1",
      };
      window.fetch = (url, { headers, ...rest } = {}) =>
        plain(url, { ...rest, credentials: "include", headers: { ...headers, ...traced } });
    });
    await page.evaluate(
      ([url, token, transports]) => start(url, token, { transports }),
      [harness.hubUrl, harness.token, [transport]],
    );
    await page.waitForFunction("hub.status.state === 'connected'");
    await publish("traced");
    await waitToSee(page, ["traced"], TAKEOVER_MS);
  });
}

test("a browser's own EventSource works with credentials and without", { timeout: TEST_MS }, async (t) => {
  const page = await open(await profile(t));
  for (const withCredentials of [false, true]) {
    const opened = await page.evaluate(
      ([address, credentials]) =>
        new Promise((resolve) => {
          const source = new EventSource(address, { withCredentials: credentials });
          source.onopen = () => resolve("open") ?? source.close();
          source.onerror = () => resolve("error") ?? source.close();
        }),
      [`${harness.hubUrl}/sse?token=${harness.token}`, withCredentials],
    );
    assert.equal(opened, "open");
  }
});

test("EventSource with tickets, as documented, survives breaks and misses nothing", { timeout: TEST_MS }, async (t) => {
  const manual = await readFile(path.join(ROOT, "docs/concepts/authentication.md"), "utf8");
  const [, snippet] = /```js\n(async function listen.*?)```/s.exec(manual);
  const page = await open(await profile(t));
  await page.evaluate(
    ([code, url, token]) => {
      const fetchTicket = async () => {
        const answer = await fetch(`${url}/api/ticket`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}` },
        });
        return (await answer.json()).ticket;
      };
      window.greetings = 0;
      window.heard = [];
      const handle = ({ type, id, message }) => {
        if (type === "connection_established") greetings++;
        else if (id) heard.push(message);
      };
      new Function("hub", "fetchTicket", "handle", `${code}; listen(hub, fetchTicket, handle)`)(
        url,
        fetchTicket,
        handle,
      );
    },
    [snippet, harness.hubUrl, harness.token],
  );
  const expected = [];
  for (const count of [1, 2, 3]) {
    await page.waitForFunction((wanted) => greetings === wanted, count);
    // One live, one while there is no connection.
    for (const message of [`${count}`, `${count}, away`]) {
      await publish(message);
      expected.push(message);
      if (message === `${count}`) {
        await page.waitForFunction((wanted) => heard.length === wanted, expected.length);
        await ask("POST", "/api/internal/disconnect", { user_id: SELLER.user_id, account_id: SELLER.account_id });
      }
    }
  }
  await page.waitForFunction((wanted) => heard.length >= wanted, expected.length);
  assert.deepEqual(await page.evaluate("heard"), expected);
});

test("a worker connects, and shares with the page", { timeout: TEST_MS }, async (t) => {
  harness.served.set(
    "/worker.js",
    await bundle(
      "browser",
      `import { createHub } from "./index.ts";
       const hub = createHub({ url: ${JSON.stringify(harness.hubUrl)}, getToken: () => ${JSON.stringify(harness.token)} });
       hub.onAny(({ message }) => postMessage(message));
       hub.subscribe(() => hub.status.state === "connected" && postMessage("connected"));
       hub.connect();`,
    ),
  );
  const page = await connect(await profile(t));
  await page.evaluate(() => {
    window.told = [];
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => told.push(data);
  });
  await page.waitForFunction("told.includes('connected')");
  await publish("for both");
  await waitToSee(page, ["for both"]);
  await page.waitForFunction("told.includes('for both')");
  assert.equal((await ask("GET", "/api/internal/ws-stats")).totalConnections, 1);
});

test("a device that goes offline shows it at once, in every tab, and misses nothing", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await profile(t);
  const pages = [await connect(context), await connect(context)];
  await publish("1");
  for (const page of pages) await waitToSee(page, ["1"]);
  await context.setOffline(true);
  for (const page of pages)
    await page.waitForFunction("hub.status.state === 'reconnecting' && hub.status.reason.code === 'offline'");
  await publish("2");
  await context.setOffline(false);
  for (const page of pages) await waitToSee(page, ["1", "2"]);
});

test("a hub that hangs is noticed though no connection is closed, and nothing is missed", {
  timeout: TEST_MS,
}, async (t) => {
  const page = await connect(await profile(t));
  await publish("1");
  await waitToSee(page, ["1"]);
  harness.hub.signal("SIGSTOP");
  try {
    await page.waitForFunction("hub.status.state === 'reconnecting'");
  } finally {
    harness.hub.signal("SIGCONT");
  }
  await publish("2");
  await waitToSee(page, ["1", "2"], TAKEOVER_MS);
});

test("Node connects too", { timeout: TEST_MS }, async (t) => {
  const file = path.join(harness.folder, "client.mjs");
  await writeFile(file, harness.served.get("/client.js"));
  const { createHub } = await import(file);
  const hub = createHub({ url: harness.hubUrl, getToken: () => harness.token });
  t.after(() => hub.close());
  const seen = [];
  hub.onAny(({ message }) => seen.push(message));
  hub.connect();
  await until(() => hub.status.state === "connected", "a connection");
  await publish("to Node");
  await until(() => seen.length, "the notification");
  assert.deepEqual(seen, ["to Node"]);
});
