/** A real hub with keys of several kinds, people who listen, a proxy that serves it under a path, and a Chromium. */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { DEADLINE_MS, findPort, Program, ROOT, until } from "../e2e/programs.mjs";

const require = createRequire(path.join(ROOT, "console/package.json"));
const { chromium } = require("playwright-core");
/** Without these Chromium asks for hosts of its vendor, which a test machine may not reach. */
const ARGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
// Chromium's own sandbox refuses to run as root.
const SANDBOX = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

export const ACCOUNT = "12345678000190";
export const USER = "00000000191";
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

const GRANTS = {
  operator: { everyone: true, operations: ["publish", "stats", "disconnect", "observe"] },
  observer: { operations: ["observe"] },
  shop: { operations: ["publish"] },
  bound: { accounts: [ACCOUNT], operations: ["publish", "observe"] },
};

const base64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Start a Chromium. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...ARGS, ...SANDBOX] });
}

export class Harness {
  /** Start a hub and a Chromium; `grants` are further service keys by name, `env` further settings. */
  static async build({ grants = {}, env = {} } = {}) {
    const harness = new Harness();
    harness.folder = await mkdtemp(path.join(os.tmpdir(), "hub-console-"));
    harness.secret = randomBytes(32).toString("hex");
    const all = { ...GRANTS, ...grants };
    harness.keys = Object.fromEntries(
      Object.keys(all).map((name) => [name, `hubk_${randomBytes(32).toString("base64url")}`]),
    );
    const keys = Object.entries(all).map(([name, grant]) => ({
      name,
      sha256: createHash("sha256").update(harness.keys[name]).digest("hex"),
      ...grant,
    }));
    await writeFile(path.join(harness.folder, "keys.json"), JSON.stringify({ keys }));
    const port = await findPort();
    harness.url = `http://127.0.0.1:${port}`;
    harness.hub = new Program(port, ".", [path.join(ROOT, ".venv/bin/hub"), "serve"]);
    harness.env = {
      HUB_PORT: String(port),
      HUB_DATA_DIR: path.join(harness.folder, "data"),
      HUB_SERVICE_KEYS_FILE: path.join(harness.folder, "keys.json"),
      HUB_DIRECTORY_URL: "off",
      HUB_ALLOWED_ORIGINS: "https://app.example.com",
      HUB_DRAIN: "0",
      JWT_SECRET: harness.secret,
      ...env,
    };
    await harness.hub.start(harness.env);
    harness.browser = await launch();
    return harness;
  }

  async close() {
    await this.browser?.close();
    await this.hub.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Return a page of a fresh profile, which notes what the policy refused and what went wrong in it. */
  async open(test, options = {}) {
    const context = await this.browser.newContext({ viewport: DESKTOP, locale: "en-US", ...options });
    context.setDefaultTimeout(DEADLINE_MS);
    test.after(() => context.close());
    const page = await context.newPage();
    const notes = { errors: [], urls: [] };
    page.on("pageerror", (error) => notes.errors.push(error.message));
    page.on("console", (message) => {
      // Chromium writes a line for each response that is a refusal; the policy's are another kind.
      if (message.type() === "error" && !/Failed to load resource/.test(message.text()))
        notes.errors.push(message.text());
    });
    page.on("dialog", (dialog) => {
      notes.errors.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => notes.urls.push(request.url()));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => console.error(`policy: ${event.violatedDirective}`));
    });
    return { page, notes, context };
  }

  /** Sign in, and wait until the page is live. */
  async signIn(page, { key = this.keys.operator, url = this.url } = {}) {
    await page.goto(`${url}/console`);
    await enterKey(page, key);
    await live(page);
  }

  async publish(fields = {}, key = this.keys.operator) {
    const body = { type: "stock_alert", title: "Estoque baixo", message: "Faltam peças", ...fields };
    if (!["user_id", "user_ids", "account_id", "everyone"].some((name) => name in body)) {
      Object.assign(body, { user_id: USER, account_id: ACCOUNT });
    }
    const answer = await fetch(`${this.url}/api/internal/notify`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (answer.status !== 202) throw new Error(`${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Return a user's token, as AvAdmin issues them. */
  token(userId = USER, accountId = ACCOUNT) {
    const claims = { user_id: userId, account_id: accountId, role: "user", exp: Math.floor(Date.now() / 1000) + 3600 };
    const signed = `${base64({ alg: "HS256", typ: "JWT" })}.${base64(claims)}`;
    return `${signed}.${createHmac("sha256", this.secret).update(signed).digest("base64url")}`;
  }

  /** Let a user listen until the test ends; `text()` is what came so far. */
  async listen(test, userId = USER, accountId = ACCOUNT) {
    const stop = new AbortController();
    test.after(() => stop.abort());
    const answer = await fetch(`${this.url}/sse`, {
      headers: { authorization: `Bearer ${this.token(userId, accountId)}` },
      signal: stop.signal,
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const listener = { text: "", ended: false };
    const read = async () => {
      for await (const part of answer.body) listener.text += Buffer.from(part).toString();
    };
    void read()
      .catch(() => {})
      .finally(() => (listener.ended = true));
    await until(() => listener.text.includes("connection_established"), "the user is connected");
    return listener;
  }

  /** Serve the hub under a path, as a proxy that knows nothing of it, until the test ends. */
  async serveUnder(test, prefix) {
    const server = http.createServer((request, response) => {
      if (!request.url.startsWith(`${prefix}/`)) {
        response.writeHead(404).end();
        return;
      }
      const onward = http.request(
        this.url + request.url.slice(prefix.length),
        { method: request.method, headers: request.headers },
        (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        },
      );
      onward.on("error", () => response.destroy());
      response.on("close", () => onward.destroy());
      request.pipe(onward);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    test.after(() => server.closeAllConnections() || server.close());
    return `http://127.0.0.1:${server.address().port}${prefix}`;
  }
}

export async function enterKey(page, key) {
  await page.locator("#key").fill(key);
  await page.locator("form button[type=submit]").click();
}

/** Wait until the page says that it is live. */
export const live = (page) => page.locator(".light.is-live").waitFor();

/** Open a view by its link. */
export async function show(page, view) {
  await page.locator(`nav a[href="#/${view}"]`).click();
  await page.locator(`nav a[href="#/${view}"][aria-current=page]`).waitFor();
}

/** Return what axe finds wrong with the page, by WCAG 2.2 A and AA and its best practices. */
export async function findInaccessible(page) {
  const source = await readFile(require.resolve("axe-core"), "utf8");
  // Past the page's policy, as the developer tools would.
  await page.evaluate(source);
  const results = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

/** Return how many pixels of the page are beyond its right edge. */
export const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
