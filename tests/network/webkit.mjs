/** Debian's WebKitGTK over WebDriver, on a display of its own. */
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { runCommands, require } from "./commands.mjs";

const { Builder, Capabilities } = require("selenium-webdriver");
const DEADLINE_MS = 30_000;

const port = await new Promise((resolve) => {
  const probe = createServer().listen(0, "127.0.0.1", () => {
    const { port } = probe.address();
    probe.close(() => resolve(port));
  });
});
// A display of its own, since a server has none; a process group of its own, so that the display ends with it.
const driver = spawn("xvfb-run", ["--auto-servernum", "WebKitWebDriver", `--port=${port}`, "--host=127.0.0.1"], {
  stdio: ["ignore", "ignore", "inherit"],
  detached: true,
  // Its sandbox needs rights that a test run may not have; the pages are our own.
  env: { ...process.env, WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1" },
});
const url = `http://127.0.0.1:${port}`;
for (const endsAt = Date.now() + DEADLINE_MS; ; ) {
  const response = await fetch(`${url}/status`).catch(() => undefined);
  if (response?.ok) break;
  if (Date.now() > endsAt) throw new Error("WebKitWebDriver did not start");
  await new Promise((resolve) => setTimeout(resolve, 50));
}
const capabilities = new Capabilities({ browserName: "MiniBrowser" });
const webkit = await new Builder().usingServer(url).withCapabilities(capabilities).build();
const handles = [await webkit.getWindowHandle()];
let current = 0;

async function turnTo(tab) {
  while (handles.length <= tab) {
    await webkit.switchTo().newWindow("tab");
    handles.push(await webkit.getWindowHandle());
    current = handles.length - 1;
  }
  if (current !== tab) await webkit.switchTo().window(handles[tab]);
  current = tab;
}

await runCommands({
  open: async ({ url, tab = 0 }) => {
    await turnTo(tab);
    await webkit.get(url);
  },
  evaluate: async ({ expression, tab = 0 }) => {
    await turnTo(tab);
    return webkit.executeScript(`return (${expression})`);
  },
  close: async ({ tab }) => {
    await turnTo(tab);
    await webkit.close();
    current = -1;
  },
});
await webkit.quit();
process.kill(-driver.pid);
