/** The bell in Chromium: keys, focus, assistive technology, themes, languages, narrow windows, a long list, a real hub. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BellHarness, focused } from "./bell.mjs";
import { until } from "./programs.mjs";

const TEST_MS = 60_000;
const PHONE = { width: 320, height: 568 };
/** @type {BellHarness} */
let harness;

before(async () => (harness = await BellHarness.build()), { timeout: TEST_MS });
after(() => harness?.close());

const bellTest = (name, run) => test(name, { timeout: TEST_MS }, run);

/** Open a page whose inbox has as many notifications, and the panel. */
async function openPanel(t, count, where, options) {
  const { page, errors } = await harness.open(t, where, options);
  await page.evaluate((count) => state.fill(count), count);
  await page.locator(".bell-button").click();
  await page.locator(".bell-panel").waitFor();
  return { page, errors };
}

/** Press keys one after another; return what has the focus after each. */
async function press(page, ...keys) {
  const seen = [];
  for (const key of keys) {
    await page.keyboard.press(key);
    seen.push(await focused(page));
  }
  return seen;
}

bellTest("a real hub's notification is counted, listed and shown as a toast, under the strictest policy", async (t) => {
  const { page, errors } = await harness.open(t, `${harness.real}&toasts=`);
  // Not waitForFunction, which evaluates text in the page: its policy refuses that.
  await until(() => page.evaluate("hub.status.state === 'connected'"), "the page is connected");
  const harm = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>`;
  await harness.publish({ title: harm, message: "\u202e".repeat(50) + "a".repeat(3_000) });
  await page.locator(".bell-badge", { hasText: /^1$/ }).waitFor();
  assert.equal(await page.locator(".toast .title").textContent(), harm);
  assert.match(await page.locator(".unseen[role=status]").textContent(), /^<img src=x/);
  const link = `${harness.real}&toasts=#order`;
  await harness.publish({ link });
  await page.locator(".bell-badge", { hasText: /^2$/ }).waitFor();
  await page.locator(".bell-button").click();
  assert.deepEqual(await page.locator(".bell-list .title").allTextContents(), ["Estoque baixo", harm]);
  const box = await page.locator(".bell-panel").boundingBox();
  for (const row of await page.locator(".bell-list li").all()) assert.ok((await row.boundingBox()).width <= box.width);
  await page.locator(".bell-list a").click();
  await page.waitForURL((url) => url.hash === "#order");
  await page.locator(".bell-badge", { hasText: /^1$/ }).waitFor();
  assert.deepEqual(errors, []);
});

bellTest("a real hub keeps what is muted, and shows it on another device", async (t) => {
  const devices = [await harness.open(t, harness.real), await harness.open(t, harness.real)];
  for (const { page } of devices) {
    await page.locator(".bell-button").click();
    await page.getByRole("button", { name: "Preferências" }).click();
  }
  const [cart, other] = devices.map(({ page }) => page.getByRole("switch", { name: "Carrinho" }));
  await cart.uncheck();
  await until(async () => !(await other.isChecked()), "the other device shows it");
  await other.check();
  await until(() => cart.isChecked(), "the first device shows it");
  for (const { errors } of devices) assert.deepEqual(errors, []);
});

bellTest("the README's page works as it is copied, without a bundler", async (t) => {
  const context = await harness.browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  await page.goto(`${harness.page}/readme`);
  await page.waitForFunction("document.querySelector('notification-bell').hub?.status.state === 'connected'");
  await harness.publish({ title: "from a README" });
  await page.locator(".toast", { hasText: "from a README" }).waitFor();
  await page.getByRole("button", { name: /^Notifications: \d+ unread$/ }).click();
  await page.locator(".bell-list li", { hasText: "from a README" }).waitFor();
});

