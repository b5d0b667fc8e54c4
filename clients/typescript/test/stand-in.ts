import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the stand-in received it. */
export interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly atMs: number;
}

export type Responder = (response: ServerResponse, seen: Seen) => unknown;

/** A server in the place of a hub that fails as a test asks. */
export interface StandIn {
  readonly url: string;
  readonly seen: Seen[];
  close(): Promise<void>;
}

/** Respond to the nth request by the nth responder, and to all later ones by the last. */
export async function standIn(...responders: Responder[]): Promise<StandIn> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (text: string) => (body += text));
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body, atMs: performance.now() };
      seen.push(one);
      responders[Math.min(seen.length, responders.length) - 1]?.(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const RECEIPT = { id: "1", cursor: "e-1", duplicate: false, connections: 0 };

/** A receipt, as of a hub, or one for each notification of a batch. */
export const accept: Responder = (response, seen) => {
  response.writeHead(202, { "content-type": "application/json" });
  const { notifications } = JSON.parse(seen.body || "{}");
  const results = notifications?.map((_: unknown, index: number) => ({ index, receipt: RECEIPT }));
  response.end(JSON.stringify(results ? { results } : RECEIPT));
};

/** A receipt for each notification of a batch, but for the indexes that have a problem's status and code here. */
export function acceptBut(problems: Record<number, [status: number, code: string]>): Responder {
  return (response, seen) => {
    response.writeHead(202, { "content-type": "application/json" });
    const results = JSON.parse(seen.body).notifications.map((_: unknown, index: number) => {
      const [status, code] = problems[index] ?? [];
      if (!code) return { index, receipt: RECEIPT };
      return { index, problem: { type: `urn:${code}`, title: code, status, detail: "No", code } };
    });
    response.end(JSON.stringify({ results }));
  };
}

/** The notifications that were sent, in order, alone or in batches; a repeat counts again. */
export function sent(standIn: StandIn): { title: string; [field: string]: unknown }[] {
  return standIn.seen
    .filter(({ path }) => path.includes("/notify"))
    .map(({ body }) => JSON.parse(body))
    .flatMap((said) => said.notifications ?? [said]);
}

/** A refusal with this status. */
export function refuse(status: number, headers: Record<string, string> = {}, code = "overloaded"): Responder {
  return (response) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify({ type: `urn:${code}`, title: code, status, detail: "No", code }));
  };
}

/** No response at all. */
export const stall: Responder = () => undefined;

/** The connection is closed without a response. */
export const reset: Responder = (response) => response.socket?.destroy();

/** An address at which no server listens. */
export async function nobody(): Promise<string> {
  const server = await standIn();
  await server.close();
  return server.url;
}

/** Wait for something that must happen. */
export async function until(condition: () => boolean): Promise<void> {
  const endsAt = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endsAt) throw new Error(`never: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
