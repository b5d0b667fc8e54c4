/** The test kit's listener in Node, for `hub conformance`: it prints each notification and gap that it hands over. */
import { Listener } from "../../clients/testing/src/listener.ts";

const find = async () => ({ url: process.env.HUB_URL, token: await (await fetch(process.env.HUB_TOKEN_URL)).text() });
const print = async () => {
  const listener = await Listener.open(find);
  for (;;) process.stdout.write(`${JSON.stringify(await listener.next({ timeoutMs: 600_000 }))}\n`);
};
// A listener that is closed has no next; its test is still running.
print().catch(() => {});
setInterval(() => undefined, 1_000);
