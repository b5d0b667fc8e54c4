/** Pages with the bell: one on a real hub, and one whose inbox and connection are what a test makes of them. */
import { createReadStream } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { DEADLINE_MS, findPort, Program, ROOT, sign } from "./programs.mjs";
import { launch, SELLER } from "./harness.mjs";

const require = createRequire(path.join(ROOT, "clients/bell/package.json"));
const esbuild = require("esbuild");

/** The strictest policy that a page may have: no styles and no scripts but the page's files, no HTML from texts. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src *";
const STRICT = { "content-security-policy": `${POLICY}; require-trusted-types-for 'script'` };
const STYLES =
  "body{margin:0;font:16px sans-serif;color:#222;background:#fff}header{display:flex;justify-content:end;padding:8px}.wide{block-size:200vh}a{color:inherit}@media(prefers-color-scheme:dark){body{color:#eee;background:#111}}";

/** The inbox of the page `/stand-in`, in place of the client's. */
const STAND_IN = `
  export const EMPTY_VIEW = { notifications: [], unreadCount: 0, unreadMore: false, more: false, shared: false };
  export const EMPTY_ARCHIVE = { notifications: [], more: false, state: "ready" };
  export const inboxOf = (hub) => hub.inbox;
`;
const STAND_IN_PAGE = `
  import "./index.ts";
  const listeners = { inbox: new Set(), hub: new Set(), any: new Set(), chosen: new Set(), archived: new Set() };
  const tell = (which, ...args) => { for (const listener of [...listeners[which]]) listener(...args); };
  const add = (which) => (listener) => (listeners[which].add(listener), () => listeners[which].delete(listener));
  let items = [], older = [];
  let archive = { notifications: [], more: false, state: "ready" };
  let chosen = { available: false, muted: [], types: [] };
  const state = {
    /** Put as many notifications into the inbox; the newest is the first. */
    fill: (count, fields = {}) => {
      items = Array.from({ length: count }, (_, index) => make(count - index, fields));
      tell("inbox");
    },
    keepOlder: (count) => { older = Array.from({ length: count }, (_, index) => make(-index, {})); tell("inbox"); },
    receive: (fields = {}) => {
      const item = make(items.length + older.length + 1000, fields);
      items = [item, ...items];
      tell("any", item);
      tell("inbox");
    },
    change: (id, flags) => change((item) => item.id === id, flags),
    status: (status) => { hub.status = { state: "connected", transport: "ws", attempt: 0, retryAt: null, reason: null, ...status }; tell("hub"); },
    /** Say what is in the archive, and whether it is loaded. */
    keepArchived: (now) => { archive = { ...archive, ...now }; tell("archived"); },
    /** Offer preferences: these types, of which the first is mandatory. */
    offer: (...types) => {
      chosen = { available: true, muted: [], types: types.map((type, index) => ({ type, mandatory: !index, muted: false })) };
      tell("chosen");
    },
    choose: async (type, muted) => {
      if (state.refuses) throw new Error("refused");
      chosen = { ...chosen, types: chosen.types.map((one) => (one.type === type ? { ...one, muted } : one)) };
      tell("chosen");
    },
    chosen: () => chosen.types.filter(({ muted }) => muted).map(({ type }) => type),
  };
  const make = (number, fields) => ({
    id: "id" + number, type: "order_created", title: "Pedido " + number, message: "Mensagem " + number, cursor: "c" + number,
    timestamp: new Date(Date.now() - 60_000 * (1 + Math.abs(number) % 90)).toISOString(), read: false, archived: false, ...fields,
  });
  const change = (matches, flags) => { items = items.map((item) => (matches(item) ? { ...item, ...flags } : item)); tell("inbox"); };
  const drop = (matches) => {
    state.keepArchived({ notifications: [...items.filter(matches), ...archive.notifications] });
    items = items.filter((item) => !matches(item));
    tell("inbox");
  };
  const inbox = {
    get view() {
      return { notifications: items, unreadCount: [...items, ...older].filter(({ read }) => !read).length, unreadMore: false, more: older.length > 0, shared: true };
    },
    open: () => () => undefined,
    subscribe: add("inbox"),
    markRead: (id) => change((item) => item.id === id, { read: true }),
    markUnread: (id) => change((item) => item.id === id, { read: false }),
    markAllRead: () => change(() => true, { read: true }),
    archive: (id) => drop((item) => item.id === id),
    remove: (id) => drop((item) => item.id === id),
    clear: () => drop(() => true),
    loadMore: async () => {
      await new Promise((done) => setTimeout(done, 50));
      items = [...items, ...older.splice(0, 30)];
      tell("inbox");
    },
    archived: {
      get view() { return archive; },
      open: () => ((state.following = true), () => { state.following = false; }),
      subscribe: add("archived"),
      loadMore: async () => state.keepArchived({ notifications: [...archive.notifications, make(-100, {})], more: false, state: "ready" }),
    },
    preferences: {
      get view() { return chosen; },
      open: () => () => undefined,
      subscribe: add("chosen"),
      mute: (type) => state.choose(type, true),
      unmute: (type) => state.choose(type, false),
    },
  };
  const hub = {
    inbox, identity: "someone", status: { state: "connected", transport: "ws", attempt: 0, retryAt: null, reason: null },
    retried: 0, connect: () => undefined, close: () => undefined, reconnect: () => (hub.retried += 1),
    subscribe: add("hub"), onAny: add("any"), on: () => () => undefined, onSignal: () => () => undefined,
  };
  window.opened = [];
  addEventListener("notification-open", (event) => { opened.push(event.detail.notification.id); if (window.takeOver) event.preventDefault(); });
  window.bell = document.querySelector("notification-bell");
  bell.hub = hub;
  Object.assign(window, { state, hub });
`;
const REAL_PAGE = `
  import "./index.ts";
  import { createHub } from "@notification-hub/client";
  import { inboxOf } from "@notification-hub/client/inbox";
  window.bell = document.querySelector("notification-bell");
  const [url, token] = [bell.dataset.url, bell.dataset.token];
  window.hub = bell.hub = createHub({ url, getToken: () => token });
  window.inbox = inboxOf(hub);
`;

