/** The operator's stream: opened, watched for silence, and opened again after a break. */
import { createEventReader } from "./events.js";
import { HubFailure, send } from "./hub.js";
import type { Introduction, ObservationEvent } from "./wire.js";

const PATH = "/api/internal/observe";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** After so many intervals without a byte the connection counts as lost; a slow hub is late, and not lost, before. */
const SILENT_INTERVALS = 10;
/** Refusals that another attempt does not change. */
const FINAL_STATUSES = new Set([401, 403, 404]);

export type WatchState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "lost"; attempt: number; retryAtMs: number; failure: HubFailure | undefined }
  | { kind: "ended"; failure: HubFailure };

export interface WatchHandlers {
  onEvent(event: ObservationEvent): void;
  onState(state: WatchState): void;
}

/** How long to wait before the next attempt: longer after each one up to a bound, and at random. */
export function pauseMs(attempt: number, random: () => number = Math.random): number {
  const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1));
  return most / 2 + (most / 2) * random();
}

/** Watch the hub until the returned function is called, or the hub refuses the key. */
export function watch(key: string, handlers: WatchHandlers): () => void {
  const stop = new AbortController();
  void run(key, handlers, stop.signal);
  return () => stop.abort();
}

async function run(key: string, handlers: WatchHandlers, stop: AbortSignal): Promise<void> {
  let attempt = 0;
  handlers.onState({ kind: "connecting" });
  while (!stop.aborted) {
    let failure: HubFailure | undefined;
    try {
      await readStream(key, stop, (event) => {
        if (event.type === "introduction") {
          attempt = 0;
          handlers.onState({ kind: "live" });
        }
        handlers.onEvent(event);
      });
    } catch (error) {
      if (stop.aborted) return;
      failure = error instanceof HubFailure ? error : new HubFailure("unreachable");
      if (FINAL_STATUSES.has(failure.status)) {
        handlers.onState({ kind: "ended", failure });
        return;
      }
    }
    if (stop.aborted) return;
    attempt += 1;
    const waitMs = pauseMs(attempt);
    handlers.onState({ kind: "lost", attempt, retryAtMs: Date.now() + waitMs, failure });
    await pause(waitMs, stop);
  }
}

async function readStream(key: string, stop: AbortSignal, take: (event: ObservationEvent) => void): Promise<void> {
  const silence = new AbortController();
  const response = await send(key, PATH, {
    headers: { accept: "text/event-stream" },
    signal: AbortSignal.any([stop, silence.signal]),
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream") || response.body === null) {
    throw new HubFailure("unreachable", 0);
  }
  const body = response.body.getReader();
  const events = createEventReader();
  let allowedMs = SILENT_INTERVALS * 1_000;
  try {
    for (;;) {
      const timer = setTimeout(() => silence.abort(), allowedMs);
      const { done, value } = await body.read().finally(() => clearTimeout(timer));
      if (done) return;
      for (const data of events.read(value)) {
        const event = JSON.parse(data) as ObservationEvent;
        if (event.type === "introduction") allowedMs = silenceMs(event);
        take(event);
      }
    }
  } finally {
    void body.cancel().catch(() => {});
  }
}

function silenceMs(introduction: Introduction): number {
  return Math.max(5_000, SILENT_INTERVALS * introduction.interval_seconds * 1_000);
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      window.removeEventListener("online", end);
      stop.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    // The network is back: nothing is gained by waiting.
    window.addEventListener("online", end);
    stop.addEventListener("abort", end);
  });
}