bellTest(
  "what a server rendered is a button before any script, and keeps the focus when the element takes over",
  async (t) => {
    const context = await harness.browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    const refused = [];
    page.on("console", (line) => line.type() === "error" && refused.push(line.text()));
    await page.goto(`${harness.page}/server`);
    const { width, height } = await page.getByRole("button", { name: "Notifications" }).boundingBox();
    assert.deepEqual([width, height], [40, 40]);
    await page.keyboard.press("Tab");
    await page.addScriptTag({ url: "/stand-in.js", type: "module" });
    await page.waitForFunction("window.hub && state");
    await page.evaluate("state.fill(3)");
    await until(async () => (await focused(page)) === "Notifications: 3 unread", "the button says how many are unread");
    await page.keyboard.press("Enter");
    await page.locator(".bell-list li").first().waitFor();
    assert.deepEqual(refused, []);
  },
);

bellTest("everything works by keys", async (t) => {
  const { page } = await harness.open(t);
  await page.evaluate("state.fill(4)");
  assert.deepEqual(await press(page, "Tab", "Tab"), ["before", "Notificações: 4 não lidas"]);
  await page.keyboard.press("Enter");
  await page.locator(".bell-panel").waitFor();
  await page.keyboard.press("Space");
  await page.locator(".bell-panel").waitFor({ state: "hidden" });
  assert.deepEqual(await press(page, "ArrowDown", "ArrowDown", "End", "ArrowDown", "ArrowUp", "Home", "ArrowUp"), [
    ...["id4 open", "id3 open", "id1 open", "id1 open", "id2 open", "id4 open", "id4 open"],
  ]);
  assert.deepEqual(await press(page, "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"), [
    ...["id4 toggle", "id4 archive", "id4 archive", "id3 archive", "id3 toggle"],
  ]);
  await page.keyboard.press("Space");
  assert.equal(await page.locator("li[data-id=id3]").getAttribute("class"), "is-read");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("li[data-id=id3]").getAttribute("class"), "is-unread");
  assert.deepEqual(await press(page, "Delete", "ArrowLeft", "Enter"), ["id2 toggle", "id2 open", "id2 open"]);
  assert.deepEqual(await page.evaluate("opened"), ["id2"]);
  assert.deepEqual(await press(page, "Escape"), ["Notificações: 2 não lidas"]);
  await page.locator(".bell-panel").waitFor({ state: "hidden" });
  // One tab stop for each control of one row, then the page goes on and the panel closes.
  await page.keyboard.press("ArrowDown");
  assert.deepEqual(await press(page, "Tab", "Tab", "Tab"), ["id4 toggle", "id4 archive", "after"]);
  await page.locator(".bell-panel").waitFor({ state: "hidden" });
});

bellTest("the focus is never lost, whatever becomes of the list", async (t) => {
  const { page } = await openPanel(t, 4);
  await page.evaluate("state.keepOlder(40)");
  await page.locator("li[data-id=id3] [data-action=archive]").focus();
  await page.evaluate("state.receive()");
  await page.locator("li").nth(4).waitFor();
  assert.equal(await focused(page), "id3 archive");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "id2 archive");
  await page.evaluate("hub.inbox.archive('id2')");
  await until(async () => (await focused(page)) === "id1 archive", "the next row has the focus");
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "id4 archive");
  const more = page.getByRole("button", { name: "Carregar mais" });
  for (const last of ["id-29 open", "id-30 open"]) {
    await more.focus();
    await page.keyboard.press("Enter");
    await page.locator(`li[data-id="${last.split(" ")[0]}"]`).waitFor();
    if (last === "id-29 open") assert.equal(await focused(page), "Carregar mais");
    else assert.equal(await focused(page), last);
  }
  assert.deepEqual(await press(page, "End", "Home"), [
    "id-39 open",
    (await focused(page)) && (await page.locator("li").first().getAttribute("data-id")) + " open",
  ]);
  const only = page.getByRole("button", { name: "Não lidas", exact: true });
  await only.click();
  await page.locator("li").first().locator("[data-action=toggle]").focus();
  const second = await page.locator("li").nth(1).getAttribute("data-id");
  assert.deepEqual(await press(page, "Enter"), [`${second} toggle`]);
  await page.getByRole("button", { name: "Marcar todas como lidas" }).focus();
  assert.deepEqual(await press(page, "Enter", "Enter"), ["Marcar todas como lidas", "Marcar todas como lidas"]);
  await page.getByText("Tudo lido.").waitFor();
  await page.getByRole("button", { name: "Todas", exact: true }).click();
  await page.locator("li").first().locator("[data-action=archive]").focus();
  await page.evaluate("hub.inbox.clear()");
  await until(async () => (await focused(page)) === "Notificações", "the panel has the focus");
  assert.deepEqual(await press(page, "Escape"), ["Notificações"]);
});

