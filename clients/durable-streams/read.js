/**
 * Reads a user's notifications with the client of Durable Streams, and writes what comes as lines of JSON.
 *
 * Arguments: the URL of the stream, the live mode, the offset, and a file that has the token of this moment.
 */
import { readFile } from "node:fs/promises";
import { stream } from "@durable-streams/client";

const [url, live, offset, tokenFile] = process.argv.slice(2);
const say = (what) => process.stdout.write(JSON.stringify(what) + "\n");

try {
  const response = await stream({
    url,
    live,
    offset,
    warnOnHttp: false,
    headers: { Authorization: async () => `Bearer ${await readFile(tokenFile, "utf8")}` },
  });
  response.subscribeJson((batch) => say({ titles: batch.items.map((item) => item.title), offset: batch.offset }));
  await response.closed;
} catch (error) {
  say({ status: error.status, code: error.details?.code ?? error.json?.code ?? "" });
}
