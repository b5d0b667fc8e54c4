/** The bell's list of the time before the hub: another program's, in this browser's storage, under random ids. Pure. */
import type { Entry } from "./list.js";
import type { Notification } from "./wire.js";

/** The ids of entries that only this browser has begin with this. */
const OLD = "old:";
/** Copies of one message, which every open tab had added; and how much later than the other the hub was told of it. */
const COPIES_MS = 10_000;
export const LATE_MS = 10 * 60_000;

/** What an old list says of one notification. */
export interface OldEntry {
  id: string;
  type: string;
  title: string;
  message: string;
  data?: unknown;
  atMs: number;
  read: boolean;
}

/** Return the entries of an old list, each message once; nothing where it cannot be read. */
export function readOldList(text: string | null): OldEntry[] {
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? "[]");
  } catch {
    return [];
  }
  const found = findList(stored, 3)
    .map(readEntry)
    .filter((entry) => entry !== undefined)
    .sort((a, b) => a.atMs - b.atMs);
  const entries: OldEntry[] = [];
  for (const entry of found) {
    const copy = entries.find((one) => isSame(one, entry) && entry.atMs - one.atMs <= COPIES_MS);
    if (copy) copy.read ||= entry.read;
    else entries.push(entry);
  }
  return entries;
}

/**
 * Return which of `known` is the notification of each old entry, or undefined: the same text, and the nearest time; each
 * of `known` for one entry.
 */
export function matchOldList(
  entries: readonly OldEntry[],
  known: readonly Notification[],
): Map<OldEntry, Notification | undefined> {
  const matches = new Map<OldEntry, Notification | undefined>(entries.map((entry) => [entry, undefined]));
  const pairs = entries.flatMap((entry) =>
    known
      .filter((notification) => isSame(entry, notification))
      .map((notification) => ({
        entry,
        notification,
        apartMs: Math.abs(Date.parse(notification.timestamp) - entry.atMs),
      }))
      .filter(({ apartMs }) => apartMs <= LATE_MS),
  );
  const taken = new Set<string>();
  for (const { entry, notification } of pairs.sort((a, b) => a.apartMs - b.apartMs)) {
    if (matches.get(entry) || taken.has(notification.id)) continue;
    matches.set(entry, notification);
    taken.add(notification.id);
  }
  return matches;
}

/** Say whether only this browser has the notification with this id. */
export function isOld(id: string): boolean {
  return id.startsWith(OLD);
}

/** Return an old entry as one of this browser's list. */
export function keepOld({ id, type, title, message, data, atMs, read }: OldEntry): Entry {
  const timestamp = new Date(atMs).toISOString();
  const notification = { id, type, title, message, ...(data ? { data } : {}), timestamp, cursor: "" };
  return { notification: notification as unknown as Notification, read };
}

/** Find the list in what was stored: itself, or within the state of a store. */
function findList(stored: unknown, depth: number): unknown[] {
  if (Array.isArray(stored)) return stored;
  if (!depth || !stored || typeof stored !== "object") return [];
  for (const value of Object.values(stored)) {
    const list = findList(value, depth - 1);
    if (list.length) return list;
  }
  return [];
}

function readEntry(stored: unknown): OldEntry | undefined {
  const entry = (stored ?? {}) as Record<string, unknown>;
  const { type, title, message, data } = entry;
  const time = entry.timestamp ?? entry.createdAt ?? entry.receivedAt ?? entry.date;
  const atMs = typeof time === "number" ? time : Date.parse(String(time));
  if (typeof title !== "string" || typeof message !== "string" || !(Math.abs(atMs) < 8.64e15)) return undefined;
  const read = Boolean(entry.read || entry.isRead || entry.readAt);
  const base = { type: String(type ?? ""), title, message, atMs, read };
  return { ...base, id: `${OLD}${hash(`${base.type} ${title} ${message}`)}-${atMs}`, ...(data ? { data } : {}) };
}

function isSame(a: OldEntry, b: { type: string; title: string; message: string }): boolean {
  return a.type === b.type && a.title === b.title && a.message === b.message;
}

/** A 32-bit hash (FNV-1a): the same text has the same id each time. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  return (value >>> 0).toString(36);
}
