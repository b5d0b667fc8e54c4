// Parses URLs as a browser does, for the test of links: one JSON array in, [link, base] pairs; one JSON array out.
// The standard's reference implementation, which the clients' tests bring: Node's own has faults of its own.
import { createInterface } from "node:readline";
import { URL } from "../../clients/node_modules/whatwg-url/index.js";

const parse = ([link, base]) => {
  try {
    const { origin, protocol, username, password, href } = new URL(link, base);
    return { origin, protocol, username, password, href };
  } catch {
    return null;
  }
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).map(parse))}\n`);
}
