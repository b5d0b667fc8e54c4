/** A hub that serves the real page and plays the operator's stream as a test tells it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";

export const INTRODUCTION = {
  type: "introduction",
  service: "stand-in",
  operations: ["disconnect", "observe", "publish"],
  types: null,
  everyone: true,
  version: "9.9.9",
  started_at: "2026-11-01T00:00:00.000Z",
  interval_seconds: 1,
  bounds_seconds: [0.001, 0.01, 0.1, 1],
};

const IDLE = JSON.parse(readFileSync(new URL("../../console/test/figures.json", import.meta.url), "utf8"));

/** Return figures of a hub at this second, with these changes. */
export function makeFigures(second, changes = {}) {
  return { ...IDLE, at: new Date(Date.UTC(2026, 10, 26, 12, 0, second)).toISOString(), ...changes };
}

export class StandIn {
  #server;
  /** The open streams. */
  streams = new Set();
  /** How often the stream was asked for. */
  attempts = 0;
  /** What a stream begins with. */
  opening = [INTRODUCTION, makeFigures(0)];
  /** Whether a request for the stream gets a response at all. */
  responds = true;
  /** Bodies of other routes by path. */
  routes = new Map();

  /** Start one whose page is that of the hub at `origin`; it ends with the test. */
  static async start(test, origin) {
    const standIn = new StandIn();
    standIn.#server = http.createServer((request, response) => standIn.#serve(request, response, origin));
    await once(standIn.#server.listen(0, "127.0.0.1"), "listening");
    test.after(() => standIn.#server.closeAllConnections() || standIn.#server.close());
    standIn.url = `http://127.0.0.1:${standIn.#server.address().port}`;
    return standIn;
  }

  /** Send events on every open stream. */
  send(...events) {
    for (const stream of this.streams) {
      for (const event of events) stream.write(`data: ${JSON.stringify(event)}\n\n`);
    }
  }

  /** Cut every open stream. */
  cut() {
    for (const stream of this.streams) stream.destroy();
  }

  #serve(request, response, origin) {
    if (request.url.startsWith("/console")) {
      const { "if-none-match": _, ...headers } = request.headers;
      http.get(origin + request.url, { headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
    } else if (request.url === "/api/internal/observe") {
      this.attempts += 1;
      if (!this.responds) return;
      response.writeHead(200, { "content-type": "text/event-stream" });
      this.streams.add(response);
      response.on("close", () => this.streams.delete(response));
      for (const event of this.opening) response.write(`data: ${JSON.stringify(event)}\n\n`);
    } else {
      const body = this.routes.get(request.url);
      response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(
        JSON.stringify(body ?? { code: "not_found", title: "Not found", detail: "", status: 404, type: "" }),
      );
    }
  }
}
