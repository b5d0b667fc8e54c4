// openapi-typescript's types, with openapi-fetch.
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi.js";
import { cursor, key, requests, token, untargeted, url } from "./requests.js";

const service = createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });

for (const body of requests) {
  const { data, error } = await service.POST("/api/internal/notify", { body });
  if (error) throw new Error(error.code);
  console.log("published", body.type, data.id);
}

const params = { header: { "Idempotency-Key": randomUUID() } };
const [first] = requests;
if (!first) throw new Error("there is no request");
const once = await service.POST("/api/internal/notify", { body: first, params });
const again = await service.POST("/api/internal/notify", { body: first, params });
if (once.data?.id !== again.data?.id || !again.data?.duplicate) throw new Error("a repeat was stored twice");
console.log("repeated", again.data.id);

const batch = await service.POST("/api/internal/notify/batch", { body: { notifications: requests.slice(0, 2) } });
console.log("batch", ...(batch.data?.results ?? []).map(({ receipt }) => receipt?.id));

const refused = await service.POST("/api/internal/notify", { body: untargeted });
console.log("refused", refused.error?.status, refused.error?.code);
const stranger = createClient<paths>({ baseUrl: url, headers: { authorization: "Bearer hubk_stranger" } });
const unknown = await stranger.POST("/api/internal/notify", { body: first });
console.log("refused", unknown.error?.status, unknown.error?.code);

const page = await service.GET("/poll", {
  params: { query: { cursor } },
  headers: { authorization: `Bearer ${token}` },
});
console.log("read", ...(page.data?.frames ?? []).map((frame) => frame.type));
