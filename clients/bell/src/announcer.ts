/** Says new notifications to screen readers, politely: a region that is always there, and holds few words. */
import { make } from "./dom.js";

const KEPT_MS = 10_000;
const MOST_KEPT = 3;

export interface Announcer {
  readonly node: HTMLElement;
  say(text: string): void;
}

/** Return a live region. In a burst only the newest texts are said. */
export function createAnnouncer(): Announcer {
  const node = make("div", { class: "unseen", role: "status", "aria-live": "polite" });
  return {
    node,
    say: (text) => {
      const line = make("div");
      line.textContent = text;
      node.append(line);
      while (node.childElementCount > MOST_KEPT) node.firstElementChild!.remove();
      setTimeout(() => line.remove(), KEPT_MS);
    },
  };
}
