/** The browser client in Node, for `hub conformance`: it prints each notification and each gap that it hands over. */
import { createHub } from "../../clients/browser/src/index.ts";
import "../schedules/page.mjs";

const hub = createHub({
  url: process.env.HUB_URL,
  transports: [{ websocket: "ws" }[process.env.HUB_TRANSPORT] ?? process.env.HUB_TRANSPORT],
  getToken: async () => (await fetch(process.env.HUB_TOKEN_URL)).text(),
  storage: null,
});
const print = (what) => process.stdout.write(JSON.stringify(what) + "\n");
hub.onAny(({ id }) => print({ id }));
hub.on("gap", () => print({ type: "gap" }));
hub.onSignal("stock_changed", () => undefined);
hub.connect();
// A client that has stopped is still running, as a page is.
setInterval(() => undefined, 1_000);
