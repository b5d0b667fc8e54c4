/** The operator's page in Chromium, on a real hub. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { until } from "../e2e/programs.mjs";
import { ACCOUNT, enterKey, findInaccessible, Harness, live, overflow, PHONE, show, USER } from "./harness.mjs";

/** @type {Harness} */
let hub;
before(async () => {
  hub = await Harness.build();
});
after(() => hub?.close());

const VIEWS = ["overview", "feed", "trace", "explain", "publish", "webhooks", "push", "outbox", "connections"];
const tile = (page, name) => page.locator(".tiles > div", { hasText: name }).locator("strong");
const rows = (page) => page.locator(".scroll tbody tr");

test("the overview follows what happens", async (t) => {
  const { page, notes } = await hub.open(t);
  await hub.signIn(page);
  await until(async () => (await tile(page, "Connections").textContent()) === "0", "no connection");
  await hub.listen(t);
  await until(async () => (await tile(page, "Connections").textContent()) === "1", "one connection");
  assert.equal(await tile(page, "Users").textContent(), "1");
  await hub.publish();
  const disk = page.locator(".chart", { hasText: "Publish to disk" });
  await until(async () => /p99 [\d.]+ m?s/.test(await disk.locator(".legend").textContent()), "a latency");
  assert.match(await disk.locator("svg[role=img]").getAttribute("aria-label"), /p50: [\d.]+ m?s/);
  await fetch(`${hub.url}/sse`);
  await page.locator("tr", { hasText: "unauthenticated" }).first().waitFor();
  // What alerts tell of as well: a shape that was not declared, a gap, and how a connection ended.
  await hub.publish({ data: { productName: [1] } });
  const headers = { authorization: `Bearer ${hub.token()}`, "last-event-id": "aaaaaaaaaa-7" };
  await (await fetch(`${hub.url}/sse`, { headers })).body.cancel();
  for (const code of ["stock_alert.productName", "gap", "1006"])
    await page.locator("th code").getByText(code, { exact: true }).waitFor();
  assert.match(await page.locator(".conditions").textContent(), /Ready.*Log writable/);
  assert.deepEqual(notes.errors, []);
});

test("the feed shows, filters, pauses and leads to the trace", async (t) => {
  const { page, notes } = await hub.open(t);
  await hub.signIn(page);
  await show(page, "feed");
  await page.getByText("Nothing was published since").waitFor();
  await hub.listen(t);
  const { id } = await hub.publish({ title: "<img src=x onerror=alert(1)>" });
  await hub.publish({
    type: "order_created",
    user_id: undefined,
    user_ids: undefined,
    account_id: "nobody",
    title: "t",
  });
  await until(async () => (await rows(page).count()) === 2, "two rows");
  const row = rows(page).filter({ hasText: "stock_alert" });
  assert.match(await row.textContent(), /User \*{9}91 \*{12}90/);
  assert.equal(await row.locator("td.number").first().textContent(), "1");
  await page.getByLabel("Only those that nobody was connected for").check();
  assert.equal(await rows(page).count(), 1);
  await page.getByLabel("Only those that nobody was connected for").uncheck();
  await page.locator(".controls select").first().selectOption("stock_alert");
  assert.equal(await rows(page).count(), 1);
  await page.getByRole("button", { name: "Pause" }).click();
  await hub.publish();
  await page.getByText("1 came while paused").waitFor();
  assert.equal(await rows(page).count(), 1);
  await page.getByRole("button", { name: "Go on" }).click();
  await until(async () => (await rows(page).count()) === 2, "the row that came meanwhile");
  await page.getByLabel("contains").fill(id);
  await rows(page).getByRole("button").click();
  await page.locator(".steps").waitFor();
  assert.match(await page.locator(".steps").textContent(), /Accepted.*operator.*Stored.*Dispatched.*Event stream 1/s);
  assert.ok((await page.locator("main").textContent()).includes(id));
  assert.deepEqual(notes.errors, []);
});

test("a notification that is gone is said to be gone", async (t) => {
  const { page } = await hub.open(t);
  await hub.signIn(page);
  await show(page, "trace");
  await page.getByLabel("Id of the notification").fill("../../notify?x=<b>");
  await page.getByRole("button", { name: "Show" }).click();
  await page.getByText("The hub has no notification with this id").waitFor();
});

