/** The proxy of `make demo`: the hub and AvAdmin on one origin. `nginx.conf` beside it is the same for real. */
import { createServer, request } from "node:http";
import { connect } from "node:net";

const PORT = Number(process.env.PORT || 8080);
const HUB_PORT = Number(process.env.HUB_PORT || 8000);
const PAGE_PORT = Number(process.env.PAGE_PORT || 3001);
/** What browsers need of the hub, and nothing else: `/api/internal/` and `/metrics` are not theirs. */
const HUB_PATHS = new Set([
  "/ws",
  "/sse",
  "/poll",
  "/api/ticket",
  "/api/inbox",
  "/api/preferences",
  "/api/push",
  "/api/ack",
]);

const portFor = (url) => (HUB_PATHS.has(url.split("?", 1)[0]) ? HUB_PORT : PAGE_PORT);

const server = createServer((incoming, outgoing) => {
  const { method, url, headers } = incoming;
  const inner = request({ host: "127.0.0.1", port: portFor(url), method, path: url, headers }, (response) => {
    outgoing.writeHead(response.statusCode, response.rawHeaders);
    // An event stream's beginning must not wait for its first event.
    outgoing.flushHeaders();
    response.pipe(outgoing);
    response.on("error", () => outgoing.destroy());
  });
  inner.on("error", () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
  outgoing.on("close", () => inner.destroy());
  incoming.pipe(inner);
});

server.on("upgrade", ({ method, url, rawHeaders }, outer, head) => {
  const inner = connect(portFor(url), "127.0.0.1", () => {
    const lines = [`${method} ${url} HTTP/1.1`];
    for (let index = 0; index < rawHeaders.length; index += 2)
      lines.push(`${rawHeaders[index]}: ${rawHeaders[index + 1]}`);
    inner.write(`${lines.join("\r\n")}\r\n\r\n`);
    inner.write(head);
    outer.pipe(inner).pipe(outer);
  });
  const end = () => {
    inner.destroy();
    outer.destroy();
  };
  for (const socket of [inner, outer]) socket.on("error", end).on("close", end);
});

server.on("error", (error) => {
  console.error(`avadmin's proxy: port ${PORT} cannot be used: ${error.message}`);
  process.exit(1);
});
server.listen(PORT, "127.0.0.1", () => console.log(`AvAdmin and the hub are at http://localhost:${PORT}`));
