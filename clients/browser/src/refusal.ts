/** Refusals over HTTP, told in the close codes that a WebSocket would have had. */
import { BROKEN, type Ending } from "./link.js";

const CODES: Record<string, number> = { token_expired: 4001, hub_full: 4503, draining: 1012 };
const BY_STATUS: Record<number, number> = { 401: 4500, 403: 4501, 503: 1013 };

/** Return what a refused request stands for. Only the hub's own problems count: a proxy's 403 is the network's. */
export async function readRefusal(response: Response): Promise<Ending> {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) return BROKEN;
  const { code } = (await response.json()) as { code?: string };
  const retryS = Number(response.headers.get("retry-after"));
  return { code: CODES[code ?? ""] ?? BY_STATUS[response.status] ?? 1006, retryMs: retryS > 0 ? retryS * 1000 : undefined };
}

/** Return the headers of a request for frames. */
export function requestHeaders(token: string, cursor: string | undefined): Record<string, string> {
  return { authorization: `Bearer ${token}`, ...(cursor && { "last-event-id": cursor }) };
}
