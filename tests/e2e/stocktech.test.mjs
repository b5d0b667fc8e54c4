/** StockTech's page in Chromium, with its service and a hub: the user sees what was published. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { pause, until } from "./programs.mjs";
import { Harness, live, readBell, SELLER, waitForBell, waitForToast } from "./harness.mjs";

const TEST_MS = 120_000;
let harness;

before(async () => (harness = await Harness.build()), { timeout: TEST_MS });
after(() => harness?.close());

const names = (prefix, count) => Array.from({ length: count }, (_, index) => `${prefix} ${index + 1}`);

async function addProduct(page, name) {
  await page.getByLabel("Nome").fill(name);
  await page.getByRole("button", { name: "Cadastrar produto" }).click();
}

test("a page connects over WebSocket and shows it", { timeout: TEST_MS }, async (t) => {
  const page = await harness.open(await harness.profile(t));
  assert.equal(await page.locator(".light").textContent(), "Ao vivo");
  assert.match(await page.locator(".light").getAttribute("title"), /WebSocket/);
  assert.deepEqual((await harness.stats()).connections, { total: 1, websocket: 1, sse: 0, durable_streams: 0 });
});

test("a product that is created shows as a toast, in the bell and in the list", { timeout: TEST_MS }, async (t) => {
  const page = await harness.open(await harness.profile(t));
  await addProduct(page, "Etiqueta térmica");
  assert.equal(
    await waitForToast(page, "Produto adicionado"),
    "O produto Etiqueta térmica foi adicionado ao catálogo.",
  );
  assert.equal(await page.locator(".bell-badge").textContent(), "1");
  await page.locator(".rows li", { hasText: "Etiqueta térmica" }).waitFor();
});

test("buyer and seller each get their own text of an order, and not the other's", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await harness.profile(t);
  const [seller, buyer] = [await harness.open(context), await harness.open(context, "buyer")];
  await buyer.locator(".rows li", { hasText: "Caixa organizadora" }).getByRole("button", { name: "Comprar" }).click();
  assert.match(await waitForToast(buyer, "Pedido realizado"), /^Seu pedido PED-\d+ foi criado com sucesso\.$/);
  assert.match(
    await waitForToast(seller, "Novo pedido recebido"),
    /^Você recebeu um novo pedido PED-\d+\. Total: R\$\s39,90\.$/,
  );

  await buyer.getByRole("button", { name: "Pagar" }).first().click();
  await waitForToast(seller, "Pagamento recebido");
  await waitForToast(buyer, "Pagamento confirmado");
  await seller.getByRole("button", { name: "Enviar" }).first().click();
  assert.match(await waitForToast(buyer, "Pedido Enviado"), /foi enviado\. Código de rastreio: BR/);
  assert.equal((await readBell(buyer)).length, 3);
  assert.equal((await readBell(seller)).length, 2);
});

test("the bell's list is read and archived, one and all, in every tab, and stays so over a reload", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await harness.profile(t);
  const [page, other] = [await harness.open(context), await harness.open(context)];
  await harness.publish(...names("lista", 4));
  await waitForBell(page, 4);
  await waitForBell(other, 4);
  await page.locator(".bell-list li").nth(0).getByLabel("Marcar como lida").click();
  await page.locator(".bell-list li").nth(1).getByLabel("Arquivar").click();
  for (const tab of [page, other]) {
    await tab.locator(".bell-badge", { hasText: /^2$/ }).waitFor();
    assert.deepEqual(await readBell(tab), ["lista 1", "lista 2", "lista 4"]);
  }
  await other.getByRole("button", { name: "Marcar todas como lidas" }).click();
  for (const tab of [page, other]) await tab.locator(".bell-badge").waitFor({ state: "detached" });
  await page.reload();
  assert.deepEqual(await waitForBell(page, 3), ["lista 1", "lista 2", "lista 4"]);
  // What the other tab said may be on its way still when this page is loaded again.
  await until(async () => (await page.locator(".bell-list .is-unread").count()) === 0, "a list that is read");
  await page.getByRole("button", { name: "Arquivar todas" }).click();
  for (const tab of [page, other]) await tab.getByText("Nenhuma notificação por aqui.").waitFor();
});

/**
 * StockTech's bell of today, as far as its list is concerned: each tab adds a copy, under a random id. Two tabs are two
 * sockets of one page here, so that neither undoes what the other one writes at the same moment.
 */
