/** A browser for tests in another language: a line of JSON asks, a line of JSON answers. */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

/** One copy of the browsers' drivers serves all tests. */
export const require = createRequire(new URL("../../examples/package.json", import.meta.url));

/** Answer what is asked on stdin with these commands, until it ends. */
export async function answerAll(commands) {
  process.stdout.write("{}\n");
  for await (const line of createInterface({ input: process.stdin })) {
    const { number, command, ...given } = JSON.parse(line);
    let answer;
    try {
      answer = { number, value: await commands[command](given) };
    } catch (error) {
      answer = { number, error: String(error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
}
