import type { Figures } from "../src/wire.js";
// Also what the hub of the tests in a browser sends; the type says here that it is what a hub sends.
import idle from "./figures.json" with { type: "json" };

/** Figures of a hub at which nothing has happened, with these changes. */
export function makeFigures(changes: Partial<Figures>): Figures {
  return { ...idle, type: "figures", ...changes };
}
