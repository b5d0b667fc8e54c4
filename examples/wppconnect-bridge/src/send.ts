import type { Deliver } from "./spool.js";
import type { Message } from "./unconfirmed.js";

/** The gateway's API, and who has which number there. */
export interface Gateway {
  readonly url: string;
  readonly token: string;
  /** The number of each user. */
  readonly phones: ReadonlyMap<string, string>;
  /** The session of each account. */
  readonly sessions: ReadonlyMap<string, string>;
}

const TIMEOUT_MS = 15_000;

/**
 * Return what sends a spooled message through the gateway, once.
 *
 * The message has an id of its own. Before each attempt the gateway is asked whether it has it: an attempt whose response
 * was lost, or that a kill ended, may have sent it.
 */
export function sendThrough(gateway: Gateway): Deliver {
  let failing = false;
  return async (content, _id, signal) => {
    let message: Message;
    try {
      message = JSON.parse(content.toString());
    } catch {
      console.error("wppconnect-bridge: a damaged file of the spool is kept aside");
      return "refused";
    }
    const phone = gateway.phones.get(message.userId);
    const session = gateway.sessions.get(message.accountId);
    if (!phone || !session) {
      console.error("wppconnect-bridge: a message has no number (BRIDGE_PHONES) or no session, and is kept aside");
      return "refused";
    }
    const request = (path: string, init: RequestInit): Promise<Response> =>
      fetch(`${gateway.url}/api/${encodeURIComponent(session)}/${path}`, {
        ...init,
        headers: { authorization: `Bearer ${gateway.token}`, "content-type": "application/json" },
        redirect: "manual",
        signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
    try {
      const found = await request(`message-by-id/${message.messageId}`, { method: "GET" });
      await found.body?.cancel();
      let status = found.status;
      if (status === 404) {
        const sent = await request("send-message", {
          method: "POST",
          body: JSON.stringify({
            phone,
            message: message.text,
            isGroup: false,
            options: { messageId: message.messageId },
          }),
        });
        await sent.body?.cancel();
        status = sent.status;
      }
      if (status >= 200 && status < 300) {
        failing = false;
        return "done";
      }
      throw new Error(`status ${status}`);
    } catch (error) {
      if (!failing && !signal.aborted)
        console.error(
          `wppconnect-bridge: messages wait for the gateway: ${error instanceof Error ? error.message : ""}`,
        );
      failing = true;
      return "again";
    }
  };
}
