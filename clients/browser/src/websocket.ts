/** The line over WebSocket: subprotocol `hub.v1`, so that a refusal can be read and heartbeats be seen. */
import type { OpenLink } from "./link.js";
import { parseFrame } from "./wire.js";

/** Open a WebSocket. The token goes as a subprotocol: what stands in a URL ends up in logs. */
export const openWebSocket: OpenLink = ({ base, token, cursor }, listener) => {
  const bearer = btoa(token).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const query = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
  const socket = new WebSocket(`${base.replace(/^http/, "ws")}/ws${query}`, ["hub.v1", `hub.bearer.${bearer}`]);
  socket.onmessage = ({ data }) => {
    listener.alive();
    const frame = parseFrame(data);
    if (frame) listener.frame(frame);
  };
  socket.onclose = ({ code, reason }) => listener.end({ code, why: reason || undefined });
  // Also while connecting: a handshake that hangs holds up every later one to the same host.
  return { close: () => socket.close() };
};
