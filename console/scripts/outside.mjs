/** What the hub of the pictures sends to: push services and endpoints of services, as one server with https. */
import { execFileSync } from "node:child_process";
import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import https from "node:https";
import path from "node:path";

const NAME = "localhost";

/** Start the server; the status of each response is the path's first part, and `silence` gets none. */
export async function serveOutside(folder) {
  const [key, certificate] = [path.join(folder, "key.pem"), path.join(folder, "certificate.pem")];
  const files = ["-keyout", key, "-out", certificate];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const named = ["-subj", `/CN=${NAME}`, "-addext", `subjectAltName=DNS:${NAME}`];
  execFileSync("openssl", ["req", "-x509", ...kind, ...named, ...files], { stdio: "ignore" });
  const server = https.createServer({ key: await readFile(key), cert: await readFile(certificate) });
  server.on("request", (request, response) => {
    request.resume();
    const [, status] = request.url.split("/");
    if (status !== "silence") response.writeHead(Number(status)).end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `https://${NAME}:${server.address().port}`,
    certificate,
    close: () => server.closeAllConnections() || server.close(),
  };
}

/** Let a user's browser subscribe to Web Push at this endpoint. */
export async function subscribe(hub, userId, endpoint) {
  const keys = {
    p256dh: createECDH("prime256v1").generateKeys("base64url"),
    auth: randomBytes(16).toString("base64url"),
  };
  const response = await fetch(`${hub.url}/api/push`, {
    method: "PUT",
    headers: { authorization: `Bearer ${hub.token(userId)}`, "content-type": "application/json" },
    body: JSON.stringify({ endpoint, expirationTime: null, keys }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}

/** Report to the hub as the relay of a service's outbox does. */
export async function report(hub, key, figures) {
  const response = await fetch(`${hub.url}/api/internal/relay`, {
    method: "PUT",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({
      interval_seconds: 15,
      dead_rows: 0,
      waiting_rows: 0,
      oldest_waiting_seconds: 0,
      ...figures,
    }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
}
