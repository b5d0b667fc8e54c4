/** What the browser client wants of a page: Node 20 has fetch, but neither WebSocket nor a page. */
import { WebSocket as NodeWebSocket } from "ws";

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
