/** The link over WebSocket, with the subprotocol `hub.v1`, so that refusals and heartbeats can be read. */
import type { OpenLink } from "./link.js";
import { writeQuery } from "./query.js";
import { parseFrame } from "./wire.js";

/** Open a WebSocket. The token is sent as a subprotocol, since URLs end up in logs. */
export const openWebSocket: OpenLink = ({ base, token, cursor, signals }, listener) => {
  const bearer = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const url = `${base.replace(/^http/, "ws")}/ws${writeQuery("?", cursor, signals)}`;
  const socket = new WebSocket(url, ["hub.v1", `hub.bearer.${bearer}`]);
  socket.onmessage = ({ data }) => {
    listener.alive();
    const frame = parseFrame(data);
    if (frame) listener.frame(frame);
  };
  socket.onclose = ({ code, reason }) => listener.end({ code, why: reason || undefined });
  // Also while connecting: a handshake that hangs delays every later one to the same host.
  return {
    close: () => socket.close(),
    send: (text) => socket.send(text),
  };
};
