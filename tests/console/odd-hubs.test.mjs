/** The operator's page in Chromium, before hubs that are slow, silent, large or full of hostile texts. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../e2e/programs.mjs";
import { enterKey, findInaccessible, Harness, live, overflow, PHONE, show } from "./harness.mjs";
import { INTRODUCTION, makeFigures, StandIn } from "./stand-in.mjs";

const KEY = `hubk_${"k".repeat(43)}`;
/** Texts that some layer could take for markup, code, an address or an end. */
const HOSTILE = [
  "<script>globalThis.hacked = 1</script>",
  "<img src=x onerror='globalThis.hacked=1'>",
  '"><svg onload=globalThis.hacked=1>',
  "javascript:globalThis.hacked=1",
  "{{constructor.constructor('globalThis.hacked=1')()}}",
  "\u202egnp.exe\u202c",
  "مرحبا بالعالم",
  "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤a̴̢l͖g̬o",
  "x".repeat(20_000),
  "data: x\n\nevent: y",
  "__proto__",
  "constructor",
  "",
];

/** @type {Harness} */
let hub;
before(async () => {
  hub = await Harness.build();
});
after(() => hub?.close());

async function open(t, options) {
  const standIn = await StandIn.start(t, hub.url);
  const opened = await hub.open(t, options);
  return { standIn, ...opened };
}

/** Let the page's clock run, a second at a time, until the page is live. */
async function runUntilLive(page) {
  await until(async () => {
    await page.clock.runFor(1_000);
    return (await page.locator(".light.is-live").count()) === 1;
  }, "the page is live");
}

function item(number, changes = {}) {
  return {
    id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    type: "stock_alert",
    timestamp: "2026-11-26T12:00:00.000Z",
    cursor: `memory-${number}`,
    target: { kind: "everyone" },
    connections: 1,
    bytes: 100,
    ...changes,
  };
}

test("a hub that does not respond is said to be slow, and tried again", async (t) => {
  const { page, standIn, notes } = await open(t);
  await page.clock.install();
  standIn.responds = false;
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await until(() => standIn.attempts === 1, "a first attempt");
  await page.clock.runFor(16_000);
  await page.getByText("The hub does not respond. Trying again (attempt 1)").waitFor();
  standIn.responds = true;
  await runUntilLive(page);
  assert.ok(standIn.attempts >= 2);
  assert.deepEqual(notes.errors, []);
});

test("a stream that falls silent is given up, one that is late is not", async (t) => {
  const { page, standIn } = await open(t);
  await page.clock.install();
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  const users = page.locator(".tiles > div", { hasText: "Users" }).locator("strong");
  // Beside these the page's clock runs by itself, so half of the ten seconds is left for a machine that is busy.
  for (const second of [5, 10, 15]) {
    await page.clock.runFor(5_000);
    standIn.send(makeFigures(second, { users: second }));
    await until(async () => (await users.textContent()) === String(second), "the late figures");
  }
  assert.equal(standIn.attempts, 1);
  await page.clock.runFor(12_000);
  await page.locator(".light.is-lost").waitFor();
  await runUntilLive(page);
  // On a busy machine the page's clock may pass the deadline of an attempt before its response is there.
  assert.ok(standIn.attempts >= 2);
});

test("a stream that is cut is opened again after a pause", async (t) => {
  const { page, standIn } = await open(t);
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  standIn.cut();
  await page.locator(".light.is-lost").waitFor();
  await live(page);
  assert.equal(standIn.attempts, 2);
});