/** Start Debian's Firefox. */
export function launchFirefox() {
  return createRequire(path.join(ROOT, "examples/package.json"))("puppeteer-core").launch({
    browser: "firefox",
    executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
    headless: true,
    extraPrefsFirefox: {
      // It would ask for hosts of its maker's, which a test machine may not reach.
      "network.captive-portal-service.enabled": false,
      "network.connectivity-service.enabled": false,
      // Tab goes to links too, as it does on the other systems.
      "accessibility.tabfocus": 7,
    },
  });
}

async function bundle(contents, standIn) {
  const client = path.join(ROOT, "clients/browser/src");
  const plugin = {
    name: "client",
    setup: (build) => {
      build.onResolve({ filter: /^@notification-hub\/client/ }, ({ path: name }) => {
        const entry = name.replace("@notification-hub/client", "").slice(1) || "index";
        if (entry === "inbox" && standIn) return { path: "inbox", namespace: "stand-in" };
        return { path: path.join(client, `${entry}.ts`) };
      });
      build.onLoad({ filter: /.*/, namespace: "stand-in" }, () => ({ contents: STAND_IN }));
    },
  };
  const resolveDir = path.join(ROOT, "clients/bell/src");
  const options = { bundle: true, format: "esm", write: false, plugins: [plugin] };
  const { outputFiles } = await esbuild.build({ stdin: { contents, resolveDir, loader: "ts" }, ...options });
  return outputFiles[0].text;
}

/** A page as a server renders it with React's component, before any script. */
async function renderServer() {
  const { renderTemplate } = await import(path.join(ROOT, "clients/bell/dist/template.js"));
  const template = renderTemplate({ language: "en", nonce: "once" });
  return `<!doctype html><html lang="en"><title>server</title><notification-bell>${template}</notification-bell>`;
}

