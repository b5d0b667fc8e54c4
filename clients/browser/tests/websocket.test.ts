import { afterEach, beforeEach, expect, test } from "vitest";
import { openWebSocket } from "../src/websocket.js";
import { alert, hello, installFakes, newestSocket, removeFakes } from "./fakes.js";
import { listen, linkOptions } from "./links.js";

beforeEach(() => installFakes());
afterEach(removeFakes);

test("the token is a subprotocol and stands in no URL; the cursor is a parameter", () => {
  openWebSocket(linkOptions({ token: "a.b~~c/d+e==", cursor: "ep-1" }), listen().listener);
  const { url, protocols, token } = newestSocket();
  expect(url).toBe("wss://hub.test/ws?cursor=ep-1");
  expect(protocols[0]).toBe("hub.v1");
  expect(protocols[1]).toMatch(/^hub\.bearer\.[A-Za-z0-9_-]+$/);
  expect(token).toBe("a.b~~c/d+e==");
});

test("frames come as objects, and each counts as a heartbeat; other texts are ignored", () => {
  const { received, listener } = listen();
  openWebSocket(linkOptions(), listener);
  newestSocket().say(hello(), alert(1));
  for (const data of ["", "{", "[]", "null", "7", '{"type":5}', new ArrayBuffer(2)]) newestSocket().onmessage({ data });
  expect(received.frames).toEqual([hello(), alert(1)]);
  expect(received.signs).toBe(9);
});

test("a link that is closed while it hangs in its handshake closes its socket", () => {
  openWebSocket(linkOptions(), listen().listener).close();
  expect(newestSocket().closed).toBe(true);
});

test("the end has the hub's code", () => {
  const { received, listener } = listen();
  openWebSocket(linkOptions(), listener);
  newestSocket().end(4501);
  expect(received.endings).toEqual([{ code: 4501 }]);
});
