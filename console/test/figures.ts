import type { Figures } from "../src/wire.js";

/** Figures of a hub at which nothing has happened, with these changes. */
export function makeFigures(changes: Partial<Figures>): Figures {
  return {
    type: "figures",
    at: "2026-11-22T14:03:07.125Z",
    connections: { total: 0, websocket: 0, sse: 0 },
    users: 0,
    accounts: 0,
    largest_accounts: [],
    published: {},
    duplicates: 0,
    deliveries: {},
    replayed: 0,
    fallen_behind: 0,
    gaps: 0,
    connected: {},
    closed: {},
    refused: {},
    problems: {},
    durations: {},
    log: { first: 1, head: 0, bytes: 0, writable: true, damaged: 0 },
    dispatch_lag: 0,
    directory: "up",
    draining: false,
    ready: true,
    ...changes,
  };
}