test("a publish is made of the type's schema and arrives", async (t) => {
  const { page, notes } = await hub.open(t);
  const listener = await hub.listen(t);
  await hub.signIn(page);
  await show(page, "publish");
  await page.locator("form.publish > label select").selectOption("stock_alert");
  await page.getByRole("button", { name: "Fill with the example" }).click();
  await page.getByLabel("Title").fill("مرحبا <script>alert(1)</script>");
  await page.getByLabel("currentStock").fill("three");
  await page.getByLabel("User id").fill(USER);
  await page.getByLabel("Account id (optional)").fill(ACCOUNT);
  await page.locator("form.publish button[type=submit]").click();
  await page.getByText("This is not a value of the field data.currentStock").waitFor();
  await page.getByLabel("currentStock").fill("3");
  await page.locator("form.publish button[type=submit]").click();
  await page.getByText("Published", { exact: true }).waitFor();
  await until(() => listener.text.includes('"currentStock":3'), "the notification");
  assert.ok(listener.text.includes("مرحبا <script>alert(1)</script>"));
  // What the hub refuses is said with its code and field.
  await page.getByLabel("Time to live in seconds").fill("0");
  await page.locator("form.publish button[type=submit]").click();
  const problem = page.locator(".box.is-bad");
  await problem.waitFor();
  assert.match(await problem.textContent(), /invalid_field.*\$\.ttl_seconds/s);
  // The form's JSON is what was sent, and can be changed.
  await page.getByLabel("Time to live in seconds").fill("60");
  await page.getByRole("button", { name: "JSON", exact: true }).click();
  const body = JSON.parse(await page.getByLabel("Body").inputValue());
  assert.deepEqual([body.type, body.user_id, body.ttl_seconds, body.data.currentStock], ["stock_alert", USER, 60, 3]);
  await page.getByLabel("Body").fill("{");
  await page.locator("form.publish button[type=submit]").click();
  await page.getByText("This is not valid JSON.").waitFor();
  assert.deepEqual(notes.errors, []);
});

test("an explanation publishes nothing and says why", async (t) => {
  const { page, notes } = await hub.open(t);
  const listener = await hub.listen(t);
  await hub.signIn(page);
  await show(page, "explain");
  await page.getByLabel("Title").fill("secreto");
  await page.getByLabel("Message").fill("m");
  await page.getByLabel("User id", { exact: true }).fill(USER);
  await page.getByLabel("Account id (optional)").first().fill(ACCOUNT);
  await page.getByLabel("Why would this user get it").fill(USER);
  await page.getByLabel("The account of this user").fill(ACCOUNT);
  await page.getByRole("button", { name: "Explain without publishing" }).click();
  await page.getByText("The hub would accept it.").waitFor();
  await page.getByText("The user gets it at once.").waitFor();
  await page.locator("fieldset select").first().selectOption("account");
  await page.getByLabel("Account id", { exact: true }).fill("elsewhere");
  await page.getByRole("button", { name: "Explain without publishing" }).click();
  await page.getByText("The user does not get it.").waitFor();
  assert.ok(!listener.text.includes("secreto"));
  assert.deepEqual(notes.errors, []);
});

test("one user's connections are found, and closed after a question", async (t) => {
  const { page, notes } = await hub.open(t);
  const [listener, other] = [await hub.listen(t), await hub.listen(t, "00000000272")];
  await hub.signIn(page);
  await show(page, "connections");
  await until(async () => /\*{12}90\s*2/.test(await page.locator("table.narrow").textContent()), "the account");
  await page.getByLabel("User id").fill(USER.slice(0, -1));
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("This user has no open connection.").waitFor();
  await page.getByLabel("User id").fill(USER);
  await page.getByRole("button", { name: "Find" }).click();
  await until(async () => (await rows(page).count()) === 1, "the connection");
  assert.match(await rows(page).textContent(), /Event stream.*plain.*live.*user/s);
  const button = page.getByRole("button", { name: "Disconnect this user" });
  await button.click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
  assert.ok(!listener.ended);
  await button.click();
  await page.getByRole("dialog").getByRole("button", { name: "Disconnect", exact: true }).click();
  await page.getByText("Closed connections: 1").waitFor();
  await page.getByText("This user has no open connection.").waitFor();
  await until(() => listener.ended, "the user's connection is closed");
  assert.ok(!other.ended);
  assert.deepEqual(
    notes.urls.filter((url) => url.includes(USER)),
    [],
  );
  assert.deepEqual(notes.errors, []);
});

