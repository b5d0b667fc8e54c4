/** Where the client runs: a page, a worker, Node or React Native; each lacks something that the others have. */
import type { Transport } from "./status.js";

/** The part of React Native's `AppState` that is needed: it tells when the user looks at the app again. */
export interface AppStateLike {
  addEventListener(type: "change", listener: (state: string) => void): { remove(): void };
}

/** Return the hub's address, `http(s)`, without `/ws` and a slash at its end. Throws a TypeError if it is not valid. */
export function readAddress(url: string): string {
  const page = globalThis.location?.href;
  if (!page && !/^(ws|http)s?:/i.test(url))
    throw new TypeError(
      "url: is not the address of a hub, and there is no page to complete it (example: https://hub.example.com)",
    );
  // React Native's own URL knows little more than `href`.
  return new URL(url, page).href.replace(/^ws/i, "http").replace(/\/*(\/ws\/?)?([?#].*)?$/, "");
}

/** Return those of `transports` that work here, best first. Throws where none does. */
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

/** Call `listener` when the page wakes, is frozen or hidden, or its network changes; returns what ends that. */
export function watchPage(listener: (event: Event) => void): () => void {
  const watched = EVENTS.map(([name, types]) => [name === "window" ? globalThis : globalThis.document, types] as const);
  const each = (act: "addEventListener" | "removeEventListener"): void => {
    for (const [target, types] of watched) for (const type of types) target?.[act]?.(type, listener);
  };
  each("addEventListener");
  return () => each("removeEventListener");
}