test("a hundred thousand connections and a busy feed are shown, and the page stays quick", async (t) => {
  const { page, standIn, notes } = await open(t, { viewport: PHONE });
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  const accounts = Array.from({ length: 50 }, (_, rank) => ({
    account_id: `***********${rank + 10}`,
    connections: 5_000 - rank * 7,
  }));
  for (let second = 1; second <= 300; second += 1) {
    standIn.send(
      makeFigures(second, {
        connections: { total: 100_000 + second, websocket: 90_000, sse: 10_000 + second },
        users: 98_765,
        accounts: 1_234,
        largest_accounts: accounts,
        published: { stock_alert: second * 1_000 },
        deliveries: { websocket: second * 90_000, sse: second * 10_000 },
        durations: { publish_to_disk: { counts: [0, second * 100, 7, 0, 0], sum_seconds: second } },
        log: { first: 1, head: 10_000_000, bytes: 4 * 2 ** 30, writable: true, damaged: 0 },
      }),
      { type: "feed", items: Array.from({ length: 50 }, (_, each) => item(second * 100 + each)), skipped: 950 },
    );
  }
  const connections = page.locator(".tiles > div", { hasText: "Connections" }).locator("strong");
  await until(async () => (await connections.textContent()) === "100,300", "the newest figures");
  assert.match(await page.locator(".tiles").textContent(), /98,765.*1,000 per second.*100,000 per second.*4 GiB/s);
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await findInaccessible(page), []);
  await show(page, "feed");
  await page.getByText("200 shown of 300,000").waitFor();
  assert.equal(await page.locator(".scroll tbody tr").count(), 200);
  assert.equal(await overflow(page), 0);
  await show(page, "connections");
  assert.equal(await page.locator("table.narrow tbody tr").count(), 50);
  assert.deepEqual(notes.errors, []);
});

test("hostile texts are shown as texts", async (t) => {
  const { page, standIn, notes } = await open(t, { viewport: PHONE });
  standIn.opening = [{ ...INTRODUCTION, service: HOSTILE[0], version: HOSTILE[1] }, makeFigures(0)];
  const counts = Object.fromEntries(HOSTILE.map((text, index) => [text, index + 1]));
  const items = HOSTILE.map((text, number) =>
    item(number, { id: text, type: text, timestamp: text, target: { kind: "user", account_id: text, user_id: text } }),
  );
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  const accounts = HOSTILE.map((text) => ({ account_id: text, connections: 1 }));
  const figures = { refused: counts, problems: counts, directory: HOSTILE[1], largest_accounts: accounts };
  standIn.send(makeFigures(1, figures), { type: "unknown", text: HOSTILE[0] }, { type: "feed", items, skipped: 0 });
  await page.locator("tr", { hasText: HOSTILE[0] }).first().waitFor();
  assert.equal(await overflow(page), 0);
  await show(page, "feed");
  await until(async () => (await page.locator(".scroll tbody tr").count()) === HOSTILE.length, "every row");
  assert.ok((await page.locator("main").textContent()).includes(HOSTILE[0]));
  await page.locator(".controls select").first().selectOption(HOSTILE[4]);
  assert.equal(await page.locator(".scroll tbody tr").count(), 1);
  assert.equal(await overflow(page), 0);
  const trace = {
    id: HOSTILE[0],
    type: HOSTILE[1],
    targets: [{ kind: "user", user_id: HOSTILE[5], account_id: HOSTILE[8] }],
    target_count: 1,
    accepted: { service: HOSTILE[2], at: "2026-11-26T12:00:00.000Z" },
    stored: { cursor: HOSTILE[3], position: 1, at: "2026-11-26T12:00:00.000Z" },
    expired: false,
    counted_since: "2026-11-26T12:00:00.000Z",
    trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
    superseded: { by: HOSTILE[3] },
    awaited: [{ user: { kind: "user", user_id: HOSTILE[0] }, by: "read", deadline: HOSTILE[1] }],
    escalated: [
      { user: { kind: "user", user_id: HOSTILE[8] }, by: "read", deadline: "2026-11-26T12:00:00.000Z", at: HOSTILE[8] },
    ],
    webhooks: [{ id: "w-1", service: HOSTILE[0], event: HOSTILE[1], state: "dead", attempts: 9 }],
    unknown: [{ step: "read", why: HOSTILE[0] }],
  };
  standIn.routes.set("/api/internal/notifications/x", trace);
  await show(page, "trace");
  await page.getByLabel("Id of the notification").fill("x");
  await page.getByRole("button", { name: "Show" }).click();
  await page.locator(".steps").waitFor();
  const steps = await page.locator(".steps").textContent();
  assert.match(steps, /Superseded.*Confirmation awaited.*until.*Not confirmed in time.*Webhooks.*dead.*Attempts 9/s);
  assert.ok((await page.locator("main").textContent()).includes("4bf92f3577b34da6a3ce929d0e0e4736"));
  assert.equal(await overflow(page), 0);
  await show(page, "connections");
  await page.locator("table.narrow").waitFor();
  assert.equal(await overflow(page), 0);
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.equal(
    await page.evaluate(() => document.querySelectorAll("main script, main img, main svg[onload]").length),
    0,
  );
  assert.deepEqual(notes.errors, []);
});

