import { createHash, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { composeNotification, readEvent, type WhatsappNotification } from "./event.js";
import { packPosted, type Posted } from "./forward.js";
import type { Spool } from "./spool.js";
import { composeMessage, isFromHub } from "./unconfirmed.js";

/** A gateway that downloads media puts the file into the body. */
const MAX_BODY_BYTES = 32 * 2 ** 20;
const REQUEST_TIMEOUT_MS = 30_000;

/** What a bridge is made of. */
export interface Bridge {
  readonly secret: string;
  readonly accounts: ReadonlyMap<string, string>;
  readonly defaultSession: string | undefined;
  /** What waits for the hub. */
  readonly publishing: Spool;
  /** What waits for the webhook from before; undefined where there is none. */
  readonly forwarding: Spool | undefined;
  /** What the hub signs with, and the messages that wait for the gateway; undefined where the hub tells nothing. */
  readonly webhookSecret: string | undefined;
  readonly sending: Spool | undefined;
}

/**
 * Return a server, not yet listening, that takes the gateway's webhook at `/webhook/<secret>`.
 *
 * It responds once what was posted is on disk, since the gateway repeats nothing. 202: taken; 204: nothing to tell; 400:
 * not an event; 503: there is no room. Whatever it is, the webhook from before gets it. `/health` has the counts. The hub
 * tells at `/hub-events` of what nobody confirmed: 401 where it did not sign that.
 */
export function createBridge(bridge: Bridge): Server {
  const respond = async (request: IncomingMessage): Promise<[status: number, body?: object]> => {
    const path = request.url?.split("?")[0] ?? "";
    if (path === "/health") {
      const [forward, send] = [bridge.forwarding?.counts ?? null, bridge.sending?.counts ?? null];
      return [200, { hub: bridge.publishing.counts, forward, send }];
    }
    if (path === "/hub-events") {
      return request.method === "POST" ? [await hear(bridge, request, await readBody(request))] : [405];
    }
    if (!path.startsWith("/webhook/") || !isSame(path.slice("/webhook/".length), bridge.secret)) return [404];
    if (request.method !== "POST") return [405];
    const body = await readBody(request);
    return [await take(bridge, { contentType: request.headers["content-type"] ?? "application/json", body })];
  };
  const server = createServer((request, response) => {
    respond(request)
      .catch((error: unknown): [number] => [error instanceof TooLarge ? 413 : 400])
      .then(([status, body]) => {
        response.writeHead(status, body ? { "content-type": "application/json" } : {});
        response.end(body && JSON.stringify(body));
      });
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  return server;
}

/** Take what the hub tells; it responds once a message that has to be sent is on disk. */
async function hear(bridge: Bridge, request: IncomingMessage, body: Buffer): Promise<number> {
  if (!bridge.webhookSecret || !bridge.sending) return 404;
  if (!isFromHub(body, request.headers, bridge.webhookSecret)) return 401;
  const message = composeMessage(body, String(request.headers["webhook-id"]));
  if (!message) return 204;
  if (!(await bridge.sending.put(Buffer.from(JSON.stringify(message))))) return 503;
  console.log(`wppconnect-bridge: notification ${message.notificationId} becomes message ${message.messageId}`);
  return 202;
}

async function take(bridge: Bridge, posted: Posted): Promise<number> {
  const [status, notification] = compose(bridge, posted.body);
  const kept = await Promise.all([
    bridge.forwarding?.put(packPosted(posted)) ?? true,
    notification ? bridge.publishing.put(Buffer.from(JSON.stringify(notification))) : true,
  ]);
  if (kept.every(Boolean)) return status;
  console.error("wppconnect-bridge: an event is lost: BRIDGE_SPOOL is full or cannot be written");
  return 503;
}

function compose(bridge: Bridge, body: Buffer): [status: number, notification?: WhatsappNotification] {
  let event: ReturnType<typeof readEvent>;
  try {
    event = readEvent(JSON.parse(body.toString("utf8")));
  } catch {
    return [400];
  }
  if (!event) return [400];
  const session = event.session ?? bridge.defaultSession;
  const accountId = session && bridge.accounts.get(session);
  const notification = accountId && composeNotification({ ...event, session }, accountId);
  return notification ? [202, notification] : [204];
}

class TooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new TooLarge();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function isSame(given: string, secret: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
