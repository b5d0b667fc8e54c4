/** Starts, awaits and ends the programs that a test in a browser needs, each a real process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import path from "node:path";

export const ROOT = path.resolve(import.meta.dirname, "../..");
export const DEADLINE_MS = 20_000;
const START_MS = 60_000;
const EVERY_MS = 20;
/** The kernel does not choose these by itself, so a port is still free after a kill. */
const PORTS = { first: 20_000, count: 10_000 };

export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Wait until `look` returns something true, and return that; `what` names it for the error. */
export async function until(look, what, deadlineMs = DEADLINE_MS) {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await pause(EVERY_MS);
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true) || socket.destroy()).on("error", () =>
      resolve(false),
    );
  });
}

/** Return a port on which nothing listens. */
export async function findPort() {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    if (!(await answers(port))) return port;
  }
}

/** One program on one port, served by one process after another. */
export class Program {
  #command;
  #folder;
  #output = "";
  #process;

  constructor(port, folder, command) {
    this.port = port;
    this.#folder = path.join(ROOT, folder);
    this.#command = command;
  }

  /** Start a process and wait until its port answers. */
  async start(env = {}) {
    const [file, ...args] = this.#command;
    const child = spawn(file, args, {
      cwd: this.#folder,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child.stdout.on("data", (text) => (this.#output += text));
    child.stderr.on("data", (text) => (this.#output += text));
    this.#process = child;
    await until(
      () => {
        if (child.exitCode !== null) throw new Error(`${file} ended:\n${this.#output}`);
        return answers(this.port);
      },
      `${file} at its port`,
      START_MS,
    );
  }

  /** Send the process a signal. */
  signal(name) {
    this.#process.kill(name);
  }

  /** End the process as a power switch would. */
  kill() {
    return this.stop("SIGKILL");
  }

  /** End the process in order; nothing happens where none runs. */
  async stop(signal = "SIGTERM") {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  }
}

/** Run a program to its end. */
export async function run(folder, command, env = {}) {
  const child = spawn(command[0], command.slice(1), {
    cwd: path.join(ROOT, folder),
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}:\n${output}`);
}

/** Return a token with these claims, as AvAdmin issues them. */
export async function sign(claims, secret) {
  const encode = (bytes) => Buffer.from(bytes).toString("base64url");
  const text = `${encode(JSON.stringify({ alg: "HS256", typ: "JWT" }))}.${encode(JSON.stringify(claims))}`;
  const key = await crypto.subtle.importKey("raw", Buffer.from(secret), { name: "HMAC", hash: "SHA-256" }, false, [
    "sign",
  ]);
  return `${text}.${encode(await crypto.subtle.sign("HMAC", key, Buffer.from(text)))}`;
}
