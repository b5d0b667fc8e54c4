import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import path from "node:path";

/**
 * What became of one attempt: it is done with, it was refused for good, it has to be tried again because the other side
 * is away, or it failed by itself perhaps, and is tried again for a while.
 */
export type Outcome = "done" | "refused" | "again" | "failed";
/** Tries to send what was spooled; `id` is the same at every attempt, also after a restart. */
export type Deliver = (content: Buffer, id: string, signal: AbortSignal) => Promise<Outcome>;

/** What a spool holds and has done since the start. */
export interface SpoolCounts {
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly done: number;
  readonly refused: number;
}

interface Entry {
  readonly name: string;
  readonly bytes: number;
}

/** What an entry is called: its number and its id. */
const NAME = /^\d{12}-[0-9a-f-]{36}$/;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

/**
 * A queue on disk, in order, for events that the gateway sends only once.
 *
 * What `put` took is on disk and is delivered, at least once, whatever is killed in between. What is refused for good, or
 * fails by itself for so long that the others behind it must not wait any more, is kept in `refused/` beside it. One file
 * each, named by its number and its id.
 */
export class Spool {
  readonly #folder: string;
  readonly #limitBytes: number;
  readonly #giveUpMs: number;
  readonly #entries: Entry[];
  readonly #end = new AbortController();
  #bytes: number;
  #last: number;
  #done = 0;
  #refused = 0;
  /** Ends the wait for the next entry. */
  #wake = (): void => {};
  /** The writing under way: entries come into being in the order in which they were put. */
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, limitBytes: number, giveUpMs: number, entries: Entry[]) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
    this.#giveUpMs = giveUpMs;
    this.#entries = entries;
    this.#bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    this.#last = Number.parseInt(entries.at(-1)?.name ?? "0", 10);
  }

  /**
   * Open the spool in a folder, made if there is none, with what an earlier life left there.
   *
   * `limitBytes` is what it holds at most, and `giveUpMs` how long one entry may fail by itself.
   */
  static async open(folder: string, limitBytes: number, giveUpMs: number): Promise<Spool> {
    await mkdir(path.join(folder, "refused"), { recursive: true, mode: 0o700 });
    const entries: Entry[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const file = path.join(folder, name);
      // A draft was never acknowledged.
      if (name.endsWith(".draft")) await unlink(file);
      // What else there may be is somebody else's.
      else if (NAME.test(name)) entries.push({ name, bytes: (await stat(file)).size });
    }
    return new Spool(folder, limitBytes, giveUpMs, entries);
  }

  get counts(): SpoolCounts {
    return { waiting: this.#entries.length, waitingBytes: this.#bytes, done: this.#done, refused: this.#refused };
  }

  /** Keep this; resolves to whether it was taken, once it is on disk. False: the spool is full, or the disk is. */
  put(content: Buffer): Promise<boolean> {
    const written = this.#writing.then(() => this.#write(content)).catch(() => false);
    this.#writing = written;
    return written;
  }

  /** Deliver one after the other, with growing pauses while that fails, until `stop`. */
  async run(deliver: Deliver): Promise<void> {
    while (!this.#end.signal.aborted) {
      const entry = this.#entries[0];
      if (entry) await this.#deliver(entry, deliver);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Deliver nothing more; what waits stays on disk. */
  async stop(): Promise<void> {
    this.#end.abort();
    this.#wake();
    await this.#writing;
  }

  async #write(content: Buffer): Promise<boolean> {
    if (this.#bytes + content.length > this.#limitBytes) return false;
    const name = `${String(this.#last + 1).padStart(12, "0")}-${randomUUID()}`;
    const draft = path.join(this.#folder, `${name}.draft`);
    const file = await open(draft, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path.join(this.#folder, name));
    await syncFolder(this.#folder);
    this.#last++;
    this.#entries.push({ name, bytes: content.length });
    this.#bytes += content.length;
    this.#wake();
    return true;
  }

  async #deliver(entry: Entry, deliver: Deliver): Promise<void> {
    const file = path.join(this.#folder, entry.name);
    const id = entry.name.slice(entry.name.indexOf("-") + 1);
    let failingSinceMs: number | undefined;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const content = await readIfThere(file);
      const outcome = content ? await deliver(content, id, this.#end.signal) : "done";
      if (outcome === "done" || outcome === "refused") return await this.#settle(entry, outcome);
      if (this.#end.signal.aborted) return;
      if (outcome === "failed") {
        failingSinceMs ??= performance.now();
        if (performance.now() - failingSinceMs >= this.#giveUpMs) {
          console.error(`wppconnect-bridge: an event fails again and again, and is kept aside: ${entry.name}`);
          return await this.#settle(entry, "refused");
        }
      }
      await sleep(pauseMs * (0.5 + Math.random() / 2), this.#end.signal);
      if (this.#end.signal.aborted) return;
    }
  }

  async #settle(entry: Entry, outcome: "done" | "refused"): Promise<void> {
    const file = path.join(this.#folder, entry.name);
    if (outcome === "done") await rm(file, { force: true });
    else await rename(file, path.join(this.#folder, "refused", entry.name));
    this.#entries.shift();
    this.#bytes -= entry.bytes;
    outcome === "done" ? this.#done++ : this.#refused++;
  }
}

/** Return a file's content, or undefined where somebody took it away. */
async function readIfThere(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
