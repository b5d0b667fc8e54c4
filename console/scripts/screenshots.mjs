/** Takes the pictures of the console and of the dashboard for the documentation: a real hub with some traffic, in Chromium. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ACCOUNT, DESKTOP, Harness, live, show, USER } from "../../tests/console/harness.mjs";
import { findPort, ROOT, until } from "../../tests/e2e/programs.mjs";
import { draw, watch } from "./dashboard.mjs";
import { report, serveOutside, subscribe } from "./outside.mjs";

const FOLDER = path.join(ROOT, "docs/operations");
/** Pictures of the dashboard: from the row `first` up to the row `last`. */
const DASHBOARD = {
  now: { first: "Now", last: "Trouble" },
  latency: { first: "Latency", last: "Outbox relay" },
};
/** How long the charts are filled before the picture. */
const TRAFFIC_MS = 75_000;
const TYPES = ["order_created", "stock_alert", "payment_confirmed", "order_updated"];
/** A machine that is busy is slow with three pages that show so much. */
const PATIENCE_MS = 180_000;
/** Users who are never connected, so what is for them is pushed, or nobody confirms it. */
const AWAY = Array.from({ length: 12 }, (_, number) => `000000003${number + 10}`);
const RELAYS = [
  { instance: "9f2c5d0e81b3a467", published: 48_213 },
  { instance: "1b7e90a4c2d85f36", published: 7_904, waiting_rows: 37, oldest_waiting_seconds: 94, dead_rows: 2 },
];

const scratch = await mkdtemp(path.join(os.tmpdir(), "hub-pictures-"));
const ending = [];
const scene = { after: (end) => ending.push(end) };
const outside = await serveOutside(scratch);
const webhook = (status, event) => ({
  operations: ["publish"],
  webhook: {
    url: `${outside.url}/${status}/hub`,
    secret: `whsec_${randomBytes(32).toString("base64")}`,
    events: [event],
    allow_private: true,
  },
});
execFileSync(path.join(ROOT, ".venv/bin/hub"), ["push", "init", path.join(scratch, "push.pem")], { stdio: "ignore" });
const metricsPort = await findPort();
const hub = await Harness.build({
  grants: {
    maria: { everyone: true, operations: ["publish", "stats", "disconnect", "observe", "webhooks"] },
    orders: webhook(410, "notification.unconfirmed"),
    billing: webhook(500, "notification.unconfirmed"),
  },
  env: {
    HUB_PUSH_KEY_FILE: path.join(scratch, "push.pem"),
    HUB_PUSH_SUBJECT: "mailto:ops@example.com",
    HUB_PUSH_ALLOW_PRIVATE: "on",
    HUB_PUSH_AFTER: "0",
    HUB_METRICS_PORT: String(metricsPort),
    SSL_CERT_FILE: outside.certificate,
    NO_PROXY: "localhost",
  },
});
const picture = (page, name) => page.screenshot({ path: path.join(FOLDER, `console-${name}.png`) });
/** Publish to users who are away; several of them have browsers whose push service responds with this. */
const pushTo = (users) =>
  hub.publish({ type: "order_created", title: "t", message: "m", user_ids: users, account_id: ACCOUNT });

const prometheus = await watch(scratch, metricsPort);
scene.after(prometheus.end);

try {
  for (let user = 0; user < 24; user += 1)
    await hub.listen(scene, `000000002${user + 10}`, user % 3 ? ACCOUNT : "45678");
  await hub.listen(scene);
  const statuses = [201, 201, 201, 201, 201, 410, 429, 429, "silence", "silence", "silence", 201];
  for (const [number, user] of AWAY.entries())
    await subscribe(hub, user, `${outside.url}/${statuses[number]}/${number}`);
  const confirm = { within_seconds: 10, by: "delivered" };
  for (const [number, user] of AWAY.entries()) {
    const to = { user_id: user, account_id: ACCOUNT, title: "t", message: "m", confirm };
    if (number < 5) await hub.publish({ type: "stock_alert", ...to }, hub.keys[number < 3 ? "orders" : "billing"]);
  }
  for (let round = 0; round < 6; round += 1) await pushTo(AWAY.slice(0, 8));
  for (const [number, name] of ["orders", "billing"].entries()) await report(hub, hub.keys[name], RELAYS[number]);
  const wide = await hub.open(scene, { viewport: DESKTOP, colorScheme: "light" });
  const low = await hub.open(scene, { viewport: { width: 1280, height: 560 }, colorScheme: "light" });
  const phone = await hub.open(scene, { viewport: { width: 390, height: 780 }, colorScheme: "dark" });
  for (const { context } of [wide, low, phone]) context.setDefaultTimeout(PATIENCE_MS);
  for (const { page } of [wide, low, phone]) await hub.signIn(page, { key: hub.keys.maria });
  const endMs = Date.now() + TRAFFIC_MS;
  let number = 0;
  while (Date.now() < endMs) {
    const wave = 6 + 5 * Math.sin(number / 60);
    for (let each = 0; each < wave; each += 1) {
      const target = number % 5 === 0 ? { account_id: ACCOUNT } : { user_id: USER, account_id: ACCOUNT };
      await hub.publish({ type: TYPES[number % TYPES.length], title: "t", message: "m", ...target });
      number += 1;
    }
    if (number % 11 === 0) await fetch(`${hub.url}/sse`);
    if (number % 7 === 0) await hub.listen(scene, `000000004${String(number).padStart(2, "0").slice(-2)}`, ACCOUNT);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  const dashboard = await (await wide.context.browser().newContext()).newPage();
  for (const [name, rows] of Object.entries(DASHBOARD)) {
    await draw(dashboard, prometheus.url, rows);
    await dashboard.screenshot({ path: path.join(FOLDER, `dashboard-${name}.png`) });
  }
  await live(wide.page);
  await picture(wide.page, "overview");
  await show(phone.page, "feed");
  await until(async () => (await phone.page.locator(".scroll tbody tr").count()) > 8, "rows", PATIENCE_MS);
  await picture(phone.page, "feed-phone");

  const { page } = low;
  await show(page, "webhooks");
  await until(async () => (await page.locator(".scroll tbody tr").count()) === 3, "dead letters", PATIENCE_MS);
  await picture(page, "webhooks");
  for (const [number, name] of ["orders", "billing"].entries()) await report(hub, hub.keys[name], RELAYS[number]);
  await show(page, "outbox");
  await until(async () => (await page.locator(".scroll tbody tr").count()) === 2, "relays", PATIENCE_MS);
  await picture(page, "outbox");
  await pushTo(AWAY.slice(8, 11));
  await show(page, "push");
  await until(
    async () => {
      await page.locator(".controls button").click();
      return (await page.getByText(outside.url).count()) > 0;
    },
    "a push service with messages on their way",
    PATIENCE_MS,
  );
  await picture(page, "push");
} finally {
  for (const end of ending.reverse()) await end();
  await hub.close();
  outside.close();
  await rm(scratch, { recursive: true, force: true });
}
