/** The bell in Firefox. Its start takes longer than all of Chromium's tests. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BellHarness, focused, launchFirefox } from "./bell.mjs";

const TEST_MS = 120_000;
/** @type {BellHarness} */
let harness;

before(async () => (harness = await BellHarness.build()), { timeout: TEST_MS });
after(() => harness?.close());

test("Firefox does the same with keys, the focus and the page around the bell", { timeout: TEST_MS }, async (t) => {
  const browser = await launchFirefox();
  t.after(() => browser.close());
  const page = await browser.newPage();
  await page.goto(`${harness.page}/stand-in?toasts`);
  await page.waitForFunction("window.hub && bell.shadowRoot");
  await page.evaluate(() => {
    state.fill(3);
    Object.assign(document.querySelector("header").style, { overflow: "hidden", transform: "translateX(0)" });
    document.querySelector("a").focus();
  });
  const seen = [];
  for (const key of ["Tab", "ArrowDown", "End", "ArrowRight", "ArrowRight", "Delete", "Enter", "Escape"]) {
    await page.keyboard.press(key);
    seen.push(await focused(page));
  }
  assert.deepEqual(seen, [
    ...["Notificações: 3 não lidas", "id3 open", "id1 open", "id1 toggle", "id1 archive", "id2 archive", "id3 archive"],
    "Notificações: 1 não lida",
  ]);
  await page.evaluate("bell.open = true; state.receive()");
  const covered = await page.evaluate(() => {
    const { left, top, width, height } = bell.shadowRoot.querySelector(".bell-panel").getBoundingClientRect();
    const points = [1, width / 2, width - 2].flatMap((x) => [1, height - 2].map((y) => [left + x, top + y]));
    return points.filter(([x, y]) => document.elementFromPoint(x, y) !== bell);
  });
  // The corners are round.
  assert.ok(covered.length <= 4, JSON.stringify(covered));
  assert.deepEqual(await harness.findInaccessible(page), []);
});
