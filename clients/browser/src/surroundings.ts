/** Where the client runs: a page, a worker, Node or React Native, none of which has all that the others have. */
import type { Transport } from "./status.js";

/** React Native's `AppState`, as far as it is needed: what says that the app is looked at again. */
export interface AppStateLike {
  addEventListener(type: "change", listener: (state: string) => void): { remove(): void };
}

/** Return the hub's address, `http(s)`, without `/ws` and a slash at its end. Throws a TypeError where it is none. */
export function readAddress(url: string): string {
  const page = globalThis.location?.href;
  if (!page && !/^(ws|http)s?:/i.test(url))
    throw new TypeError(
      "url: is not the address of a hub, and there is no page to complete it (example: https://hub.example.com)",
    );
  // React Native's own URL knows little more than `href`.
  return new URL(url, page).href.replace(/^ws/i, "http").replace(/\/*(\/ws\/?)?([?#].*)?$/, "");
}

/** Return those of `transports` that can be used here, best first. Throws where none can. */
export function findTransports(transports: readonly Transport[]): Transport[] {
  const usable = transports.filter(
    (transport) => typeof globalThis[transport === "ws" ? "WebSocket" : "fetch"] === "function",
  );
  if (!usable.length)
    throw new Error(
      `The notification hub cannot be reached from here: ${transports.join(", ")} needs WebSocket or fetch, and there is none`,
    );
  return usable;
}

const EVENTS: ["window" | "document", string[]][] = [
  ["window", ["online", "offline", "focus", "pagehide", "pageshow"]],
  ["document", ["visibilitychange", "freeze", "resume"]],
];

/** Call `listener` for what wakes the page, sends it to sleep, or takes its network; returns what ends that. */
export function watchSurroundings(listener: (event: Event) => void): () => void {
  const watched = EVENTS.map(([name, types]) => [name === "window" ? globalThis : globalThis.document, types] as const);
  const each = (act: "addEventListener" | "removeEventListener"): void => {
    for (const [target, types] of watched) for (const type of types) target?.[act]?.(type, listener);
  };
  each("addEventListener");
  return () => each("removeEventListener");
}
