/** `make picture`: StockTech's page of `make demo`, with its bell open, as the README shows it. */
import path from "node:path";
import { ROOT, until } from "../tests/e2e/programs.mjs";
import { Stage, live, waitForBell } from "../tests/e2e/stage.mjs";

const FILE = path.join(ROOT, "docs/bell.png");
const SIZE = { width: 860, height: 500 };
const STEP_MS = 20_000;

/** Return a page of one user at the size of the picture. */
async function open(stage, user) {
  const context = await stage.browser.newContext({ viewport: SIZE, deviceScaleFactor: 1.25, locale: "pt-BR" });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  await page.goto(`${stage.page}/?user=${user}`);
  await live(page);
  return page;
}

const stage = await Stage.build();
try {
  const [seller, buyer] = [await open(stage, "seller"), await open(stage, "buyer")];
  const shelf = buyer.locator(".rows li", { hasText: "Caixa organizadora" });
  for (let order = 1; order <= 2; order++) await shelf.getByRole("button", { name: "Comprar" }).click();
  await buyer.getByRole("button", { name: "Pagar" }).first().click();
  await waitForBell(seller, 3);
  // The toasts have told it before; the list stays.
  await until(async () => (await seller.locator(".toast").count()) === 0, "the toasts are gone", STEP_MS);
  await seller.screenshot({ path: FILE });
  console.log(`Wrote ${path.relative(ROOT, FILE)}`);
} finally {
  await stage.close();
}
