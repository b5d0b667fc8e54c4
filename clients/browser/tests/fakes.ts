/** The outside of the client: sockets, requests, locks and channels that do what a test says, when it says so. */
import { vi } from "vitest";
import type { StorageLike } from "../src/storage.js";
import type { AnyFrame, StockAlert } from "../src/wire.js";

/** Every link that was opened since `installFakes`. */
export const sockets: FakeSocket[] = [];
export const requests: FakeRequest[] = [];

export class FakeSocket {
  onmessage: (event: { data: unknown }) => void = () => undefined;
  onclose: (event: { code: number; reason?: string }) => void = () => undefined;
  closed = false;
  /** What the client sent, parsed. */
  readonly sent: unknown[] = [];
  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    sockets.push(this);
  }
  get cursor(): string | null {
    return new URL(this.url).searchParams.get("cursor");
  }
  get token(): string {
    return atob(this.protocols[1]!.slice("hub.bearer.".length).replaceAll("-", "+").replaceAll("_", "/"));
  }
  say(...frames: AnyFrame[]): void {
    for (const frame of frames) this.onmessage({ data: JSON.stringify(frame) });
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  /** The hub, or the network, ends it. */
  end(code = 1006, reason = ""): void {
    this.closed = true;
    this.onclose({ code, reason });
  }
  /** The client ends it; a browser then reports that too, later. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    setTimeout(() => this.onclose({ code: 1005, reason: "" }));
  }
}

export class FakeRequest {
  readonly path: string;
  readonly headers: Record<string, string>;
  aborted = false;
  private resolve!: (response: Response) => void;
  private reject!: (error: unknown) => void;
  private stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  readonly response = new Promise<Response>((resolve, reject) => Object.assign(this, { resolve, reject }));
  constructor(
    readonly url: string,
    readonly init: RequestInit,
  ) {
    this.headers = init.headers as Record<string, string>;
    this.path = new URL(url).pathname;
    requests.push(this);
    init.signal?.addEventListener("abort", () => {
      this.aborted = true;
      this.fail(new DOMException("aborted", "AbortError"));
    });
  }
  respond(status: number, body: unknown, headers: Record<string, string> = {}): void {
    this.resolve(
      new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } }),
    );
  }
  /** A response without a body. */
  empty(status: number): void {
    this.resolve(new Response(null, { status }));
  }
  /** The hub's own refusal. */
  refuse(status: number, code: string, headers: Record<string, string> = {}): void {
    this.respond(status, { code, title: "A title" }, { "content-type": "application/problem+json", ...headers });
  }
  page(frames: AnyFrame[], cursor: string, resume = "replayed"): void {
    this.respond(200, { frames, cursor, resume });
  }
  /** Begin an event stream, as the hub does. */
  async begin(): Promise<void> {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.stream = controller) });
    this.resolve(new Response(body, { headers: { "content-type": "text/event-stream; charset=utf-8" } }));
    await this.write(`: ${".".repeat(2046)}\r\nretry: 3000\r\n\r\n`);
  }
  async write(text: string): Promise<void> {
    this.stream!.enqueue(new TextEncoder().encode(text));
    await flush();
  }
  async say(...frames: AnyFrame[]): Promise<void> {
    for (const frame of frames) {
      const id = "cursor" in frame ? `id: ${frame.cursor}\r\n` : "";
      await this.write(`${id}data: ${JSON.stringify(frame)}\r\n\r\n`);
    }
  }
  async end(): Promise<void> {
    this.stream!.close();
    await flush();
  }
  fail(error: unknown = new TypeError("Failed to fetch")): void {
    this.reject(error);
    try {
      this.stream?.error(error);
    } catch {
      // It had ended.
    }
  }
}

