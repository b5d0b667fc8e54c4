import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Listener } from "./listener.js";
import { type Person, signToken } from "./person.js";

/** How a hub is started. */
export interface HubOptions {
  /** The program: by default what `HUB_COMMAND` says, else `hub`, which `pip install notification-hub` brings. */
  command?: readonly string[];
  /** Settings of the hub, as environment variables: `HUB_CONTRACTS`, `WS_HEARTBEAT_INTERVAL`, ... */
  env?: Record<string, string>;
  /** Where its log is; by default a temporary folder, which goes when the hub is closed. */
  folder?: string;
  /** Where it listens; by default a free port. */
  port?: number;
  /** Whether it knows the demo users alone (`DEMO_USERS`), as `hub serve --dev` does; by default any user exists. */
  demoUsers?: boolean;
}

/** What is published; without a target it is for the hub's own user. */
export interface Publication {
  title?: string;
  message?: string;
  data?: unknown;
  user_id?: string;
  user_ids?: string[];
  account_id?: string;
  everyone?: boolean;
  [field: string]: unknown;
}

/** What the hub says of a stored notification. */
export interface Receipt {
  id: string;
  cursor: string;
  duplicate: boolean;
  connections: number;
}

/** The hub refused a publish; `problem` is its response (RFC 9457). */
export class PublishRefused extends Error {
  readonly problem: { code: string; title: string; status: number; detail?: string; field?: string };

  constructor(problem: PublishRefused["problem"]) {
    super(`${problem.code}: ${problem.title}${problem.detail ? `: ${problem.detail}` : ""}`);
    this.name = "PublishRefused";
    this.problem = problem;
  }
}

/** How long a hub may take to start or to end, on a machine that is busy. */
const DEADLINE_MS = 30_000;
/** So many of the hub's newest log lines are kept. */
const LOG_LINES = 1_000;
const OPERATIONS = ["publish", "stats", "disconnect", "observe", "observe_ids", "forget", "webhooks"];
const LOCAL_ORIGINS = [3000, 4173, 5173, 8080].flatMap((port) => [
  `http://localhost:${port}`,
  `http://127.0.0.1:${port}`,
]);

