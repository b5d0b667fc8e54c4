/** A browser for tests in another language: a line of JSON is a command, and a line of JSON is its result. */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

/** One copy of the browsers' drivers serves all tests. */
export const require = createRequire(new URL("../../examples/package.json", import.meta.url));

/** Run the commands that come on stdin, until it ends. */
export async function runCommands(commands) {
  process.stdout.write("{}\n");
  for await (const line of createInterface({ input: process.stdin })) {
    const { number, command, ...given } = JSON.parse(line);
    let result;
    try {
      result = { number, value: await commands[command](given) };
    } catch (error) {
      result = { number, error: String(error) };
    }
    process.stdout.write(JSON.stringify(result) + "\n");
  }
}
