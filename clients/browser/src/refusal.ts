/** Refusals over HTTP as the close codes that a WebSocket would have had. */
import { boundMs } from "./backoff.js";
import { BROKEN, type Ending } from "./link.js";

const CODES: Record<string, number> = { token_expired: 4001, hub_full: 4503, draining: 1012 };
const BY_STATUS: Record<number, number> = { 400: 1008, 401: 4500, 403: 4501, 429: 1013, 503: 1013 };

/** Return the ending that a refused request stands for. Only the hub's own count; others are the network's. */
export async function readRefusal(response: Response): Promise<Ending> {
  const { status, headers } = response;
  const after = headers.get("retry-after") ?? "";
  // Seconds or a date (RFC 9110, section 10.2.3).
  const retryMs = boundMs(Number(after) * 1000 || Date.parse(after) - Date.now()) || undefined;
  if (!headers.get("content-type")?.startsWith("application/problem+json")) return { ...BROKEN, retryMs };
  const { code = "", title } = (await response.json()) as { code?: string; title?: string };
  return { code: CODES[code] ?? BY_STATUS[status] ?? 1006, retryMs, why: `${code}: ${title}` };
}

/** Return the headers of a request for frames. */
export function requestHeaders(token: string, cursor?: string): Record<string, string> {
  return { authorization: `Bearer ${token}`, ...(cursor && { "last-event-id": cursor }) };
}