/** A real hub in a process of its own, with a log, a secret, an account and a user that no other has. */
export class LocalHub {
  readonly serviceKey = `hubk_${randomBytes(32).toString("base64url")}`;
  readonly accountId: string = `account-${randomBytes(4).toString("hex")}`;
  readonly userId: string = `user-${randomBytes(4).toString("hex")}`;
  /** Where it responds; the same after a restart. */
  url = "";
  /** Its newest log lines; the fixtures print them for a test that fails. */
  readonly log: string[] = [];
  readonly #options: HubOptions;
  readonly #folder: string;
  /** Begins as a secret for development does, which `hub serve --dev` asks for. */
  readonly #secret = `dev-${randomBytes(32).toString("hex")}`;
  readonly #listeners: Listener[] = [];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(options: HubOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Start a hub; throws with its own words where it does not start. */
  static async start(options: HubOptions = {}): Promise<LocalHub> {
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), "hub-")));
    const hub = new LocalHub(options, folder);
    const sha256 = createHash("sha256").update(hub.serviceKey).digest("hex");
    const key = { name: "tests", sha256, everyone: true, operations: OPERATIONS };
    await writeFile(join(folder, "keys.json"), JSON.stringify({ keys: [key] }), { mode: 0o600 });
    try {
      await hub.start();
    } catch (error) {
      await hub.close();
      throw error;
    }
    return hub;
  }

  /** The address of its WebSocket. */
  get wsUrl(): string {
    return `${this.url.replace("http", "ws")}/ws`;
  }

  /** The variables that a service and the command `hub` read: the address and the service key. */
  get environ(): { HUB_URL: string; HUB_KEY: string; HUB_SERVICE_KEY: string } {
    return { HUB_URL: this.url, HUB_KEY: this.serviceKey, HUB_SERVICE_KEY: this.serviceKey };
  }

  /** A user's token, by default of this hub's own user; its claims are named as the hub's settings name them. */
  token(person: Partial<Person> = {}, options: Parameters<typeof signToken>[2] = {}): string {
    const whole = { userId: this.userId, accountId: this.accountId, ...person };
    const { HUB_JWT_USER_CLAIM, HUB_JWT_ACCOUNT_CLAIM, HUB_JWT_ROLE_CLAIM } = this.#options.env ?? {};
    const named = {
      [HUB_JWT_USER_CLAIM ?? "user_id"]: whole.userId,
      [HUB_JWT_ACCOUNT_CLAIM ?? "account_id"]: whole.accountId,
      [HUB_JWT_ROLE_CLAIM ?? "role"]: "user",
    };
    return signToken(this.#secret, whole, { ...options, claims: { ...named, ...options.claims } });
  }

  /** Publish as a service does and return the receipt; throws `PublishRefused`. The same key twice stores one. */
  async publish(
    type: string,
    publication: Publication = {},
    { idempotencyKey }: { idempotencyKey?: string } = {},
  ): Promise<Receipt> {
    // A field that is undefined is one that is left out; as a target it must not widen whom this is for.
    const given = Object.fromEntries(Object.entries(publication).filter(([, value]) => value !== undefined));
    const isTargeted = ["user_id", "user_ids", "account_id"].some((name) => name in given);
    const target = given.everyone
      ? {}
      : { account_id: this.accountId, ...(isTargeted ? {} : { user_id: this.userId }) };
    const response = await fetch(`${this.url}/api/internal/notify`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${this.serviceKey}`,
        "content-type": "application/json",
        ...(idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey }),
      },
      body: JSON.stringify({ type, title: "title", message: "message", ...target, ...given }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    if (response.status !== 202) throw new PublishRefused((await response.json()) as PublishRefused["problem"]);
    return (await response.json()) as Receipt;
  }

  /** Connect as a user, by default this hub's own; what is published from then on comes from `next`, over restarts too. */
  async listen(person: Partial<Person> = {}, { cursor }: { cursor?: string } = {}): Promise<Listener> {
    const listener = await Listener.open(() => ({ url: this.url, token: this.token(person) }), cursor);
    this.#listeners.push(listener);
    return listener;
  }

  /** End the hub in order and start it again, with its log and at its address, as a deployment does. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** End the process at once, as a crash does; what was acknowledged is there after `start`. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** End the hub in order; listeners wait until `start`. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Start the hub where it was stopped. */
  async start(): Promise<void> {
    const [program = "hub", ...rest] = this.#options.command ?? process.env.HUB_COMMAND?.split(" ") ?? ["hub"];
    const port = this.url ? new URL(this.url).port : String(this.#options.port ?? 0);
    const child = spawn(program, [...rest, "serve", ...(this.#options.demoUsers ? ["--dev"] : [])], {
      env: {
        ...inheritedEnvironment(),
        JWT_SECRET: this.#secret,
        HUB_SERVICE_KEYS_FILE: join(this.#folder, "keys.json"),
        HUB_DATA_DIR: join(this.#folder, "data"),
        HUB_DRAIN: "0",
        HUB_PORT: port,
        HUB_ALLOWED_ORIGINS: LOCAL_ORIGINS.join(","),
        ...this.#options.env,
      },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    let failed = "";
    this.#ended = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", (error) => {
        failed = `${program}: ${error.message} (pip install notification-hub, or set HUB_COMMAND)`;
        resolve();
      });
    });
    const deadline = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    const begin = this.log.length;
    const lines = createInterface(child.stderr);
    const url = await new Promise<string>((resolve) => {
      lines.on("line", (line) => {
        this.log.push(line);
        if (this.log.length > LOG_LINES) this.log.shift();
        const address = /listening on (http:[^\s"]+)/.exec(line)?.[1];
        if (address) resolve(address);
      });
      lines.once("close", () => resolve(""));
    });
    clearTimeout(deadline);
    if (!url) {
      await this.#ended;
      throw new Error(`the hub did not start: ${failed || this.log.slice(begin).join("\n")}`);
    }
    this.url = url;
  }

  /** End the hub and its listeners for good, and remove its folder where it was temporary. */
  async close(): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    await this.stop();
    if (!this.#options.folder) await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    child.kill(signal);
    const deadline = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    await this.#ended;
    clearTimeout(deadline);
  }
}

/** The environment of this process without what would be settings of the hub. */
function inheritedEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HUB|JWT|WS)_/.test(name)));
}
