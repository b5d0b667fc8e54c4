import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "@playwright/test";
import { test } from "../src/playwright.js";

/** A page of somebody's own in a real Chromium, which lists what the hub sends; it shows where it is told to connect. */
const PAGE = `<!doctype html><ul></ul><script>
  const query = new URLSearchParams(location.search);
  const socket = new WebSocket(query.get("hub") + "?token=" + query.get("token"), ["hub.v1"]);
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    const item = document.createElement("li");
    item.textContent = frame.title ?? frame.type;
    document.querySelector("ul").append(item);
  };
</script>`;

const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(PAGE));
let address = "";
// The page's address is known once its server listens.
const env: Record<string, string> = {};
test.use({ hubOptions: { env } });
test.beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  env.HUB_ALLOWED_ORIGINS = address;
});
test.afterAll(() => new Promise<void>((resolve) => server.close(() => resolve())));

test("a page shows what its user is sent", async ({ hub, publish, page }) => {
  await page.goto(`${address}/?${new URLSearchParams({ hub: hub.wsUrl, token: hub.token() })}`);
  // The greeting is there, so the page listens.
  await expect(page.getByRole("listitem")).toHaveCount(1);
  await publish("order_created", { title: "for somebody else", user_id: "somebody-else" });
  await publish("order_created", { title: "Novo pedido" });
  await expect(page.getByText("Novo pedido")).toBeVisible();
  await expect(page.getByRole("listitem")).toHaveCount(2);
});
