/** `make picture`: StockTech's page of `make demo`, with its bell open, as the README shows it. */
import path from "node:path";
import { ROOT, until } from "../tests/e2e/programs.mjs";
import { Harness, live, waitForBell } from "../tests/e2e/harness.mjs";

const FILE = path.join(ROOT, "docs/bell.png");
const SIZE = { width: 860, height: 540 };
const STEP_MS = 20_000;

/** Return a page of one user at the size of the picture. */
async function open(harness, user) {
  const context = await harness.browser.newContext({ viewport: SIZE, deviceScaleFactor: 1.25, locale: "pt-BR" });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  await page.goto(`${harness.page}/?user=${user}`);
  await live(page);
  return page;
}

const harness = await Harness.build();
try {
  const [seller, buyer] = [await open(harness, "seller"), await open(harness, "buyer")];
  const shelf = buyer.locator(".rows li", { hasText: "Caixa organizadora" });
  for (let order = 1; order <= 2; order++) await shelf.getByRole("button", { name: "Comprar" }).click();
  await buyer.getByRole("button", { name: "Pagar" }).first().click();
  await waitForBell(seller, 3);
  // Without the toasts, which show the same; the list stays.
  await until(async () => (await seller.locator(".toast").count()) === 0, "the toasts are gone", STEP_MS);
  await seller.screenshot({ path: FILE });
  console.log(`Wrote ${path.relative(ROOT, FILE)}`);
} finally {
  await harness.close();
}