for (const [lang, colorScheme] of [
  ["pt-BR", "light"],
  ["en", "dark"],
]) {
  bellTest(`axe finds nothing, in ${lang} and ${colorScheme}, in any state`, async (t) => {
    const { page } = await harness.open(t, `/stand-in?lang=${lang}&toasts`, { colorScheme });
    const check = async (state) => {
      // Past the animation, in which a toast is half transparent.
      await page.evaluate(() => Promise.allSettled(bell.shadowRoot.getAnimations().map(({ finished }) => finished)));
      assert.deepEqual(await harness.findInaccessible(page), [], state);
    };
    await page.locator(".bell-button").click();
    await check("empty");
    await page.locator(".bell-button").click();
    for (let number = 0; number < 5; number++)
      await page.evaluate("state.receive({ link: 'https://elsewhere.example/' })");
    await page.locator(".toast").first().waitFor();
    await check("toasts");
    await page.evaluate(
      "state.fill(8); state.keepOlder(9); hub.inbox.markRead('id7'); state.receive({ link: '/x', title: 'a'.repeat(300) })",
    );
    await page.evaluate("state.status({ state: 'closed', reason: { code: 'full', message: '', terminal: true } })");
    await page.locator(".bell-button").click();
    await check("list");
    await page.getByRole("button", { name: lang === "en" ? "Unread" : "Não lidas", exact: true }).click();
    await check("unread alone");
    await page.locator("[part=archived]").click();
    await page.getByText(lang === "en" ? "Nothing is archived." : "Nada foi arquivado.").waitFor();
    await check("nothing archived");
    await page.evaluate("hub.inbox.archive('id5'); state.keepArchived({ more: true })");
    await page.locator("li[data-id=id5]").waitFor();
    await check("archived");
    await page.evaluate("state.offer('order_created', 'whatsapp:message')");
    await page.locator("[part=choose]").click();
    await check("preferences");
  });
}

bellTest(
  "the archive is reached and left by keys, follows while it is shown, and says what could not be loaded",
  async (t) => {
    const { page } = await openPanel(t, 3);
    await page.evaluate("hub.inbox.archive('id2')");
    await until(async () => (await page.locator("li").count()) === 2, "one is archived");
    const archive = page.getByRole("button", { name: "Arquivadas" });
    await archive.focus();
    assert.deepEqual(await press(page, "Enter"), ["Arquivadas"]);
    await page.getByText("Arquivadas", { exact: true }).waitFor();
    assert.deepEqual(await page.locator("li .title").allTextContents(), ["Pedido 2"]);
    assert.equal(await page.evaluate("state.following"), true);
    await page.locator("li .title").focus();
    // An archived one has no actions, so it is one stop, and Delete does nothing.
    assert.deepEqual(await press(page, "ArrowRight", "Delete", "End"), ["id2 open", "id2 open", "id2 open"]);
    await page.evaluate("state.keepArchived({ more: true, state: 'failed' })");
    await page.getByRole("button", { name: "Carregar mais" }).click();
    await page.locator("li[data-id='id-100']").waitFor();
    await page.evaluate("state.keepArchived({ notifications: [], more: true, state: 'failed' })");
    await page.getByText("Não foi possível carregar agora.").waitFor();
    await archive.focus();
    assert.deepEqual(await press(page, "Enter"), ["Arquivadas"]);
    await page.getByText("Notificações", { exact: true }).waitFor();
    assert.equal(await page.locator("li").count(), 2);
    assert.equal(await page.evaluate("state.following"), false);
  },
);

