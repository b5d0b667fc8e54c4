/** Finds the transport that works by a staggered race, since a blocked transport gives no error. */
import { BROKEN, endingOf, type Ending, type Link, type Listener, type LinkOptions, type OpenLink } from "./link.js";
import { openPolling } from "./poll.js";
import { openEventStream } from "./sse.js";
import type { Transport } from "./status.js";
import { openWebSocket } from "./websocket.js";
import type { ConnectionEstablished } from "./wire.js";

/** For each transport: how to open it, after how long (ms) the next one is tried beside it, and when it is given up. */
const OPENERS: Record<Transport, [open: OpenLink, nextMs: number, giveUpMs: number]> = {
  ws: [openWebSocket, 2_000, 4_000],
  sse: [openEventStream, 3_000, 8_000],
  poll: [openPolling, 10_000, 10_000],
};

/** The codes below 4000 that come from the hub: it restarts, cannot know yet, or cannot read the request. */
const HUB_CODES = [1008, 1012, 1013];

export interface RaceListener extends Listener {
  /** The first greeting was received; what follows comes over this transport. */
  open(transport: Transport, greeting: ConnectionEstablished): void;
}

/**
 * Open the first of `order` that gets a greeting; the others are closed.
 *
 * The next one starts when the one before has failed, or has been silent for its time. A refusal by the hub itself ends
 * the race: it would refuse another transport too. `getLinkOptions` is called for each transport; the race also ends
 * where it rejects.
 */
export function openLink(
  order: readonly Transport[],
  getLinkOptions: () => Promise<LinkOptions>,
  listener: RaceListener,
): Link {
  const candidates = new Set<Link>();
  let started = 0;
  let latest: Link | undefined;
  let winner: Link | undefined;
  let won: Link | undefined;
  let over = false;
  let retryMs = 0;
  let stagger: ReturnType<typeof setTimeout> | undefined;

  const close = (): void => {
    over = true;
    clearTimeout(stagger);
    for (const candidate of candidates) candidate.close();
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
    else if (!candidates.size) finish({ ...BROKEN, retryMs: retryMs || undefined });
  };
  const run = (transport: Transport): void => {
    const [open, nextMs, giveUpMs] = OPENERS[transport];
    let link: Link | undefined;
    let giveUp: ReturnType<typeof setTimeout> | undefined;
    const candidate: Link = {
      close: () => {
        candidates.delete(candidate);
        clearTimeout(giveUp);
        link?.close();
      },
    };
    candidates.add((latest = candidate));
    /** Nothing of a link that has ended, or has lost the race, may be passed on. */
    const guard =
      <T extends unknown[]>(act: (...given: T) => void) =>
      (...given: T): void => {
        if (candidates.has(candidate)) act(...given);
      };
    const end = guard((ending: Ending) => {
      candidate.close();
      retryMs = Math.max(retryMs, ending.retryMs ?? 0);
      if (candidate === winner || ending.code >= 4000 || HUB_CODES.includes(ending.code)) finish(ending);
      else if (candidate === latest || !candidates.size) advance();
    });
    const begin = (options: LinkOptions): void => {
      giveUp = setTimeout(() => end(BROKEN), giveUpMs);
      if (candidate === latest) stagger = setTimeout(advance, nextMs);
      const linkListener: Listener = {
        frame: guard((frame) => {
          if (winner) return listener.frame(frame);
          if (frame.type !== "connection_established" || !(frame as ConnectionEstablished).data) return;
          winner = candidate;
          won = link;
          clearTimeout(giveUp);
          clearTimeout(stagger);
          for (const other of candidates) if (other !== candidate) other.close();
          listener.open(transport, frame as ConnectionEstablished);
        }),
        cursor: guard(listener.cursor),
        alive: guard(listener.alive),
        end,
      };
      try {
        link = open(options, linkListener);
      } catch {
        // The browser refuses the address, or a policy forbids it.
        end(BROKEN);
      }
    };
    // This takes time: the race may be over then, and a link opened now would have no owner.
    getLinkOptions().then(
      guard(begin),
      guard((error: unknown) => finish(endingOf(error))),
    );
  };
  advance();
  return { close, wake: () => won?.wake?.(), send: (text) => won?.send?.(text) };
}
