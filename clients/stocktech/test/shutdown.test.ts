import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, test } from "vitest";
import { accept, nobody, type StandIn, sent, stall, standIn, until } from "../../typescript/test/stand-in.js";

/** Processes that use the built package, as StockTech does, and are asked to end, as pm2 and systemd do. */

const PACKAGE = import.meta.resolve("@notification-hub/stocktech");
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** Longer than any of this takes on a busy machine, and far less than a queued notification may wait. */
const SOON_MS = 15_000;

interface Host {
  child: ChildProcess;
  end: Promise<{ code: number | null; signal: string | null }>;
  /** Wait until it says this. */
  hear(text: string): Promise<void>;
}

const hosts: ChildProcess[] = [];
const servers: StandIn[] = [];
afterEach(async () => {
  for (const child of hosts.splice(0)) child.kill("SIGKILL");
  for (const server of servers.splice(0)) await server.close();
});

/** Start a process that imports the package, runs `code`, and says `ready`. */
async function start(url: string, code: string): Promise<Host> {
  const text = `import byDefault, * as hub from ${JSON.stringify(PACKAGE)};\n${code}\nconsole.log("ready");`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], {
    env: { PATH: process.env.PATH, AVADMIN_API_URL: url, NOTIFICATION_HUB_KEY: "hubk_test" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  hosts.push(child);
  const end = once(child, "exit").then(([exit, signal]) => ({ code: exit, signal }));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const hear = async (text: string): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`the process ended before it said ${text}`);
      if (value === text) return;
    }
  };
  await hear("ready");
  return { child, end, hear };
}

async function server(...responders: Parameters<typeof standIn>): Promise<StandIn> {
  const made = await standIn(...responders);
  servers.push(made);
  return made;
}

/** What a server does: it lives until somebody ends it. */
const LIVES = "setInterval(() => {}, 1000);";
const SAYS = 'for (let n = 0; n < 20; n++) hub.notificationClient.notifyCartUpdated("10", "a", { action: "clear" });';

describe.each(SIGNALS)("%s", (signal) => {
  test("sends what is queued and then ends the process, as it would have", async () => {
    const hub = await server(accept);
    const { child, end } = await start(hub.url, `${LIVES} ${SAYS}`);
    child.kill(signal);
    expect(await end).toEqual({ code: null, signal });
    expect(sent(hub).length).toBe(20);
  });

  test.each(["down", "silent"])("ends the process although the hub is %s", async (state) => {
    const url = state === "down" ? await nobody() : (await server(stall)).url;
    const { child, end } = await start(url, `${LIVES} console.warn = () => {}; ${SAYS}`);
    const at = performance.now();
    child.kill(signal);
    expect(await end).toEqual({ code: null, signal });
    expect(performance.now() - at).toBeLessThan(SOON_MS);
  });

  test("leaves the end to a host that has a handler of its own, and flushes meanwhile", async () => {
    const hub = await server(accept);
    // It decides when it ends, here some time after the test has seen that all was sent.
    const own = `
      let asked = false;
      process.on("${signal}", () => (asked = true));
      process.on("SIGUSR2", () => setTimeout(() => process.exit(asked ? 7 : 8), 300));`;
    const { child, end } = await start(hub.url, `${LIVES} ${SAYS} ${own}`);
    child.kill(signal);
    await until(() => sent(hub).length === 20);
    child.kill("SIGUSR2");
    expect(await end).toEqual({ code: 7, signal: null });
    expect(sent(hub).length).toBe(20);
  });

  test("tells what a host that ends at once leaves unsent", async () => {
    const hub = await server(stall);
    const code = `${LIVES} console.warn = console.log; ${SAYS} process.on("${signal}", () => process.exit(0));`;
    const { child, end, hear } = await start(hub.url, code);
    child.kill(signal);
    await hear("notification hub: the process ended before 20 notifications were sent");
    expect(await end).toEqual({ code: 0, signal: null });
  });

  test("a second time, during the flush, ends the process at once", async () => {
    const hub = await server(stall);
    const code = `
      const own = hub.createWsManager({ flushMs: 600_000 });
      own.notifyCartUpdated("10", "a");
      setInterval(() => process.listenerCount("${signal}") || console.log("flushing"), 10);`;
    const { child, end, hear } = await start(hub.url, code);
    await until(() => hub.seen.length > 0);
    child.kill(signal);
    await hear("flushing");
    child.kill(signal);
    expect(await end).toEqual({ code: null, signal });
  });

  test("ends the process beside a library that waits for others too", async () => {
    const hub = await server(accept);
    // The rule of the package signal-exit: end the process where all listeners are its own.
    const polite = `
      const emitter = (globalThis[Symbol.for("signal-exit emitter")] = { count: 1 });
      const listener = () => {
        if (process.listenerCount("${signal}") !== emitter.count) return;
        process.removeListener("${signal}", listener);
        process.kill(process.pid, "${signal}");
      };
      process.on("${signal}", listener);`;
    for (const code of [`${polite} ${SAYS}`, `${SAYS} ${polite}`]) {
      const { child, end } = await start(hub.url, `${LIVES} ${code}`);
      child.kill(signal);
      expect(await end).toEqual({ code: null, signal });
    }
  });
});

test("a process that has nothing more to do ends by itself", async () => {
  const hub = await server(accept);
  const { end } = await start(hub.url, `${SAYS} hub.wsManager.init({}); await byDefault.getStats();`);
  expect(await end).toEqual({ code: 0, signal: null });
  expect(sent(hub).length).toBe(20);
});

test("without a first call no signal is listened to", async () => {
  const { child, end } = await start(await nobody(), `${LIVES} if (process.listenerCount("SIGINT")) process.exit(3);`);
  child.kill("SIGINT");
  expect(await end).toEqual({ code: null, signal: "SIGINT" });
});

test("nothing is thrown and no rejection is left, whatever is called with whatever", async () => {
  const code = `
    console.warn = console.error = () => {};
    process.on("unhandledRejection", () => process.exit(4));
    const odd = [undefined, null, 0, "", "x", {}, [], () => 1, Symbol("s"), 1n, NaN];
    for (const [name, method] of Object.entries(hub.notificationClient)) {
      if (name === "close" || name === "init" || name === "cleanup") continue;
      for (const one of odd) for (const other of odd) { method(one, other); method(one, other, one, other, one); method(other); }
    }
    await new Promise((resolve) => setTimeout(resolve, 100));`;
  const { child, end } = await start(await nobody(), `${code} ${LIVES}`);
  child.kill("SIGTERM");
  expect(await end).toEqual({ code: null, signal: "SIGTERM" });
});