bellTest("unread ones that are not loaded are not said to be read", async (t) => {
  const { page } = await openPanel(t, 1);
  await page.evaluate("state.keepOlder(2); hub.inbox.markRead('id1')");
  await page.getByRole("button", { name: "Não lidas", exact: true }).click();
  await page.getByText("As não lidas são mais antigas.").waitFor();
  await page.getByRole("button", { name: "Carregar mais" }).click();
  await until(async () => (await page.locator("li").count()) === 2, "the older ones are listed");
});

bellTest("types can be muted by keys, a mandatory one cannot, and a refusal is said and undone", async (t) => {
  const { page } = await openPanel(t, 2);
  await page.evaluate("state.offer('order_created', 'stock_alert', 'whatsapp:message')");
  await page.getByRole("button", { name: "Preferências" }).focus();
  await page.keyboard.press("Enter");
  const types = page.getByRole("switch");
  assert.deepEqual(await page.locator(".types li:visible").allTextContents(), [
    "Novos pedidos (sempre ativa)",
    "Estoque baixo ",
    "Whatsapp message ",
  ]);
  assert.deepEqual([await types.nth(0).isDisabled(), await types.nth(0).isChecked()], [true, true]);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Space");
  await until(async () => (await page.evaluate("state.chosen()"))[0] === "stock_alert", "it is muted");
  await page.evaluate("state.refuses = true");
  await page.keyboard.press("Space");
  await page.getByText("Não foi possível mudar agora.").waitFor();
  assert.equal(await types.nth(1).isChecked(), false);
  await page.evaluate("state.refuses = false");
  // Changed on another device.
  await page.evaluate("state.choose('stock_alert', false)");
  await until(() => types.nth(1).isChecked(), "it is shown");
  await page.getByRole("button", { name: "Preferências" }).click();
  assert.equal(await page.locator(".bell-list li:visible").count(), 2);
});

bellTest("every target is 24 pixels or more, and a narrow phone shows all of the panel", async (t) => {
  for (const viewport of [PHONE, { width: 1000, height: 700 }]) {
    const { page } = await openPanel(t, 3, "/stand-in?toasts", { viewport });
    await page.evaluate(
      "state.keepOlder(9); state.receive({ link: '/x', title: 'wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww' })",
    );
    await page.evaluate("state.status({ state: 'closed', reason: { code: 'offline', message: '', terminal: true } })");
    await page.locator("li").nth(3).waitFor();
    const small = await page.evaluate(() =>
      [...bell.shadowRoot.querySelectorAll("button, a, input")]
        .map((target) => ({
          text: target.textContent || target.getAttribute("aria-label"),
          box: target.getBoundingClientRect(),
        }))
        .filter(({ box }) => box.width && (box.width < 24 || box.height < 24)),
    );
    assert.deepEqual(small, []);
    const { x, y, width, height } = await page.locator(".bell-panel").boundingBox();
    assert.ok(
      x >= 0 && y >= 0 && x + width <= viewport.width && y + height <= viewport.height,
      JSON.stringify({ x, y, width, height }),
    );
    assert.equal(
      await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
      0,
    );
    assert.equal(
      await page.evaluate(
        () =>
          bell.shadowRoot.querySelector(".scroll:not([hidden])").scrollWidth -
          bell.shadowRoot.querySelector(".scroll:not([hidden])").clientWidth,
      ),
      0,
    );
    await page.locator(".bell-button").click();
    await page.evaluate("state.receive()");
    const toast = await page.locator(".toast").boundingBox();
    assert.ok(toast.x >= 0 && toast.x + toast.width <= viewport.width);
  }
});