test("a hub without schemas takes a publish as JSON", async (t) => {
  const { page, standIn } = await open(t);
  standIn.routes.set("/api/internal/notify", { id: "n-1", cursor: "c-1", duplicate: false, connections: 3 });
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  await show(page, "publish");
  await page.getByText("The hub does not serve its schemas").waitFor();
  await page.getByLabel("Body").fill('{"type": "stock_alert"}');
  await page.locator("form.publish button[type=submit]").click();
  await page.getByText("Published", { exact: true }).waitFor();
});

test("webhooks are listed by state and sent again by a key that may", async (t) => {
  const { page, standIn, notes } = await open(t, { viewport: PHONE });
  const webhook = (id, changes) => ({
    id,
    event: "notification.unconfirmed",
    service: "shop",
    notification_id: "00000000-0000-4000-8000-000000000001",
    user: { kind: "user", user_id: "*********91", account_id: "************90" },
    state: "dead",
    created_at: "2026-11-26T12:00:00.000Z",
    attempts: 9,
    last_attempts: [{ at: "2026-11-26T12:30:00.000Z", outcome: "503" }],
    ...changes,
  });
  const hostile = webhook("w-2", { service: HOSTILE[0], last_attempts: [{ at: HOSTILE[1], outcome: HOSTILE[8] }] });
  const list = "/api/internal/webhooks";
  standIn.routes.set(`${list}?state=dead`, { webhooks: [webhook("w-1", {}), hostile], more: true });
  const next = { state: "waiting", next_attempt_at: "2026-11-26T12:45:00.000Z", attempts: 1 };
  standIn.routes.set(`${list}?state=waiting`, { webhooks: [webhook("w-3", next)], more: false });
  standIn.routes.set(`${list}?state=waiting&service=stock`, { webhooks: [], more: false });
  standIn.routes.set(`${list}/w-1/repeat`, { id: "w-1", state: "waiting" });
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  await show(page, "webhooks");
  const rows = page.locator(".scroll tbody tr");
  await until(async () => (await rows.count()) === 2, "the dead ones");
  assert.match(await rows.first().textContent(), /w-1.*notification\.unconfirmed.*shop.*\*91.*9.*503/s);
  await page.getByText("There are more; these are the first.").waitFor();
  // This key may look and not repeat.
  assert.equal(await page.getByRole("button", { name: "Send again" }).count(), 0);
  assert.equal(await rows.getByText("needs the operation “webhooks”").count(), 2);
  assert.equal(await overflow(page), 0);
  standIn.opening = [{ ...INTRODUCTION, operations: ["observe", "webhooks"] }, makeFigures(1)];
  standIn.cut();
  await page.locator(".light.is-lost").waitFor();
  await live(page);
  await page.getByRole("button", { name: "Send again w-1" }).click();
  await page.getByText("It is sent again.").waitFor();
  assert.ok(await page.getByRole("button", { name: "Send again w-1" }).isDisabled());
  // What the hub refuses is said beside it.
  await page.getByRole("button", { name: "Send again w-2" }).click();
  await rows.nth(1).getByText("not_found").waitFor();
  assert.deepEqual(await findInaccessible(page), []);
  await page.getByLabel("State").selectOption("waiting");
  await until(async () => /next at/.test(await rows.first().textContent()), "the waiting one");
  await page.getByLabel("Service (optional)").fill("stock");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("There are none.").waitFor();
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
  assert.deepEqual(
    notes.errors.filter((error) => !error.includes("404")),
    [],
  );
});

