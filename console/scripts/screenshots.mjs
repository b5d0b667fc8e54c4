/** Takes the pictures of the console for the documentation: a real hub with some traffic, in Chromium. */
import path from "node:path";
import { ACCOUNT, DESKTOP, Harness, live, show, USER } from "../../tests/console/harness.mjs";
import { ROOT, until } from "../../tests/e2e/programs.mjs";

const FOLDER = path.join(ROOT, "docs/operations");
/** How long the charts are filled before the picture. */
const TRAFFIC_MS = 75_000;
const TYPES = ["order_created", "stock_alert", "payment_confirmed", "order_updated"];

const ending = [];
const scene = { after: (end) => ending.push(end) };
const hub = await Harness.build();
try {
  for (let user = 0; user < 24; user += 1)
    await hub.listen(scene, `000000002${user + 10}`, user % 3 ? ACCOUNT : "45678");
  await hub.listen(scene);
  const wide = await hub.open(scene, { viewport: DESKTOP, colorScheme: "light" });
  const phone = await hub.open(scene, { viewport: { width: 390, height: 780 }, colorScheme: "dark" });
  for (const { page } of [wide, phone]) await hub.signIn(page);
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
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  await live(wide.page);
  await wide.page.screenshot({ path: path.join(FOLDER, "console-overview.png") });
  await show(phone.page, "feed");
  await until(async () => (await phone.page.locator(".scroll tbody tr").count()) > 8, "rows");
  await phone.page.screenshot({ path: path.join(FOLDER, "console-feed-phone.png") });
} finally {
  for (const end of ending.reverse()) await end();
  await hub.close();
}
