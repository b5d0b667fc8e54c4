/** How notifications get to clients: the names, and which of the rarer ones are in use. */
import type { Point } from "./history.js";
import type { Texts } from "./texts/index.js";

export type LastingTransport = "websocket" | "sse" | "durable-streams";
export type Transport = LastingTransport | "poll";

const COMMON: readonly LastingTransport[] = ["websocket", "sse"];

export function nameTransport(transport: Transport, texts: Texts): string {
  return transport === "durable-streams" ? texts.durableStreams : texts[transport];
}

/** Those that keep connections open: the common ones, and readers of Durable Streams where there were any. */
export function lastingTransports(history: readonly Point[]): readonly LastingTransport[] {
  const figures = history.at(-1)?.figures;
  const isUsed = (figures?.connected["durable-streams"] ?? 0) > 0;
  return isUsed ? [...COMMON, "durable-streams"] : COMMON;
}