test("Web Push is shown in figures, or said to be off", async (t) => {
  const { page, standIn } = await open(t, { viewport: PHONE });
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  await show(page, "push");
  await page.getByText("This hub has no Web Push.").waitFor();
  standIn.routes.set("/api/internal/push", {
    subscriptions: 12_345,
    users: 10_000,
    sending: 3,
    waiting: 2,
    behind: true,
    outcomes: { delivered: 99, [HOSTILE[0]]: 1, nothing: 0 },
    failures: { 429: 7 },
    services: [{ origin: `https://${HOSTILE[8]}.example`, sending: 3 }],
  });
  await page.getByRole("button", { name: "Refresh" }).click();
  await page.getByText("The hub reads from its log what is still to be sent.").waitFor();
  assert.match(await page.locator(".tiles").textContent(), /12,345.*10,000.*3.*2/s);
  const tables = await page.locator(".pair").textContent();
  assert.match(tables, /delivered99.*<script>.*4297/s);
  assert.doesNotMatch(tables, /nothing/);
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await findInaccessible(page), []);
});

test("the relays of outboxes are shown as they report", async (t) => {
  const { page, standIn, notes } = await open(t, { viewport: PHONE });
  const relay = {
    service: HOSTILE[0],
    instance: "9f2c5d0e81b3a467",
    at: "2026-11-26T12:00:00.000Z",
    overdue: false,
    waiting_rows: 1_234,
    dead_rows: 0,
    oldest_waiting_seconds: 75,
    published: 5,
  };
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  await show(page, "outbox");
  await page.getByText("No relay of an outbox has reported to this hub.").waitFor();
  standIn.send(makeFigures(1, { relays: [relay] }));
  const row = page.locator(".scroll tbody tr");
  await row.waitFor();
  assert.match(await row.textContent(), /<script>.*1,234.*75 s.*0.*5/s);
  assert.doesNotMatch(await page.locator("main").textContent(), /overdue|hub relay --dead/);
  standIn.send(makeFigures(2, { relays: [{ ...relay, overdue: true, dead_rows: 3 }] }));
  await row.getByText("overdue").waitFor();
  await page.getByText("hub relay --dead").waitFor();
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await findInaccessible(page), []);
  assert.deepEqual(notes.errors, []);
});

test("the nodes of a cluster are shown as they tell of themselves", async (t) => {
  const { page, standIn, notes } = await open(t, { viewport: PHONE });
  const connections = { total: 1_234, websocket: 1_234, sse: 0, durable_streams: 0 };
  const node = (changes) => ({
    node: "hub-0",
    state: "ready",
    version: "9.9.9",
    connections,
    users: 7,
    applied: 9,
    lag: 0,
    nats: "connected",
    uptimeSeconds: 7_200,
    seenSeconds: 0.5,
    ...changes,
  });
  await page.goto(`${standIn.url}/console`);
  await enterKey(page, KEY);
  await live(page);
  assert.equal(await page.getByRole("heading", { name: "Nodes" }).count(), 0);
  const away = node({ node: HOSTILE[0], state: "silent", nats: "disconnected", lag: 3 });
  standIn.send(makeFigures(1, { nodes: [node({}), away] }));
  const rows = page.getByRole("region", { name: "Nodes" }).locator("tbody tr");
  await rows.nth(1).waitFor();
  assert.match(await rows.nth(0).textContent(), /hub-0.*Ready.*9\.9\.9.*1,234.*7.*0.*connected.*2 h/s);
  assert.match(await rows.nth(1).textContent(), /<script>.*silent.*3.*disconnected/s);
  assert.equal(await overflow(page), 0);
  assert.deepEqual(await findInaccessible(page), []);
  assert.deepEqual(notes.errors, []);
});
