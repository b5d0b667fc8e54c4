import { describe, expect, it } from "vitest";
import { addToFeed, EMPTY_FEED, MAX_KEPT, matches, NO_FILTER, setPaused, typesOf } from "../src/feed.js";
import type { FeedItem } from "../src/wire.js";

function item(number: number, changes: Partial<FeedItem> = {}): FeedItem {
  return {
    id: `id-${number}`,
    type: "stock_alert",
    timestamp: "2026-11-22T14:03:07.125Z",
    cursor: `memory-${number}`,
    target: { kind: "user", account_id: "Conta-1", user_id: "*****91" },
    connections: 1,
    bytes: 10,
    ...changes,
  };
}

describe("feed", () => {
  it("shows the newest first and counts what was skipped", () => {
    const feed = addToFeed(addToFeed(EMPTY_FEED, [item(1), item(2)], 0), [item(3)], 7);
    expect(feed.items.map(({ id }) => id)).toEqual(["id-3", "id-2", "id-1"]);
    expect([feed.seen, feed.skipped]).toEqual([10, 7]);
  });

  it("stands still while it is paused, and misses nothing", () => {
    let feed = setPaused(addToFeed(EMPTY_FEED, [item(1)], 0), true);
    feed = addToFeed(feed, [item(2)], 0);
    feed = addToFeed(feed, [item(3)], 0);
    expect(feed.items.map(({ id }) => id)).toEqual(["id-1"]);
    feed = setPaused(feed, false);
    expect(feed.items.map(({ id }) => id)).toEqual(["id-3", "id-2", "id-1"]);
    expect(feed.waiting).toEqual([]);
  });

  it("keeps no more than its bound, paused or not", () => {
    const many = Array.from({ length: MAX_KEPT + 5 }, (_, number) => item(number));
    expect(addToFeed(EMPTY_FEED, many, 0).items.length).toBe(MAX_KEPT);
    const paused = addToFeed(setPaused(EMPTY_FEED, true), many, 0);
    expect(paused.waiting.length).toBe(MAX_KEPT);
    expect(paused.waiting[0]?.id).toBe(`id-${MAX_KEPT + 4}`);
  });

  it("filters by type, target, text and connections", () => {
    expect(matches(item(1), NO_FILTER)).toBe(true);
    expect(matches(item(1), { ...NO_FILTER, type: "order_created" })).toBe(false);
    expect(matches(item(1), { ...NO_FILTER, kind: "account" })).toBe(false);
    expect(matches(item(1), { ...NO_FILTER, text: " conta-1 " })).toBe(true);
    expect(matches(item(1), { ...NO_FILTER, text: "nobody" })).toBe(false);
    expect(matches(item(1), { ...NO_FILTER, unreached: true })).toBe(false);
    expect(matches(item(1, { connections: 0 }), { ...NO_FILTER, unreached: true })).toBe(true);
  });

  it("lists each type once", () => {
    expect(typesOf([item(1), item(2, { type: "a" }), item(3)])).toEqual(["a", "stock_alert"]);
  });
});
