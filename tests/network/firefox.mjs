/** Debian's Firefox over WebDriver BiDi. */
import { runCommands, require } from "./commands.mjs";

const puppeteer = require("puppeteer-core");
const browser = await puppeteer.launch({
  browser: "firefox",
  executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  headless: true,
  extraPrefsFirefox: {
    // It would ask for hosts of its maker's, which a test machine may not reach.
    "network.captive-portal-service.enabled": false,
    "network.connectivity-service.enabled": false,
  },
});
const pages = [];

await runCommands({
  open: async ({ url, tab = 0 }) => {
    while (pages.length <= tab) pages.push(await browser.newPage());
    await pages[tab].goto(url);
  },
  evaluate: ({ expression, tab = 0 }) => pages[tab].evaluate(expression),
  close: ({ tab }) => pages[tab].close(),
});
await browser.close();
