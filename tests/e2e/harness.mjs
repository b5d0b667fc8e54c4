/** A real hub, StockTech's service and its built page, and a Chromium to look at it with. */
import { createRequire } from "node:module";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { DEADLINE_MS, findPort, Program, ROOT, run, sign, until } from "./programs.mjs";

// The browser's driver is a package of the examples, since it drives their pages.
export const { chromium } = createRequire(path.join(ROOT, "examples/package.json"))("playwright-core");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** Without these Chromium asks for hosts of its vendor, which a test machine may not reach. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const VITE = path.join(ROOT, "examples/node_modules/vite/bin/vite.js");
/** The demo users of `hub serve --dev`. */
const BUYER = { user_id: "00000000001", account_id: "00000000000101" };
export const SELLER = { user_id: "00000000002", account_id: "00000000000202" };

// Chromium's own sandbox refuses to run as root.
const SANDBOX = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
export const LAUNCH = { executablePath: CHROMIUM, args: [...QUIET, ...SANDBOX] };

/** Start a Chromium. */
export function launch() {
  return chromium.launch(LAUNCH);
}

/** Everything a browser test needs, each a process on a port of its own. */
export class Harness {
  static async build() {
    const harness = new Harness();
    harness.folder = await mkdtemp(path.join(os.tmpdir(), "hub-e2e-"));
    const [hubPort, servicePort, pagePort] = [await findPort(), await findPort(), await findPort()];
    harness.page = `http://localhost:${pagePort}`;
    harness.hubUrl = `http://localhost:${hubPort}`;
    harness.hub = new Program(hubPort, ".", [
      path.join(ROOT, ".venv/bin/hub"),
      "serve",
      "--dev",
      "--port",
      String(hubPort),
    ]);
    harness.service = new Program(servicePort, "examples/stocktech/server", [process.execPath, "dist/main.js"]);
    const dist = path.join(harness.folder, "page");
    harness.web = new Program(pagePort, "examples/stocktech", [
      process.execPath,
      VITE,
      "preview",
      "--outDir",
      dist,
      "--host",
      "127.0.0.1",
      "--port",
      String(pagePort),
    ]);
    harness.env = {
      HUB_DATA_DIR: path.join(harness.folder, "data"),
      HUB_ALLOWED_ORIGINS: harness.page,
      HUB_DRAIN: "0",
      HUB_JWT_LEEWAY: "0",
      WS_HEARTBEAT_INTERVAL: "1",
    };
    await Promise.all([
      harness.hub.start(harness.env),
      run("examples/stocktech", [process.execPath, VITE, "build", "--logLevel", "warn", "--outDir", dist], {
        VITE_WS_URL: `ws://localhost:${hubPort}/ws`,
      }),
    ]);
    const secrets = JSON.parse(await readFile(path.join(harness.folder, "data/dev.json"), "utf8"));
    harness.key = secrets.service_key;
    harness.secret = secrets.jwt_secret;
    harness.serviceEnv = {
      AVADMIN_API_URL: harness.hubUrl,
      NOTIFICATION_HUB_KEY: harness.key,
      JWT_SECRET: secrets.jwt_secret,
      PORT: String(servicePort),
    };
    await Promise.all([
      harness.service.start(harness.serviceEnv),
      harness.web.start({ SERVICE_PORT: String(servicePort) }),
    ]);
    harness.browser = await launch();
    return harness;
  }

  async close() {
    await this.browser?.close();
    await Promise.all([this.web.stop(), this.service.stop(), this.hub.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Return a fresh browser profile, closed when the test ends. */
  async profile(test) {
    const context = await this.browser.newContext();
    context.setDefaultTimeout(DEADLINE_MS);
    // Wait until the last profile's connections are closed, so that each test counts only its own.
    await until(async () => (await this.stats()).totalConnections === 0, "no connection is left");
    test.after(() => context.close());
    for (const user of [SELLER, BUYER]) await this.empty(user);
    return context;
  }

  /** Archive what a user has at the hub, so that each test sees its own notifications alone. */
  async empty(user) {
    const token = await this.token(user);
    for (;;) {
      const { notifications } = await this.ask("GET", "/api/inbox?limit=100", undefined, token);
      if (!notifications.length) return;
      await this.ask("POST", "/api/inbox", { archive: notifications.map(({ id }) => id) }, token);
    }
  }

  /** Return a user's token, as AvAdmin issues them. */
  token(user = SELLER) {
    const exp = Math.floor(Date.now() / 1000) + 60;
    return sign({ sub: user.user_id, ...user, role: "user", exp }, this.secret);
  }

  /** Publish `stock_alert`s to the seller with these messages, in order. */
  async publish(...messages) {
    for (const message of messages) {
      await this.ask("POST", "/api/internal/notify", {
        type: "stock_alert",
        title: "Estoque baixo",
        message,
        ...SELLER,
      });
    }
  }

  stats() {
    return this.ask("GET", "/api/internal/ws-stats");
  }

  async ask(method, where, body, token = this.key) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(this.hubUrl + where, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Open the page of one user and wait until it says that it is live. */
  async open(context, user = "seller") {
    const page = await context.newPage();
    await page.goto(`${this.page}/?user=${user}`);
    await live(page);
    return page;
  }
}

/** Wait until the connection's light is green. */
export const live = (page) => page.locator(".light.is-connected").waitFor();

/** Return the messages in the bell's list, oldest first. */
export async function readBell(page) {
  const button = page.locator(".bell-button");
  if ((await button.getAttribute("aria-expanded")) === "false") await button.click();
  const more = page.locator(".more:not([hidden], [aria-disabled=true])");
  if (await more.isVisible()) await more.click();
  return (await page.locator(".bell-list p").allTextContents()).reverse();
}

/** Wait until the bell's list holds as many messages, and return them, oldest first. */
export async function waitForBell(page, count) {
  let read = [];
  await until(async () => (read = await readBell(page)).length >= count, `${count} messages in the bell`).catch(
    (error) => {
      throw new Error(`${error.message}; there were ${JSON.stringify(read)}`);
    },
  );
  return read;
}

/** Wait for a toast with this title, and return its message. */
export async function waitForToast(page, title) {
  const toast = page.locator(".toast", { has: page.getByText(title, { exact: true }) }).first();
  return toast.locator("p").textContent();
}