test("the key is in no address, cookie or storage, and a reload forgets it", async (t) => {
  const { page, notes, context } = await hub.open(t);
  await hub.signIn(page);
  for (const view of VIEWS) await show(page, view);
  assert.deepEqual(
    notes.urls.filter((url) => url.includes("hubk_")),
    [],
  );
  assert.deepEqual(await context.cookies(), []);
  const kept = await page.evaluate(async () => [
    localStorage.length + sessionStorage.length,
    (await indexedDB.databases()).length,
    (await caches.keys()).length,
    history.state,
    document.documentElement.outerHTML.includes("hubk_"),
  ]);
  assert.deepEqual(kept, [0, 0, 0, null, false]);
  await page.reload();
  await page.locator("#key").waitFor();
  assert.equal(await page.locator("#key").inputValue(), "");
});

test("a sign-out ends the stream", async (t) => {
  const { page } = await hub.open(t);
  await hub.signIn(page);
  const ended = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/api/internal/observe"));
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("#key").waitFor();
  await ended;
});

test("a key that may not look is told why", async (t) => {
  const { page, notes } = await hub.open(t);
  await page.goto(`${hub.url}/console`);
  const message = page.getByRole("alert");
  await enterKey(page, "secret");
  await until(async () => /not a service key/.test(await message.textContent()), "no key at all");
  await enterKey(page, `hubk_${"x".repeat(43)}`);
  await until(async () => /does not know this key/.test(await message.textContent()), "an unknown key");
  await enterKey(page, hub.keys.shop);
  await until(async () => /does not allow the operation “observe”/.test(await message.textContent()), "no observe");
  await enterKey(page, hub.keys.bound);
  await until(async () => /limited to some accounts/.test(await message.textContent()), "a bound key");
  assert.deepEqual(await findInaccessible(page), []);
  assert.deepEqual(notes.errors, []);
});

test("what a key may not do is not offered", async (t) => {
  const { page } = await hub.open(t);
  await hub.listen(t);
  await hub.signIn(page, { key: hub.keys.observer });
  await show(page, "publish");
  await page.getByText("does not allow the operation “publish”").waitFor();
  assert.equal(await page.locator("form.publish").count(), 0);
  await show(page, "connections");
  await page.getByLabel("User id").fill(USER);
  await page.getByRole("button", { name: "Find" }).click();
  await page.getByText("does not allow the operation “disconnect”").waitFor();
  assert.equal(await page.getByRole("button", { name: "Disconnect this user" }).count(), 0);
});

test("a hub that was killed is missed, and found again", async (t) => {
  const { page, notes } = await hub.open(t);
  await hub.signIn(page);
  // Of a hub that is killed before its first figures nothing can stay on the page.
  await page.locator(".tiles").waitFor();
  await hub.hub.kill();
  await page.locator(".light.is-lost").waitFor();
  await page.getByText(/Connection lost. Trying again \(attempt \d+\)/).waitFor();
  assert.match(await page.locator(".tiles").textContent(), /Connections/);
  await hub.hub.start(hub.env);
  await live(page);
  await hub.listen(t);
  await until(async () => (await tile(page, "Connections").textContent()) === "1", "figures of the new hub");
  assert.deepEqual(notes.errors, []);
});

test("the page works under the path of a proxy", async (t) => {
  const { page, notes } = await hub.open(t);
  const url = await hub.serveUnder(t, "/tools/hub");
  await hub.signIn(page, { url });
  await show(page, "publish");
  await page.getByRole("button", { name: "Fill with the example" }).waitFor();
  assert.deepEqual(
    notes.urls.filter((each) => !each.startsWith(`${url}/`) && !each.startsWith("data:")),
    [],
  );
  assert.deepEqual(notes.errors, []);
});

