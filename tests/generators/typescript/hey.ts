// The client that @hey-api/openapi-ts makes.
import { randomUUID } from "node:crypto";
import { client } from "./generated/hey/client.gen.js";
import { pollFrames, publishBatch, publishNotification } from "./generated/hey/index.js";
import type { PublishRequest } from "./generated/hey/index.js";
import { cursor, key, requests as bodies, token, untargeted, url } from "./requests.js";

const requests: PublishRequest[] = bodies;
client.setConfig({ baseUrl: url as `http://${string}`, auth: key });

for (const body of requests) {
  const { data } = await publishNotification({ body, throwOnError: true });
  console.log("published", body.type, data.id);
}

const headers = { "Idempotency-Key": randomUUID() };
const [first] = requests;
if (!first) throw new Error("there is no request");
const once = await publishNotification({ body: first, headers, throwOnError: true });
const again = await publishNotification({ body: first, headers, throwOnError: true });
if (once.data.id !== again.data.id || !again.data.duplicate) throw new Error("a repeat was stored twice");
console.log("repeated", again.data.id);

const batch = await publishBatch({ body: { notifications: requests.slice(0, 2) }, throwOnError: true });
console.log("batch", ...batch.data.results.map(({ receipt }) => receipt?.id));

const refused = await publishNotification({ body: untargeted });
console.log("refused", refused.error?.status, refused.error?.code);
const unknown = await publishNotification({ body: first, auth: "hubk_stranger" });
console.log("refused", unknown.error?.status, unknown.error?.code);

const page = await pollFrames({
  query: { cursor },
  auth: (scheme) => (scheme.scheme === "bearer" ? token : undefined),
  throwOnError: true,
});
console.log("read", ...page.data.frames.map((frame) => frame.type));
