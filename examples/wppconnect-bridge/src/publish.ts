import { HubFailure, HubRefused, type NotificationHub } from "@notification-hub/service";
import type { WhatsappNotification } from "./event.js";
import type { Deliver } from "./spool.js";

/** What the bridge needs of a hub. */
export type Publisher = Pick<NotificationHub<WhatsappNotification>, "notify">;

/** Whether the hub itself refused the notification, and not the key, which can be corrected. */
function isFinal(error: unknown): boolean {
  if (!(error instanceof HubFailure) || error.retryable) return false;
  // `http_404` and the like: what responded is not a hub, such as a proxy that does not find one.
  return !(
    error instanceof HubRefused &&
    (error.status === 401 || error.status === 403 || error.code.startsWith("http_"))
  );
}

/** Whether it may be this notification alone that fails: the key may not reach its account, or the hub fails at it. */
function isItsOwn(error: unknown): boolean {
  return (
    error instanceof HubRefused && (error.status === 403 || error.status === 500) && !error.code.startsWith("http_")
  );
}

function parse(content: Buffer): WhatsappNotification | undefined {
  try {
    return JSON.parse(content.toString()) as WhatsappNotification;
  } catch {
    return undefined;
  }
}

/** Return what publishes a spooled notification; the spool's id is its Idempotency-Key, so a repeat makes no second one. */
export function publishTo(hub: Publisher): Deliver {
  let failing = false;
  return async (content, id, signal) => {
    const notification = parse(content);
    if (!notification) {
      console.error("wppconnect-bridge: a damaged file of the spool is kept aside");
      return "refused";
    }
    try {
      await hub.notify(notification, { idempotencyKey: id, signal });
      if (failing) console.log("wppconnect-bridge: the hub takes notifications again");
      failing = false;
      return "done";
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (isFinal(error)) {
        console.error(`wppconnect-bridge: the hub refused a ${notification.type}, which is kept: ${why}`);
        return "refused";
      }
      if (!failing && !signal.aborted) {
        console.error(`wppconnect-bridge: notifications wait for the hub: ${why}`);
      }
      failing = true;
      return isItsOwn(error) ? "failed" : "again";
    }
  };
}