test("everything can be done with the keyboard alone", async (t) => {
  const { page } = await hub.open(t);
  await hub.listen(t);
  await page.goto(`${hub.url}/console`);
  const press = (...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());
  const focused = () =>
    page.evaluate(() => {
      const { activeElement } = document;
      return activeElement === document.body ? "" : activeElement.id || activeElement.textContent;
    });
  const tabTo = async (text) => {
    for (let step = 0; step < 60 && !(await focused()).includes(text); step += 1) await press("Tab");
    assert.ok((await focused()).includes(text), `no way to ${text}`);
  };
  await tabTo("key");
  await page.keyboard.insertText(hub.keys.operator);
  await press("Enter");
  await live(page);
  await tabTo("Skip to the content");
  await press("Enter");
  assert.equal(await focused(), "Overview");
  await page.locator("nav a").first().focus();
  await tabTo("Connections");
  await press("Enter");
  // The link that was pressed has the same text as the heading, which takes the focus in the next frame.
  await page.locator("h1:focus", { hasText: "Connections" }).waitFor();
  await press("Tab");
  await page.keyboard.insertText(USER);
  await press("Enter");
  await until(async () => (await rows(page).count()) === 1, "the connection");
  await tabTo("Disconnect this user");
  await press("Enter");
  await page.getByRole("dialog").waitFor();
  await press("Escape");
  await until(async () => (await focused()) === "Disconnect this user", "the focus is back");
  await press("Enter");
  // What has the focus before the dialog is there begins with the same word.
  await page.getByRole("dialog").waitFor();
  await until(async () => (await focused()) !== "Disconnect this user", "the dialog has the focus");
  await tabTo("Disconnect");
  assert.equal(await focused(), "Disconnect");
  await press("Enter");
  await page.getByText("Closed connections: 1").waitFor();
});

for (const [colorScheme, locale, viewport] of [
  ["light", "en-US", undefined],
  ["dark", "pt-BR", PHONE],
]) {
  test(`axe finds nothing in ${colorScheme}, in ${locale}, on ${viewport ? "a phone" : "a desktop"}`, async (t) => {
    const { page, notes } = await hub.open(t, { colorScheme, locale, ...(viewport && { viewport }) });
    await page.goto(`${hub.url}/console`);
    assert.deepEqual(await findInaccessible(page), []);
    await enterKey(page, hub.keys.operator);
    await live(page);
    assert.equal(await page.locator("html").getAttribute("lang"), locale === "pt-BR" ? "pt-BR" : "en");
    await hub.listen(t);
    const { id } = await hub.publish();
    for (const view of VIEWS) {
      await show(page, view);
      if (view === "overview") await page.locator(".tiles").waitFor();
      if (view === "feed") await rows(page).first().waitFor();
      if (view === "trace") {
        await page.locator("main input").fill(id);
        await page.locator("main button[type=submit]").click();
        await page.locator(".steps").waitFor();
      }
      if (view === "explain" || view === "publish") await page.locator("form.publish fieldset").first().waitFor();
      if (view === "webhooks") await page.locator("main [aria-live] > :not(.is-bad)").first().waitFor();
      if (view === "push") await page.locator("main .box, main .tiles").first().waitFor();
      if (view === "connections") {
        await page.locator("main input").first().fill(USER);
        await page.locator("main button[type=submit]").click();
        await rows(page).first().waitFor();
      }
      assert.deepEqual(await findInaccessible(page), [], view);
      assert.equal(await overflow(page), 0, `${view} is wider than the window`);
    }
    await page.locator("button.danger").first().click();
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await findInaccessible(page), [], "dialog");
    // This hub has no Web Push, and the browser notes that response.
    const unforeseen = notes.errors.filter((error) => !error.includes("404"));
    assert.deepEqual(unforeseen, []);
  });
}

test("language and appearance change at once", async (t) => {
  const { page } = await hub.open(t, { colorScheme: "light" });
  await hub.signIn(page);
  await page.getByLabel("Language").selectOption("pt-BR");
  assert.equal(await page.locator("h1").textContent(), "Visão geral");
  assert.equal(await page.title(), "Console do hub");
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await paper();
  await page.getByLabel("Aparência").selectOption("dark");
  await until(async () => (await paper()) !== light, "another appearance");
});
