/** A listener that keeps what a link brought. */
import type { Ending, Listener, LinkOptions } from "../src/link.js";
import type { AnyFrame } from "../src/wire.js";

export interface Received {
  frames: AnyFrame[];
  cursors: string[];
  signs: number;
  endings: Ending[];
}

export function listen(): { received: Received; listener: Listener } {
  const received: Received = { frames: [], cursors: [], signs: 0, endings: [] };
  const listener: Listener = {
    frame: (frame) => received.frames.push(frame),
    cursor: (cursor) => received.cursors.push(cursor),
    alive: () => received.signs++,
    end: (ending) => received.endings.push(ending),
  };
  return { received, listener };
}

export function linkOptions(change: Partial<LinkOptions> = {}): LinkOptions {
  return { base: "https://hub.test", token: "t0", cursor: undefined, renew: async () => "t1", ...change };
}
