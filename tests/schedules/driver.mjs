/**
 * The browser client in Node, many pages in one process, told what to do a line of JSON at a time.
 *
 * Time runs SPEED times as fast for the client, which sees it only through `setTimeout`, `Date.now`, and the seconds in
 * frames.
 */
import { setMaxListeners } from "node:events";
import { createInterface } from "node:readline";
import { createHub } from "../../clients/browser/src/index.ts";
import "./page.mjs";

const speed = Number(process.argv[2]);
const { setTimeout: wait } = globalThis;
const now = Date.now;
const startedAt = now();
globalThis.setTimeout = (act, ms = 0, ...given) => wait(act, ms / speed, ...given);
Date.now = () => startedAt + (now() - startedAt) * speed;

const { parse } = JSON;
JSON.parse = (text) =>
  parse(text, (key, value) => (key === "heartbeatSeconds" || key === "withinSeconds" ? value * speed : value));

// Many pages share these two.
setMaxListeners(0, window, document);
globalThis.reportError = (error) => {
  throw error;
};

const pages = new Map();
const say = (id, what) => process.stdout.write(JSON.stringify({ id, ...what }) + "\n");

function makeStorage() {
  const items = new Map();
  return { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

const commands = {
  open: ({ id, url, token, forgetful }) => {
    const page = pages.get(id) ?? { storage: makeStorage(), tabStorage: makeStorage() };
    pages.set(id, page);
    const kept = forgetful ? { storage: null } : { storage: page.storage, tabStorage: page.tabStorage };
    page.hub = createHub({ url, getToken: () => token, ...kept });
    page.hub.onAny(({ title }) => say(id, { event: "notification", title }));
    page.hub.on("gap", () => say(id, { event: "gap" }));
    page.hub.subscribe(() => say(id, { event: page.hub.status.state, transport: page.hub.status.transport }));
    page.hub.connect();
  },
  close: ({ id }) => pages.get(id).hub.close(),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  })
  .on("close", () => process.exit());
