/** A notification as a browser gets it; a gap comes as one too. */
export interface Frame {
  type: string;
  title: string;
  message: string;
  data?: Record<string, unknown>;
  [field: string]: unknown;
}

/** How long a notification may take that must come. */
const DEADLINE_MS = 5_000;
/** How long is waited for one that must not come. */
const QUIET_MS = 200;
/** The shortest and the longest pause before it comes back: short, so that a test does not wait for it. */
const RECONNECT_MS = 20;
const LONGEST_RECONNECT_MS = 1_000;
/** So many heartbeats may be late before the connection counts as dead. */
const LATE_HEARTBEATS = 2;
/** From here on a close code says that coming back makes no sense. */
const FINAL_CODE = 4_500;

type Frames = AsyncGenerator<Frame, void, void>;

/** Where a listener connects, and as whom; it is asked before each connection. */
export interface Access {
  url: string;
  token: string;
}

/** A connected user of a test, who comes back with the cursor whenever the connection breaks. */
export class Listener {
  /** Everything that has come so far, in order, whether `next` has returned it or not. */
  readonly received: Frame[] = [];
  /** What the hub said of the connection itself: greetings, heartbeats, why it closed it. */
  readonly control: Frame[] = [];
  /** Where it has come to: what came after this is still to be received. */
  cursor: string | undefined;
  readonly #find: () => Access | Promise<Access>;
  #connection = new AbortController();
  #isClosed = false;
  #refusal = "";
  #taken = 0;
  #wake: () => void = () => {};

  private constructor(find: () => Access | Promise<Access>, cursor?: string) {
    this.#find = find;
    this.cursor = cursor;
  }

  /** Connect and wait for the greeting; throws where the hub refuses the connection. */
  static async open(find: () => Access | Promise<Access>, cursor?: string): Promise<Listener> {
    const listener = new Listener(find, cursor);
    const response = await listener.#connect();
    void listener.#run(response);
    return listener;
  }

  /** The next notification; throws where none comes within `timeoutMs`, and names what came before. */
  async next({ timeoutMs = DEADLINE_MS }: { timeoutMs?: number } = {}): Promise<Frame> {
    const deadline = Date.now() + timeoutMs;
    while (this.#taken >= this.received.length) {
      const leftMs = deadline - Date.now();
      if (leftMs <= 0 || this.#isClosed) throw new Error(this.#describeAbsence(timeoutMs));
      await this.#wait(leftMs);
    }
    return this.received[this.#taken++]!;
  }

  /** Wait this long; throws where a notification comes. */
  async expectNothing({ withinMs = QUIET_MS }: { withinMs?: number } = {}): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (Date.now() < deadline) {
      const frame = this.received[this.#taken];
      if (frame) throw new Error(`a notification came that was not expected: ${JSON.stringify(frame)}`);
      await this.#wait(deadline - Date.now());
    }
  }

  /** End the connection. */
  close(): void {
    this.#isClosed = true;
    this.#connection.abort();
    this.#wake();
  }

  #describeAbsence(timeoutMs: number): string {
    const before = this.received.map((frame) => frame.type).join(", ");
    const what = this.#isClosed
      ? `the listener is closed${this.#refusal && `, since the hub refused it: ${this.#refusal}`}`
      : `none came within ${timeoutMs} ms`;
    return `no notification: ${what}; ${before ? `before it came ${before}` : "nothing came before"}`;
  }

  async #wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#wake = resolve;
    });
    clearTimeout(timer);
  }

  async #run(first: Frames): Promise<void> {
    let frames: Frames | undefined = first;
    let attempts = 0;
    while (!this.#isClosed) {
      const seen = this.received.length;
      try {
        for await (const frame of frames ?? (await this.#connect())) this.#take(frame);
      } catch {
        // The hub is away or silent, or this listener was closed.
      }
      frames = undefined;
      attempts = this.received.length > seen ? 0 : attempts + 1;
      const longestMs = Math.min(LONGEST_RECONNECT_MS, RECONNECT_MS * 2 ** attempts);
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS + Math.random() * longestMs));
    }
  }

  /** Connect and take the greeting; a refusal that does not pass by itself closes the listener. */
  async #connect(): Promise<Frames> {
    const { url, token } = await this.#find();
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (this.cursor) headers["last-event-id"] = this.cursor;
    const connection = new AbortController();
    this.#connection = connection;
    if (this.#isClosed) connection.abort();
    const silence = new Silence(() => connection.abort(new Error("the hub was silent for too long")));
    try {
      const response = await fetch(`${url}/sse`, { headers, signal: connection.signal });
      if (!response.ok || !response.body) {
        this.#refusal = `${response.status} ${await response.text()}`;
        if (response.status < 500) this.close();
        throw new Error(`the hub did not accept the connection: ${this.#refusal}`);
      }
      const frames = this.#read(response.body, silence);
      const { value } = await frames.next();
      if (value?.type !== "connection_established") throw new Error("the hub did not greet the connection");
      this.control.push(value);
      this.cursor ??= cursorOf(value);
      silence.limit(LATE_HEARTBEATS * Number(value.data?.["heartbeatSeconds"]) * 1_000);
      return frames;
    } catch (error) {
      silence.end();
      throw error;
    }
  }

  #take(frame: Frame): void {
    const isForUser = "id" in frame || frame.type === "gap";
    (isForUser ? this.received : this.control).push(frame);
    if (frame.type === "gap") this.cursor = cursorOf(frame);
    if (frame.type === "closing" && Number(frame["code"]) >= FINAL_CODE) this.close();
    if (isForUser) this.#wake();
  }

  async *#read(body: ReadableStream<Uint8Array>, silence: Silence): Frames {
    const decoder = new TextDecoder();
    let text = "";
    try {
      for await (const chunk of body) {
        silence.broken();
        text += decoder.decode(chunk, { stream: true }).replaceAll("\r", "");
        for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
          const event = text.slice(0, end);
          text = text.slice(end + 2);
          this.cursor = /^id: ?(.+)$/m.exec(event)?.[1] ?? this.cursor;
          const data = /^data: ?(.*)$/m.exec(event)?.[1];
          if (data) yield JSON.parse(data);
        }
      }
    } finally {
      silence.end();
    }
  }
}

/** Calls back when nothing came for too long. */
class Silence {
  readonly #onDead: () => void;
  #limitMs = DEADLINE_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(onDead: () => void) {
    this.#onDead = onDead;
    this.broken();
  }

  /** Allow this much from now on. */
  limit(ms: number): void {
    this.#limitMs = ms;
    this.broken();
  }

  /** Something came. */
  broken(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onDead, this.#limitMs);
  }

  /** The connection has ended. */
  end(): void {
    clearTimeout(this.#timer);
  }
}

/** Where a greeting or a gap says that the connection stands. */
function cursorOf(frame: Frame): string | undefined {
  const cursor = frame.data?.["cursor"];
  return typeof cursor === "string" ? cursor : undefined;
}