bellTest("the theme is the user's, or the attribute's", async (t) => {
  const { page } = await openPanel(t, 1, "/stand-in", { colorScheme: "dark" });
  const surface = () =>
    page.evaluate(() => getComputedStyle(bell.shadowRoot.querySelector(".bell-panel")).backgroundColor);
  const [light, dark] = ["rgb(255, 255, 255)", "rgb(24, 28, 37)"];
  assert.equal(await surface(), dark);
  await page.evaluate("bell.setAttribute('theme', 'light')");
  assert.equal(await surface(), light);
  await page.emulateMedia({ colorScheme: "light" });
  await page.evaluate("bell.removeAttribute('theme')");
  assert.equal(await surface(), light);
  await page.evaluate("bell.setAttribute('theme', 'dark')");
  assert.equal(await surface(), dark);
  await page.evaluate("bell.style.setProperty('--bell-surface', 'rgb(1, 2, 3)')");
  assert.equal(await surface(), "rgb(1, 2, 3)");
});

bellTest("a page from right to left is mirrored, and so are its keys", async (t) => {
  const { page } = await openPanel(t, 2, "/stand-in?dir=rtl&lang=en&toasts");
  await page.evaluate("state.receive({ title: 'مرحبا', message: 'hello' })");
  const [panel, button] = [
    await page.locator(".bell-panel").boundingBox(),
    await page.locator(".bell-button").boundingBox(),
  ];
  assert.ok(panel.x < button.x + button.width && panel.x >= 0);
  const [title, actions] = [
    await page.locator(".title").first().boundingBox(),
    await page.locator(".bell-actions").first().boundingBox(),
  ];
  assert.ok(actions.x < title.x);
  await page.locator("li[data-id=id2] .title").focus();
  assert.deepEqual(await press(page, "ArrowLeft", "ArrowLeft", "ArrowRight"), [
    "id2 toggle",
    "id2 archive",
    "id2 toggle",
  ]);
  await page.locator("h1").click();
  await page.locator(".bell-panel").waitFor({ state: "hidden" });
  await page.evaluate("state.receive()");
  assert.ok((await page.locator(".toast").boundingBox()).x < 100);
});

bellTest("nothing of the page cuts the panel off or covers it, and a click outside closes it", async (t) => {
  const { page } = await harness.open(t);
  await page.evaluate(() => {
    state.fill(30);
    Object.assign(document.querySelector("header").style, {
      overflow: "hidden",
      transform: "translateZ(0)",
      position: "sticky",
      top: "0",
    });
    const cover = document.createElement("div");
    Object.assign(cover.style, { position: "fixed", inset: "60px 0 0", zIndex: "2147483647", pointerEvents: "none" });
    document.body.append(cover);
  });
  await page.locator(".bell-button").click();
  await page.locator("li[data-id=id30] [data-action=toggle]").click();
  assert.equal(await page.locator("li[data-id=id30]").getAttribute("class"), "is-read");
  const before = await page.locator(".bell-panel").boundingBox();
  await page.mouse.move(10, 300);
  await page.mouse.wheel(0, 200);
  await until(() => page.evaluate("scrollY > 0"), "the page has scrolled");
  assert.deepEqual(await page.locator(".bell-panel").boundingBox(), before);
  await page.mouse.click(100, 400);
  await page.locator(".bell-panel").waitFor({ state: "hidden" });
});

bellTest("who wants less motion has none, and forced colours keep what is told by colour", async (t) => {
  const { page } = await openPanel(t, 2, "/stand-in?toasts", { reducedMotion: "reduce", forcedColors: "active" });
  await page.evaluate("hub.inbox.markRead('id2')");
  const border = (id) =>
    page.evaluate(
      (id) => getComputedStyle(bell.shadowRoot.querySelector(`li[data-id=${id}]`)).borderInlineStartWidth,
      id,
    );
  await until(async () => (await border("id2")) === "0px", "the read one has no mark");
  assert.equal(await border("id1"), "4px");
  await page.locator(".bell-button").click();
  await page.evaluate("state.receive()");
  assert.equal(await page.evaluate(() => bell.shadowRoot.getAnimations().length), 0);
});