/** Web Locks as far as the client uses them: exclusive, in order of asking, or stolen. */
export class FakeLocks {
  private readonly queues = new Map<string, FakeHold[]>();
  /** The locks lost by a tab that is frozen, which it has not read yet. */
  unread: (() => void)[] | undefined;
  async request(name: string, { signal, steal }: LockOptions, hold: () => Promise<void> | undefined): Promise<void> {
    if (steal && signal) throw new DOMException("steal and signal", "NotSupportedError");
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new DOMException("aborted", "AbortError"));
      const entry: FakeHold = {
        fail,
        grant: async () => {
          await hold();
          // A lock that was stolen is not passed on.
          if (queue[0] !== entry) return;
          queue.shift();
          void queue[0]?.grant();
          resolve();
        },
      };
      signal?.addEventListener("abort", () => {
        const place = queue.indexOf(entry);
        if (place <= 0) return;
        queue.splice(place, 1);
        fail();
      });
      if (steal) {
        const stolen = queue.shift()?.fail;
        if (stolen && this.unread) this.unread.push(stolen);
        else stolen?.();
        queue.unshift(entry);
      } else {
        queue.push(entry);
      }
      if (queue[0] === entry) void Promise.resolve().then(entry.grant);
    });
  }
}

interface FakeHold {
  grant(): Promise<void>;
  fail(): void;
}

export class FakeChannel {
  static readonly all = new Set<FakeChannel>();
  /** Says which messages get lost. */
  static loses: (data: never) => boolean = () => false;
  onmessage: (event: { data: unknown }) => void = () => undefined;
  /** What a tab that is frozen has not read yet. */
  private unread: unknown[] | undefined;
  constructor(readonly name: string) {
    FakeChannel.all.add(this);
  }
  postMessage(data: unknown): void {
    const copy = structuredClone(data);
    if (FakeChannel.loses(copy as never)) return;
    for (const other of FakeChannel.all) {
      if (other !== this && other.name === this.name) queueMicrotask(() => other.receive(copy));
    }
  }
  private receive(data: unknown): void {
    if (!FakeChannel.all.has(this)) return;
    if (this.unread) this.unread.push(data);
    else this.onmessage({ data });
  }
  /** The tab is frozen: it reads no message. */
  freeze(): void {
    this.unread = [];
  }
  thaw(): void {
    const unread = this.unread ?? [];
    this.unread = undefined;
    for (const data of unread) this.receive(data);
  }
  close(): void {
    FakeChannel.all.delete(this);
  }
}

export function memoryStorage(): StorageLike & { items: Map<string, string> } {
  const items = new Map<string, string>();
  return { items, getItem: (key) => items.get(key) ?? null, setItem: (key, value) => void items.set(key, value) };
}

/** Put the fakes in the place of the browser's own, with timers that only a test moves; `share` brings locks and channels. */
export function installFakes({ share = false } = {}): void {
  sockets.length = requests.length = 0;
  FakeChannel.all.clear();
  FakeChannel.loses = () => false;
  if (typeof window === "object") {
    localStorage.clear();
    sessionStorage.clear();
    Object.defineProperty(navigator, "locks", { value: share ? new FakeLocks() : undefined, configurable: true });
  }
  vi.useFakeTimers({ now: Date.parse("2026-11-22T12:00:00Z") });
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => new FakeRequest(url, init).response);
  vi.stubGlobal("BroadcastChannel", share ? FakeChannel : undefined);
}

export function removeFakes(): void {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
}

/** Let everything happen that needs no time. */
export async function flush(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

export function newestSocket(): FakeSocket {
  return sockets.at(-1)!;
}

export function newestRequest(): FakeRequest {
  return requests.at(-1)!;
}

/** The greeting of a connection. */
export function hello(
  cursor = "epoch-0",
  resume: "live" | "replayed" | "gap" = "live",
  heartbeatSeconds = 30,
  features?: string[],
): AnyFrame {
  const data = { connectionId: "c", resume, cursor, heartbeatSeconds, ...(features && { features }) };
  return { type: "connection_established", title: "t", message: "m", data, timestamp: "2026-11-22T12:00:00.000Z" };
}

/** The `number`th notification of the log. */
export function alert(number: number): StockAlert {
  const timestamp = new Date(Date.parse("2026-11-22T12:00:00Z") + number).toISOString();
  return {
    type: "stock_alert",
    title: `n${number}`,
    message: "m",
    timestamp,
    id: `id-${number}`,
    cursor: `epoch-${number}`,
  };
}

/** What a connection says on the console. */
export const quiet = { warn: vi.fn(), debug: vi.fn() };

/** A token as AvAdmin issues them; `number` makes it another one of the same user. */
export function token(user = "u", account = "a", number = 0): string {
  const part = (value: object): string => btoa(JSON.stringify(value)).replaceAll("=", "");
  return `${part({ alg: "HS256" })}.${part({ sub: user, account_id: account, exp: number })}.s`;
}
