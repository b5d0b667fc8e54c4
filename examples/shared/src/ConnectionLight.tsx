"use client";
import { useWebSocket, type WebSocketState } from "@notification-hub/client/react";

const WORDS: Record<WebSocketState["status"], string> = {
  idle: "Conectando…",
  connecting: "Conectando…",
  connected: "Ao vivo",
  reconnecting: "Reconectando…",
  closed: "Desconectado",
};
const WAYS = { ws: "WebSocket", sse: "Server-Sent Events", poll: "consulta periódica" };

/** Whether notifications are live, in a word and a colour; why not, where they are not. */
export function ConnectionLight() {
  const { status, transport, reason, connectionError, reconnect } = useWebSocket();
  const title = connectionError ?? (transport ? `Notificações ao vivo por ${WAYS[transport]}` : "");
  return (
    <span className={`light is-${status}`} title={title} role="status">
      <i aria-hidden="true" />
      {reason?.terminal ? reason.message : WORDS[status]}
      {reason?.terminal && (
        <button type="button" onClick={reconnect}>
          Tentar de novo
        </button>
      )}
    </span>
  );
}