/** The page of the package's README, as a stranger copies it; the packages are served as they are built. */
async function renderReadme(hubUrl) {
  const text = await readFile(path.join(ROOT, "clients/bell/README.md"), "utf8");
  const [element, map] = [...text.matchAll(/```html\n(.*?)```/gs)].map(([, html]) => html);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>readme</title>${map}${element}`.replace(
    "wss://hub.example.com/ws",
    `${hubUrl.replace("http", "ws")}/ws`,
  );
}

/** The page of an address: its query has the document's language and direction, and the bell's attributes. */
function render(url, script) {
  const query = new URLSearchParams(url.searchParams);
  const [lang, dir] = [query.get("lang") ?? "pt-BR", query.get("dir") ?? "ltr"];
  for (const name of ["lang", "dir"]) query.delete(name);
  const attributes = [...query].map(([name, value]) => ` ${name}="${value}"`).join("");
  return `<!doctype html><html lang="${lang}" dir="${dir}"><head><meta charset="utf-8"><title>page</title>
    <meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
    <script type="module" src="${script}"></script></head>
    <body><header><a href="#before">before</a><notification-bell${attributes}></notification-bell><a href="#after">after</a></header>
    <main><h1>Page</h1><p>Text</p><div class="wide"></div></main></body></html>`;
}

export class BellHarness {
  /** Build it; `env` are settings of the hub. */
  static async build(env = {}) {
    const harness = new BellHarness();
    harness.folder = await mkdtemp(path.join(os.tmpdir(), "hub-bell-"));
    const files = new Map([
      ["/stand-in.js", await bundle(STAND_IN_PAGE, true)],
      ["/real.js", await bundle(REAL_PAGE, false)],
      ["/page.css", STYLES],
    ]);
    harness.server = createServer((request, response) => {
      const url = new URL(request.url, "http://page");
      const file = files.get(url.pathname);
      const [, name, module] = /^\/(bell|client)\/(.+\.js)$/.exec(url.pathname) ?? [];
      if (name) {
        const built = path.join(ROOT, "clients", name === "bell" ? "bell" : "browser", "dist", module);
        response.writeHead(200, { "content-type": "text/javascript" });
        createReadStream(built).pipe(response);
        return;
      }
      if (url.pathname === "/api/token") return response.end(harness.token);
      if (url.pathname === "/server") {
        const policy = POLICY.replace("style-src 'self'", "style-src 'nonce-once'");
        response.writeHead(200, { "content-type": "text/html", "content-security-policy": policy });
        return void renderServer().then((page) => response.end(page));
      }
      if (url.pathname === "/readme") {
        response.writeHead(200, { "content-type": "text/html" });
        return void renderReadme(harness.hubUrl).then((page) => response.end(page));
      }
      const type = url.pathname.endsWith(".js")
        ? "text/javascript"
        : url.pathname.endsWith(".css")
          ? "text/css"
          : "text/html";
      response.writeHead(200, { "content-type": type, ...STRICT });
      response.end(file ?? render(url, url.pathname === "/real" ? "/real.js" : "/stand-in.js"));
    });
    await new Promise((listening) => harness.server.listen(0, "127.0.0.1", listening));
    harness.page = `http://127.0.0.1:${harness.server.address().port}`;
    const port = await findPort();
    harness.hubUrl = `http://127.0.0.1:${port}`;
    harness.hub = new Program(port, ".", [path.join(ROOT, ".venv/bin/hub"), "serve", "--dev", "--port", String(port)]);
    harness.env = {
      HUB_DATA_DIR: path.join(harness.folder, "data"),
      HUB_ALLOWED_ORIGINS: harness.page,
      HUB_DRAIN: "0",
      ...env,
    };
    await harness.hub.start(harness.env);
    const { service_key, jwt_secret } = JSON.parse(await readFile(path.join(harness.folder, "data/dev.json"), "utf8"));
    harness.key = service_key;
    harness.secret = jwt_secret;
    harness.token = await harness.sign(SELLER);
    harness.axe = await readFile(require.resolve("axe-core"), "utf8");
    harness.browser = await launch();
    return harness;
  }

  async close() {
    await this.browser?.close();
    await this.hub?.stop();
    this.server?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Open a page in a fresh profile; what goes wrong in it, or against its policy, is in `errors`. */
  async open(test, where = "/stand-in", options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 700 }, ...options });
    context.setDefaultTimeout(DEADLINE_MS);
    test.after(() => context.close());
    const page = await context.newPage();
    const errors = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
    page.on("dialog", (dialog) => {
      errors.push(dialog.message());
      void dialog.dismiss();
    });
    await page.goto(this.page + where);
    await page.waitForFunction("window.hub && bell.shadowRoot");
    return { page, errors };
  }

  /** Return a user's token, as AvAdmin issues them. */
  sign(user) {
    const exp = Math.floor(Date.now() / 1000) + 86_400;
    return sign({ sub: user.user_id, ...user, role: "user", exp }, this.secret);
  }

  /** Return the address of the page on the real hub. */
  get real() {
    return this.realOf(this.token);
  }

  realOf(token) {
    return `/real?${new URLSearchParams({ "data-url": this.hubUrl, "data-token": token })}`;
  }

  async publish(fields) {
    const answer = await fetch(`${this.hubUrl}/api/internal/notify`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json" },
      body: JSON.stringify({
        type: "stock_alert",
        title: "Estoque baixo",
        message: "Faltam peças",
        ...SELLER,
        ...fields,
      }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
  }

  /** Return what axe finds wrong with a page, by WCAG 2.2 A and AA and its best practices. */
  async findInaccessible(page) {
    if (!(await page.evaluate("'axe' in window"))) await page.evaluate(this.axe);
    const { violations } = await page.evaluate(() =>
      globalThis.axe.run(document, {
        resultTypes: ["violations"],
        runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      }),
    );
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
  }
}

/** Return a word for what has the focus: the control's name or text, or the page's. */
export const focused = (page) =>
  page.evaluate(() => {
    const inner = bell.shadowRoot.activeElement;
    const row = inner?.closest("li")?.dataset.id;
    const name =
      inner?.getAttribute("aria-label") ?? inner?.textContent.trim() ?? document.activeElement.textContent.trim();
    return row ? `${row} ${inner.dataset.action}` : name;
  });
