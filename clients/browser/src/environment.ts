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
    throw new TypeError("url: is not the address of a hub (example: https://hub.example.com)");
  // React Native's own URL knows little more than `href`.
  return new URL(url, page).href.replace(/^ws/i, "http").replace(/\/*(\/ws\/?)?([?#].*)?$/, "");
}

/** Return those of `transports` that work here, best first. Throws where none does. */
export function findTransports(transports: readonly Transport[]): Transport[] {
  const usable = transports.filter(
    (transport) => typeof globalThis[transport === "ws" ? "WebSocket" : "fetch"] === "function",
  );
  if (!usable.length) throw new Error(`The hub cannot be reached from here: ${transports} needs WebSocket or fetch`);
  return usable;
}

const EVENTS_OF_WINDOW = "online offline focus pagehide pageshow";
const EVENTS_OF_DOCUMENT = "visibilitychange freeze resume";

/** Call `listener` when the page wakes, is frozen or hidden, or its network changes; returns what ends that. */
export function watchPage(listener: (event: Event) => void): () => void {
  const watched = [
    [globalThis, EVENTS_OF_WINDOW],
    [globalThis.document, EVENTS_OF_DOCUMENT],
  ] as const;
  const each = (act: "addEventListener" | "removeEventListener"): void => {
    for (const [target, types] of watched) for (const type of types.split(" ")) target?.[act]?.(type, listener);
  };
  each("addEventListener");
  return () => each("removeEventListener");
}
