/** The list of the live feed: the newest notifications, bounded, filtered and paused. */
import type { FeedItem } from "./wire.js";

/** So many notifications are kept in the tab; older ones are dropped. */
export const MAX_KEPT = 1_000;
/** So many rows are drawn at one time. */
export const MAX_SHOWN = 200;

export interface FeedState {
  /** Newest first. */
  items: readonly FeedItem[];
  /** Came while the list was paused; shown once it goes on. */
  waiting: readonly FeedItem[];
  paused: boolean;
  /** All that the hub dispatched since the page began to watch, and how many of them it did not send. */
  seen: number;
  skipped: number;
}

export interface FeedFilter {
  type: string;
  kind: string;
  text: string;
  unreached: boolean;
}

export const EMPTY_FEED: FeedState = { items: [], waiting: [], paused: false, seen: 0, skipped: 0 };
export const NO_FILTER: FeedFilter = { type: "", kind: "", text: "", unreached: false };

export function addToFeed(state: FeedState, items: readonly FeedItem[], skipped: number): FeedState {
  const newest = [...items].reverse();
  const counted = { seen: state.seen + items.length + skipped, skipped: state.skipped + skipped };
  if (state.paused) return { ...state, ...counted, waiting: [...newest, ...state.waiting].slice(0, MAX_KEPT) };
  return { ...state, ...counted, items: [...newest, ...state.items].slice(0, MAX_KEPT) };
}

export function setPaused(state: FeedState, paused: boolean): FeedState {
  if (paused) return { ...state, paused };
  return { ...state, paused, items: [...state.waiting, ...state.items].slice(0, MAX_KEPT), waiting: [] };
}

export function matches(item: FeedItem, filter: FeedFilter): boolean {
  if (filter.type !== "" && item.type !== filter.type) return false;
  if (filter.kind !== "" && item.target.kind !== filter.kind) return false;
  if (filter.unreached && item.connections > 0) return false;
  const text = filter.text.trim().toLowerCase();
  if (text === "") return true;
  const { account_id, user_id } = item.target;
  return [item.id, item.type, account_id, user_id].some((value) => value?.toLowerCase().includes(text));
}

/** The types in the list, for the filter's choice. */
export function typesOf(items: readonly FeedItem[]): string[] {
  return [...new Set(items.map((item) => item.type))].sort();
}