const OLD_BELL = (hub, token) => `<!doctype html><title>old bell</title><script>
  const KEY = "stocktech-notifications";
  const read = () => JSON.parse(localStorage.getItem(KEY) ?? '{"state":{"notifications":[]},"version":0}');
  const change = (act) => {
    const stored = read();
    stored.state.notifications = act(stored.state.notifications);
    localStorage.setItem(KEY, JSON.stringify(stored));
  };
  const add = ({ type, title, message, data, timestamp }) =>
    change((all) => [{ id: Math.random().toString(36).slice(2), type, title, message, data, timestamp, read: false }, ...all].slice(0, 100));
  window.state = { greeted: 0, closed: [] };
  for (let tab = 0; tab < 2; tab++) {
    const socket = new WebSocket("${hub.replace("http", "ws")}/ws?token=${token}");
    socket.onclose = ({ code, reason }) => state.closed.push([code, reason]);
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === "connection_established") state.greeted++;
      else add(message);
    };
  }
  window.list = () => read().state.notifications;
  window.markRead = (text) => change((all) => all.map((one) => (one.message === text ? { ...one, read: true } : one)));
  window.addOld = (message, timestamp, read) =>
    change((all) => [...all, { id: Math.random().toString(36).slice(2), type: "stock_alert", title: "Estoque baixo", message, timestamp, read }]);
</script>`;

test("the bell of today, with its list in localStorage, moves over to every device without a duplicate", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await harness.profile(t);
  const file = path.join(harness.folder, "page/old-bell.html");
  await writeFile(file, OLD_BELL(harness.hubUrl, await harness.token()));
  const old = await context.newPage();
  await old.goto(`${harness.page}/old-bell.html`);
  const isGreeted = async () => {
    const { greeted, closed } = await old.evaluate("state");
    assert.deepEqual(closed, [], "no socket is closed");
    return greeted === 2;
  };
  await until(isGreeted, "both sockets are greeted");
  const messages = names("de hoje", 4);
  await harness.publish(...messages);
  await until(async () => (await old.evaluate("list().length")) >= 2 * messages.length, "both have all of it");
  assert.deepEqual(
    (await old.evaluate("list()")).map(({ message }) => message).sort(),
    [...messages, ...messages].sort(),
  );
  const yesterday = (minutes) => new Date(Date.now() - 86_400_000 + minutes * 60_000).toISOString();
  await old.evaluate(
    ([first, second]) => {
      markRead("de hoje 2");
      addOld("antes do hub, lida", first, true);
      addOld("antes do hub", second, false);
    },
    [yesterday(0), yesterday(1)],
  );
  await old.close();

  const before = ["antes do hub, lida", "antes do hub"];
  const tabs = [await harness.open(context), await harness.open(context)];
  const check = async (tab) => {
    assert.deepEqual(await waitForBell(tab, 6), [...before, ...messages]);
    await tab.locator(".bell-badge", { hasText: /^4$/ }).waitFor();
    const read = await tab.locator(".bell-list .is-read p").allTextContents();
    assert.deepEqual(read, ["de hoje 2", "antes do hub, lida"]);
  };
  for (const tab of tabs) await check(tab);
  // What was read here is read on every device, and nothing came to the hub a second time.
  const { notifications } = await harness.ask("GET", "/api/inbox", undefined, await harness.token());
  assert.deepEqual(
    notifications.map(({ message, read }) => [message, read]),
    [...messages].reverse().map((message) => [message, message === "de hoje 2"]),
  );
  // The old list is still there, and nothing comes of it again.
  await tabs[1].reload();
  await live(tabs[1]);
  await check(tabs[1]);
  await tabs[0].locator(".bell-list li", { hasText: "de hoje 4" }).getByLabel("Arquivar").click();
  await tabs[0].locator(".bell-list li", { hasText: "antes do hub, lida" }).getByLabel("Arquivar").click();
  for (const tab of tabs) {
    await until(async () => (await readBell(tab)).length === 4, "two are archived");
    assert.deepEqual(await readBell(tab), ["antes do hub", ...messages.slice(0, 3)]);
  }
});

