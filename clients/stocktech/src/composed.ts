import type { PublishRequest } from "@notification-hub/service";
import type { Said } from "./order.js";
import { cleanText, readLine, readMoment, readProse } from "./row.js";

/** A notification in the old server's shape: composed by the caller, of any type the hub knows. */
export interface OldNotification {
  type: string;
  title?: string | null;
  message?: string | null;
  data?: unknown;
  timestamp?: string | number | Date | null;
}

/** How deep and how large the data of one may be; the hub takes 32 levels and 64 KiB in all. */
const DEPTH = 24;
const DATA_BYTES = 48_000;
/** How long a message may be. */
const MESSAGE = 4000;

/** Return what a caller composed as the hub takes it. The caller chose its data, which is only made valid JSON. */
export function adopt(notification: OldNotification): Said<PublishRequest> {
  const { type, timestamp } = notification;
  const title = readLine(notification.title) ?? "Notificação";
  const data = fit(notification.data);
  const moment = readMoment(typeof timestamp === "number" ? new Date(timestamp) : timestamp);
  return {
    type,
    title,
    message: readProse(notification.message, MESSAGE) ?? title,
    ...(data === undefined ? {} : { data }),
    ...(moment === undefined ? {} : { timestamp: moment }),
    // The hub refuses a type that it does not know; `onError` is called then.
  } as Said<PublishRequest>;
}

function fit(data: unknown): object | undefined {
  if (data === undefined || data === null) return undefined;
  const plain = toPlain(data, []);
  if (plain === undefined) return undefined;
  // The hub takes an object; any other value is put into one.
  const object = typeof plain === "object" && plain !== null && !Array.isArray(plain) ? plain : { value: plain };
  return Buffer.byteLength(JSON.stringify(object)) > DATA_BYTES ? undefined : object;
}

/** Return a JSON value for any value; what has none (a function, bytes, a circular reference) is left out. */
function toPlain(value: unknown, above: readonly object[]): unknown {
  switch (typeof value) {
    case "string":
      return cleanText(value);
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) return null;
      return Number.isInteger(value) && !Number.isSafeInteger(value) ? String(value) : value;
    case "bigint":
      return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER ? Number(value) : String(value);
    case "object":
      return value === null ? null : toPlainObject(value, above);
    default:
      return undefined;
  }
}

function toPlainObject(value: object, above: readonly object[]): unknown {
  if (above.includes(value) || above.length >= DEPTH || ArrayBuffer.isView(value)) return undefined;
  const inside = [...above, value];
  try {
    if (value instanceof Date) return readMoment(value) ?? null;
    if (Array.isArray(value)) return value.map((one) => toPlain(one, inside) ?? null);
    // A driver's decimal, a database's id: a class of its own that says how it is written.
    if ("toJSON" in value && typeof value.toJSON === "function") return toPlain(value.toJSON(), inside);
    const members = Object.entries(value).map(([name, one]) => [cleanText(name), toPlain(one, inside)] as const);
    return Object.fromEntries(members.filter(([, one]) => one !== undefined));
  } catch {
    return undefined;
  }
}
