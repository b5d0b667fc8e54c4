/** Debian's Chromium over its DevTools protocol. */
import { runCommands, require } from "./commands.mjs";

const { chromium } = require("playwright-core");
/** Without these Chromium asks for hosts of its vendor, which a test machine may not reach. */
const QUIET = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
// Chromium's own sandbox refuses to run as root.
const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [...QUIET, ...sandbox],
});
const context = await browser.newContext();
const pages = [await context.newPage()];
const tools = await browser.newBrowserCDPSession();
let asleep = [];

await runCommands({
  /** Make the page's timers and clock such that they can be moved; they run on by themselves. */
  clock: () => pages[0].clock.install(),
  /** Let this much time have passed at once, as after a sleep: what was due meanwhile is due now, once. */
  forward: ({ ms }) => pages[0].clock.fastForward(ms),
  /** Open an address in one of the browser's tabs, which share one profile; a tab that is not there yet is made. */
  open: async ({ url, tab = 0 }) => {
    while (pages.length <= tab) pages.push(await context.newPage());
    await pages[tab].goto(url);
  },
  close: ({ tab }) => pages[tab].close(),
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
});
for (const id of asleep) process.kill(id, "SIGCONT");
await browser.close();
