/** Which transport gets through: a staggered race, since a blocked one does not say that it is blocked. */
import { BROKEN, endingOf, type Ending, type Link, type Listener, type Offer, type OpenLink } from "./link.js";
import { openPolling } from "./poll.js";
import { openEventStream } from "./sse.js";
import type { Transport } from "./status.js";
import { openWebSocket } from "./websocket.js";
import type { ConnectionEstablished } from "./wire.js";

/** Of each transport: how to open it, after what silence (ms) the next is tried beside it, and when it is given up. */
const ENTRANTS: Record<Transport, [open: OpenLink, nextMs: number, giveUpMs: number]> = {
  ws: [openWebSocket, 2_000, 4_000],
  sse: [openEventStream, 3_000, 8_000],
  poll: [openPolling, 10_000, 10_000],
};

/** Below 4000, what the hub itself says: it restarts, cannot know yet, or cannot read what it was asked. */
const SPOKEN = [1008, 1012, 1013];

export interface RaceListener extends Listener {
  /** The first greeting came; what follows comes over this transport. */
  open(transport: Transport, greeting: ConnectionEstablished): void;
}

/**
 * Open the first of `order` that gets a greeting; the others are closed.
 *
 * The next one starts when the one before has failed, or has been silent for its time. A refusal that the hub itself
 * spoke ends the race: another transport would hear the same. `getOffer` is asked for each entrant; where it rejects
 * the race ends too.
 */
export function openLink(order: readonly Transport[], getOffer: () => Promise<Offer>, listener: RaceListener): Link {
  const running = new Set<Link>();
  let started = 0;
  let latest: Link | undefined;
  let winner: Link | undefined;
  let over = false;
  let retryMs = 0;
  let stagger: ReturnType<typeof setTimeout> | undefined;

  const close = (): void => {
    over = true;
    clearTimeout(stagger);
    for (const runner of running) runner.close();
  };
  const finish = (ending: Ending): void => {
    if (over) return;
    close();
    listener.end(ending);
  };
  const advance = (): void => {
    clearTimeout(stagger);
    const transport = order[started++];
    if (transport) run(transport);
    else if (!running.size) finish({ ...BROKEN, retryMs: retryMs || undefined });
  };
  const run = (transport: Transport): void => {
    const [open, nextMs, giveUpMs] = ENTRANTS[transport];
    let line: Link | undefined;
    let giveUp: ReturnType<typeof setTimeout> | undefined;
    const runner: Link = {
      close: () => {
        running.delete(runner);
        clearTimeout(giveUp);
        line?.close();
      },
      wake: () => line?.wake?.(),
    };
    running.add((latest = runner));
    /** Nothing of a line that has ended, or lost, may reach anybody. */
    const guard =
      <T extends unknown[]>(act: (...given: T) => void) =>
      (...given: T): void => {
        if (running.has(runner)) act(...given);
      };
    const end = guard((ending: Ending) => {
      runner.close();
      retryMs = Math.max(retryMs, ending.retryMs ?? 0);
      if (runner === winner || ending.code >= 4000 || SPOKEN.includes(ending.code)) finish(ending);
      else if (runner === latest || !running.size) advance();
    });
    const begin = (offer: Offer): void => {
      giveUp = setTimeout(() => end(BROKEN), giveUpMs);
      if (runner === latest) stagger = setTimeout(advance, nextMs);
      const lineListener: Listener = {
        frame: guard((frame) => {
          if (winner) return listener.frame(frame);
          if (frame.type !== "connection_established" || !(frame as ConnectionEstablished).data) return;
          winner = runner;
          clearTimeout(giveUp);
          clearTimeout(stagger);
          for (const other of running) if (other !== runner) other.close();
          listener.open(transport, frame as ConnectionEstablished);
        }),
        cursor: guard(listener.cursor),
        alive: guard(listener.alive),
        end,
      };
      try {
        line = open(offer, lineListener);
      } catch {
        // An address or a policy that the browser refuses.
        end(BROKEN);
      }
    };
    // Asking takes time: the race may be over then, and a line opened now would be nobody's.
    getOffer().then(
      guard(begin),
      guard((error: unknown) => finish(endingOf(error))),
    );
  };
  advance();
  return { close, wake: () => winner?.wake?.() };
}
