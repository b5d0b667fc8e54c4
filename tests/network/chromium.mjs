/** Chromium for tests in another language: a line of JSON asks, a line of JSON answers. */
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

// One copy of the browser's driver serves all tests.
const { chromium } = createRequire(new URL("../../examples/package.json", import.meta.url))("playwright-core");
/** Without these it asks for hosts of its maker's, which a test machine may not reach. */
const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// Chromium's own sandbox refuses to run as root.
const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: [...QUIET, ...sandbox] });
const context = await browser.newContext();
const pages = [await context.newPage()];
const tools = await browser.newBrowserCDPSession();
let asleep = [];

const commands = {
  /** Make the page's timers and clock such that they can be moved; they run on by themselves. */
  clock: () => pages[0].clock.install(),
  /** Let this much time have passed at once, as after a sleep: what was due meanwhile is due now, once. */
  forward: ({ ms }) => pages[0].clock.fastForward(ms),
  /** Open an address in one of the browser's tabs, which share one profile; a tab that is not there yet is made. */
  open: async ({ url, tab = 0 }) => {
    while (pages.length <= tab) pages.push(await context.newPage());
    await pages[tab].goto(url);
  },
  evaluate: ({ expression, tab = 0 }) => pages[tab].evaluate(expression),
  /** Stop the page's process, as a tab is frozen, or all of the browser's (`machine`), as one is that sleeps; returns which. */
  sleep: async ({ machine }) => {
    const { processInfo } = await tools.send("SystemInfo.getProcessInfo");
    asleep = processInfo.filter(({ type }) => machine || type === "renderer").map(({ id }) => id);
    for (const id of asleep) process.kill(id, "SIGSTOP");
    return asleep;
  },
  wake: () => {
    for (const id of asleep.splice(0)) process.kill(id, "SIGCONT");
  },
};

async function answer({ number, command, ...given }) {
  try {
    return { number, value: await commands[command](given) };
  } catch (error) {
    return { number, error: String(error) };
  }
}

process.stdout.write("{}\n");
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
commands.wake();
await browser.close();
