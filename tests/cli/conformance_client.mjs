/** The browser client in Node, for `hub conformance`: it prints each notification and each gap that it hands over. */
import { WebSocket as NodeWebSocket } from "ws";
import { createHub } from "../../clients/browser/src/index.ts";

globalThis.WebSocket = class extends NodeWebSocket {
  constructor(url, protocols) {
    super(url, protocols, { perMessageDeflate: false });
    // An emitter throws an error that nobody listens for; a browser's socket does not.
    this.on("error", () => undefined);
  }
};
globalThis.window = new EventTarget();
globalThis.document = Object.assign(new EventTarget(), { visibilityState: "visible" });
globalThis.location = new URL("http://page.example/");

const hub = createHub({
  url: process.env.HUB_URL,
  transports: ["ws"],
  getToken: async () => (await fetch(process.env.HUB_TOKEN_URL)).text(),
  storage: null,
});
const print = (what) => process.stdout.write(JSON.stringify(what) + "\n");
hub.onAny(({ id }) => print({ id }));
hub.on("gap", () => print({ type: "gap" }));
hub.connect();
// A client that has stopped is still running, as a page is.
setInterval(() => undefined, 1_000);
