/** A listener that remembers what a line told it. */
import type { Ending, Listener, Offer } from "../src/link.js";
import type { AnyFrame } from "../src/wire.js";

export interface Heard {
  frames: AnyFrame[];
  cursors: string[];
  signs: number;
  endings: Ending[];
}

export function listen(): { heard: Heard; listener: Listener } {
  const heard: Heard = { frames: [], cursors: [], signs: 0, endings: [] };
  const listener: Listener = {
    frame: (frame) => heard.frames.push(frame),
    cursor: (cursor) => heard.cursors.push(cursor),
    alive: () => heard.signs++,
    end: (ending) => heard.endings.push(ending),
  };
  return { heard, listener };
}

export function offer(change: Partial<Offer> = {}): Offer {
  return { base: "https://hub.test", token: "t0", cursor: undefined, renew: async () => "t1", ...change };
}
