import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { NotificationHub } from "@notification-hub/service";
import { composeNotification, readEvent, type WhatsappNotification } from "./event.js";

/** A gateway that downloads media puts the file into the body. */
const MAX_BODY_BYTES = 32 * 2 ** 20;
const REQUEST_TIMEOUT_MS = 30_000;

/** What the bridge needs of a hub. */
export type Publisher = Pick<NotificationHub<WhatsappNotification>, "enqueue" | "counts">;

/**
 * Return a server, not yet listening, that takes the gateway's webhook at `/webhook/<secret>`.
 *
 * It answers at once, and the client's queue carries what was taken: the gateway repeats nothing. 202: taken; 204:
 * nothing to tell; 503: the queue is full. `/health` says what became of the notifications.
 */
export function createBridge(hub: Publisher, secret: string, accounts: ReadonlyMap<string, string>): Server {
  const answer = async (request: IncomingMessage): Promise<[status: number, body?: object]> => {
    const path = request.url?.split("?")[0] ?? "";
    if (path === "/health") return [200, hub.counts];
    if (!path.startsWith("/webhook/") || !isSame(path.slice("/webhook/".length), secret)) return [404];
    if (request.method !== "POST") return [405];
    const event = readEvent(await readJson(request));
    if (!event) return [400];
    const accountId = accounts.get(event.session);
    const notification = accountId && composeNotification(event, accountId);
    if (!notification) return [204];
    return [hub.enqueue(notification) ? 202 : 503];
  };
  const server = createServer((request, response) => {
    answer(request)
      .catch((error: unknown): [number] => [error instanceof TooLarge ? 413 : 400])
      .then(([status, body]) => {
        response.writeHead(status, body ? { "content-type": "application/json" } : {});
        response.end(body && JSON.stringify(body));
      });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  return server;
}

class TooLarge extends Error {}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new TooLarge();
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
