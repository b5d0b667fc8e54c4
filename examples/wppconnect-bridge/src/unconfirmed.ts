import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** A WhatsApp message that is to be sent, as it waits in the spool. */
export interface Message {
  /** The message's own id in WhatsApp, made from the webhook's: the same webhook is the same message. */
  readonly messageId: string;
  /** The notification that nobody confirmed, for the log. */
  readonly notificationId: string;
  readonly accountId: string;
  readonly userId: string;
  readonly text: string;
}

/** How old a webhook may be: an older one may be somebody's recording. */
const TOLERANCE_S = 300;
/** What is worth a WhatsApp message. */
const TYPES = new Set(["order_created"]);

/** Whether a request is the hub's (Standard Webhooks): signed with the secret, and not old. */
export function isFromHub(body: Buffer, headers: IncomingHttpHeaders, secret: string): boolean {
  const id = String(headers["webhook-id"] ?? "");
  const at = String(headers["webhook-timestamp"] ?? "");
  if (!/^\d{1,12}$/.test(at) || Math.abs(Date.now() / 1000 - Number(at)) > TOLERANCE_S) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${at}.`).update(body).digest();
  return String(headers["webhook-signature"] ?? "")
    .split(" ")
    .some((each) => {
      const given = Buffer.from(each.replace(/^v1,/, ""), "base64");
      return each.startsWith("v1,") && given.length === expected.length && timingSafeEqual(given, expected);
    });
}

/** Return the message that a webhook asks for; undefined where it tells of something else. */
export function composeMessage(body: Buffer, webhookId: string): Message | undefined {
  const told = JSON.parse(body.toString("utf8"));
  const { notification, account_id: accountId, user_id: userId } = told?.data ?? {};
  if (told?.type !== "notification.unconfirmed" || !TYPES.has(notification?.type)) return undefined;
  const text = [notification.title, notification.message].filter((part) => typeof part === "string").join("\n");
  if (typeof accountId !== "string" || typeof userId !== "string" || !text) return undefined;
  const digest = createHash("sha256").update(webhookId).digest("hex").slice(0, 28);
  return {
    messageId: `3EB0${digest.toUpperCase()}`,
    notificationId: String(notification.id),
    accountId,
    userId,
    text,
  };
}
