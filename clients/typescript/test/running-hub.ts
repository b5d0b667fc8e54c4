import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The demo users of `hub serve --dev`, each in an account of their own. */
export const BUYER = { userId: "00000000001", accountId: "00000000000101" };
export const SELLER = { userId: "00000000002", accountId: "00000000000202" };

export interface Frame {
  type: string;
  title: string;
  message: string;
  data?: Record<string, unknown>;
  [field: string]: unknown;
}

/** A real hub on a free port, in a process and a folder of its own. */
export interface RunningHub {
  readonly url: string;
  readonly key: string;
  token(person: { userId: string; accountId: string }): string;
  /** Connect as a person and wait for the greeting; what was published since then comes from `next`. */
  listen(person: { userId: string; accountId: string }): Promise<Listener>;
  stop(): Promise<void>;
}

/** One connection of a subscriber. */
export interface Listener {
  next(): Promise<Frame>;
  close(): void;
}

/** Start `hub serve --dev`; port 0 takes a free one. */
export async function startHub(
  options: { port?: number; folder?: string; env?: Record<string, string> } = {},
): Promise<RunningHub> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "hub-")));
  const bin = fileURLToPath(new URL("../../../.venv/bin/hub", import.meta.url));
  const child = spawn(bin, ["serve", "--dev", "--port", String(options.port ?? 0)], {
    env: { PATH: process.env.PATH, HUB_DATA_DIR: join(folder, "data"), HUB_DRAIN: "0", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let url = "";
  const lines = createInterface(child.stdout);
  for await (const line of lines) {
    url = /^The hub runs at (\S+)/.exec(line)?.[1] ?? "";
    if (url) break;
  }
  child.stdout.resume();
  if (!url) throw new Error(`the hub did not start: ${errors}`);
  const made = JSON.parse(await readFile(join(folder, "data", "dev.json"), "utf8"));
  const token = (person: { userId: string; accountId: string }) => sign(made.jwt_secret, person);
  return {
    url,
    key: made.service_key,
    token,
    listen: (person) => listen(url, token(person)),
    async stop() {
      child.kill("SIGTERM");
      await ended;
      if (!options.folder) await rm(folder, { recursive: true });
    },
  };
}

function sign(secret: string, person: { userId: string; accountId: string }): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    sub: person.userId,
    user_id: person.userId,
    account_id: person.accountId,
    role: "user",
    exp: Math.floor(Date.now() / 1000) + 3600,
  };
  const text = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

async function listen(url: string, token: string): Promise<Listener> {
  const control = new AbortController();
  const response = await fetch(`${url}/sse`, {
    headers: { authorization: `Bearer ${token}` },
    signal: control.signal,
  });
  if (!response.ok || !response.body) throw new Error(`not connected: ${response.status}`);
  const frames = readFrames(response.body);
  const next = async (): Promise<Frame> => {
    const { value, done } = await frames.next();
    if (done) throw new Error("the stream ended");
    return value;
  };
  const hello = await next();
  if (hello.type !== "connection_established") throw new Error(`no greeting: ${hello.type}`);
  return { next, close: () => control.abort() };
}

async function* readFrames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame, void, void> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true }).replaceAll("\r", "");
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const data = /^data: ?(.*)$/m.exec(text.slice(0, end))?.[1];
      text = text.slice(end + 2);
      if (data) yield JSON.parse(data);
    }
  }
}