bellTest("a toast goes by itself, but not while it is read, and takes no focus", async (t) => {
  const { page } = await harness.open(t, "/stand-in?toasts");
  await page.clock.install();
  await page.locator("a[href='#before']").focus();
  await page.evaluate("state.receive({ title: 'first' })");
  await page.clock.runFor(5_000);
  await page.evaluate("state.receive({ title: 'second', link: '/x' })");
  assert.equal(await focused(page), "before");
  await page.clock.runFor(4_000);
  assert.deepEqual(await page.locator(".toast .title").allTextContents(), ["second"]);
  await page.locator(".toast").hover();
  await page.clock.runFor(60_000);
  assert.equal(await page.locator(".toast").count(), 1);
  await page.mouse.move(10, 10);
  await page.clock.runFor(3_000);
  await page.locator(".toast .title").focus();
  await page.clock.runFor(60_000);
  assert.equal(await page.locator(".toast").count(), 1);
  assert.deepEqual(await press(page, "Escape"), ["Notificações: 2 não lidas"]);
  await page.locator(".toasts").waitFor({ state: "hidden" });
  assert.equal(await page.locator(".unseen[role=status]").textContent(), "");
});

bellTest("a thousand notifications open at once, and a change draws what changed alone", async (t) => {
  const { page } = await openPanel(t, 1_000);
  assert.equal(await page.locator("li").count(), 1_000);
  assert.equal(await page.locator(".bell-badge").textContent(), "99+");
  const drawn = await page.evaluate(async () => {
    const list = bell.shadowRoot.querySelector(".bell-list");
    let changed = 0;
    const observer = new MutationObserver((records) => (changed += records.length));
    observer.observe(list, { childList: true, subtree: true, attributes: true, characterData: true });
    for (let number = 0; number < 20; number++) state.receive();
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return { changed, rows: list.children.length };
  });
  assert.deepEqual(drawn, { changed: 20, rows: 1_020 });
  await page.keyboard.press("ArrowDown");
  assert.deepEqual(await press(page, "End", "ArrowUp"), ["id1 open", "id2 open"]);
  const row = await page.locator("li[data-id=id2]").boundingBox();
  const panel = await page.locator(".scroll:not([hidden])").boundingBox();
  assert.ok(row.y >= panel.y - 1 && row.y + row.height <= panel.y + panel.height + 1, "what has the focus is visible");
});

bellTest("with HUB_INBOX=off the bell has a list of this browser, and neither page nor hub complains", async (t) => {
  await harness.hub.stop();
  await harness.hub.start({ ...harness.env, HUB_INBOX: "off" });
  t.after(async () => {
    await harness.hub.stop();
    await harness.hub.start(harness.env);
  });
  const { page, errors } = await harness.open(t, harness.real);
  await until(() => page.evaluate("hub.status.state === 'connected'"), "the page is connected");
  assert.equal(await page.evaluate("inbox.view.shared"), false);
  await harness.publish({ title: "primeira" });
  await harness.publish({ title: "segunda" });
  await page.locator(".bell-badge", { hasText: /^2$/ }).waitFor();
  await page.locator(".bell-button").click();
  await page.locator(".bell-list li", { hasText: "primeira" }).getByLabel("Marcar como lida").click();
  await page.locator(".bell-list li", { hasText: "segunda" }).getByLabel("Arquivar").click();
  await page.locator(".bell-list li.is-read", { hasText: "primeira" }).waitFor();
  await page.reload();
  await until(() => page.evaluate("hub.status.state === 'connected'"), "the page is connected again");
  await page.locator(".bell-button").click();
  assert.deepEqual(await page.locator(".bell-list .title").allTextContents(), ["primeira"]);
  assert.equal(await page.locator(".bell-badge").isVisible(), false);
  await page.getByRole("button", { name: "Preferências" }).click();
  assert.deepEqual(errors, []);
});