test("an erasure takes a user's notifications from open pages and from what the browser keeps; the account's stay", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await harness.profile(t);
  const tabs = [await harness.open(context), await harness.open(context)];
  await harness.publish(...names("apagada", 3));
  const { account_id } = SELLER;
  const fields = { type: "stock_alert", title: "Estoque baixo", message: "da conta", account_id };
  await harness.ask("POST", "/api/internal/notify", fields);
  for (const tab of tabs) await waitForBell(tab, 4);
  const receipt = await harness.ask("POST", "/api/internal/forget", { user_id: SELLER.user_id });
  assert.ok(receipt.records >= 3 && receipt.connections >= 1, JSON.stringify(receipt));
  for (const tab of tabs) {
    await until(async () => (await readBell(tab)).join() === "da conta", "the list has what is left");
    await until(
      async () => !(await tab.locator("body").textContent()).includes("apagada"),
      "the page shows nothing else",
    );
    await live(tab);
  }
  const kept = () => tabs[0].evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }));
  await until(async () => !(await kept()).includes("apagada"), "the browser keeps nothing of it");
  await harness.publish("depois");
  for (const tab of tabs) assert.deepEqual(await waitForBell(tab, 2), ["da conta", "depois"]);
  await tabs[1].reload();
  assert.deepEqual(await waitForBell(tabs[1], 2), ["da conta", "depois"]);
});

test("a page that is reloaded, and one that was away, misses nothing and shows no duplicate", {
  timeout: TEST_MS,
}, async (t) => {
  const page = await harness.open(await harness.profile(t));
  const all = names("recarga", 60);
  const publishing = (async () => {
    for (const message of all) {
      await harness.publish(message);
      await pause(20);
    }
  })();
  for (let round = 0; round < 4; round++) {
    await page.reload();
    await live(page);
  }
  await page.goto("about:blank");
  await publishing;
  await harness.publish("enquanto fechada");
  await page.goto(`${harness.page}/?user=seller`);
  assert.deepEqual(await waitForBell(page, all.length + 1), [...all, "enquanto fechada"]);
});

test("two tabs share one connection, and the second takes over when the first is closed", {
  timeout: TEST_MS,
}, async (t) => {
  const context = await harness.profile(t);
  const [first, second] = [await harness.open(context), await harness.open(context)];
  assert.equal((await harness.stats()).totalConnections, 1);
  await harness.publish("para as duas");
  for (const tab of [first, second]) assert.equal(await waitForToast(tab, "Estoque baixo"), "para as duas");
  await first.close();
  const after = names("depois", 10);
  await harness.publish(...after);
  assert.deepEqual(await waitForBell(second, 11), ["para as duas", ...after]);
  await until(async () => (await harness.stats()).totalConnections === 1, "one connection");
});

test("a token that expires is renewed, and nothing is missed meanwhile", { timeout: TEST_MS }, async (t) => {
  await harness.service.stop();
  await harness.service.start({ ...harness.serviceEnv, DEMO_TOKEN_TTL: "3" });
  t.after(async () => {
    await harness.service.stop();
    await harness.service.start(harness.serviceEnv);
  });
  const context = await harness.profile(t);
  const refused = (await harness.stats()).totals.refused;
  const connected = (await harness.stats()).totals.connected;
  const page = await harness.open(context);
  const sent = [];
  while ((await harness.stats()).totals.connected < connected + 3) {
    sent.push(`validade ${sent.length + 1}`);
    await harness.publish(sent.at(-1));
    await pause(100);
  }
  assert.deepEqual(await waitForBell(page, sent.length), sent);
  assert.equal((await harness.stats()).totals.refused, refused, "no attempt was made with a token that had expired");
});

test("a hub that is killed and started again loses nothing, and fails no sale", { timeout: TEST_MS }, async (t) => {
  const page = await harness.open(await harness.profile(t));
  const before = names("antes", 5);
  await harness.publish(...before);
  await harness.hub.kill();
  await page.locator(".light.is-reconnecting").waitFor();
  await addProduct(page, "Vendido sem o hub");
  await page.locator(".rows li", { hasText: "Vendido sem o hub" }).waitFor();
  await harness.hub.start(harness.env);
  await live(page);
  await waitForBell(page, 6);
  await harness.publish("depois");
  assert.deepEqual(await waitForBell(page, 7), [
    ...before,
    "O produto Vendido sem o hub foi adicionado ao catálogo.",
    "depois",
  ]);
});

test("a page of an origin that the hub does not know gets nothing, and shows why", { timeout: TEST_MS }, async (t) => {
  const context = await harness.profile(t);
  const { refused, connected } = (await harness.stats()).totals;
  const page = await context.newPage();
  // The same page, by another name of the same machine.
  await page.goto(`${harness.page.replace("localhost", "127.0.0.1")}/?user=seller`);
  await page.locator(".light.is-closed", { hasText: "Este acesso não recebe notificações." }).waitFor();
  await page.getByRole("button", { name: "Tentar de novo" }).click();
  await until(async () => (await harness.stats()).totals.refused >= refused + 2, "a second attempt was refused");
  await harness.publish("não é para esta página");
  assert.equal((await harness.stats()).totals.connected, connected);
  assert.deepEqual(await readBell(page), []);
});
