import { hideNumbers } from "./person.js";

/**
 * A database's row, as a caller has it: any columns, of any type, in camelCase or snake_case. It is only read field by
 * field, so that a column that was not chosen (another person's CPF) reaches no person.
 */
export type Row = object;

/** How long a text of one line, and prose that a person wrote, may be. */
const LINE = 200;
const PROSE = 500;
/** How many items, and how many bytes of them, one notification carries; the hub takes 64 KiB in all. */
const MOST_ITEMS = 100;
const ITEMS_BYTES = 24_000;
/** Longer text would take too long to parse in the middle of an order. */
const ITEMS_TEXT = 1_000_000;

/** Return the first of these columns that holds something; never throws, whatever the row is. */
export function column(row: unknown, ...names: string[]): unknown {
  if (typeof row !== "object" || row === null) return undefined;
  for (const name of names) {
    for (const key of [name, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]) {
      const value = attempt(() => (row as Record<string, unknown>)[key]);
      if (value !== undefined && value !== null && value !== "") return value;
    }
  }
  return undefined;
}

/** Return a short text of one line; undefined for what is not text. */
export function readLine(value: unknown): string | undefined {
  return readText(value, LINE)?.replace(/\s+/g, " ");
}

/** Return prose that a person wrote (a reason, a note), cut where it is longer than `most` characters. */
export function readProse(value: unknown, most: number = PROSE): string | undefined {
  return readText(value, most);
}

/** Return a person's name without the CPF that the registered names of many sellers end in; a number alone is not a name. */
export function readName(value: unknown): string | undefined {
  const text = readLine(value);
  if (text === undefined) return undefined;
  if (/^[\d.\-/ ]+$/.test(text) && [11, 14].includes(text.replace(/\D/g, "").length)) return undefined;
  const name = hideNumbers(text, undefined, "");
  return name === text ? text : readLine(name.replace(/[\s,:;()-]+$/, ""));
}

/** Return an id as it is; a number that JSON would change, as text. */
export function readId(value: unknown): number | string | undefined {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (typeof value === "bigint" && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER)
    return Number(value);
  return readLine(value);
}

/** Return a quantity or an amount as a number: of text, bigint and decimal objects too. */
export function readNumber(value: unknown): number | undefined {
  const text = readLine(value)?.replace(/^(-?\d+),(\d+)$/, "$1.$2");
  // `Number("")` is 0: no stock left.
  const number = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Return an amount as it came, a number or text. */
export function readAmount(value: unknown): number | string | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : readLine(value);
}

/** Return a truth value. */
export function readFlag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

/** Return a moment in ISO 8601. */
export function readMoment(value: unknown): string | undefined {
  const moment = value instanceof Date || typeof value === "string" ? new Date(value).getTime() : Number.NaN;
  return Number.isNaN(moment) ? undefined : new Date(moment).toISOString();
}

/** Return a status in the form to compare with: lower case, `_` between its parts; `""` for none, `?` for what is not text. */
export function readStatus(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = readLine(value) ?? (typeof value === "string" ? "" : "?");
  return text
    .replace(/([a-z])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .replace(/[\s-]+/g, "_");
}

/** What of an item reaches a person. */
export type Item = string | number | Record<string, string | number>;

const ITEM_FIELDS: Record<string, (value: unknown) => string | number | undefined> = {
  productId: readId,
  productName: readLine,
  name: readLine,
  code: readLine,
  sku: readLine,
  brand: readLine,
  model: readLine,
  category: readLine,
  condition: readLine,
  quantity: readNumber,
  price: readAmount,
  unitPrice: readAmount,
  subtotal: readAmount,
  total: readAmount,
  sellerName: readName,
};

/**
 * Return the items of an order: of a list, or of the JSON text of one, as a `text` column holds it. What cannot be read is
 * undefined, and items beyond what a notification carries are left out.
 */
export function readItems(value: unknown): Item[] | undefined {
  const list = parseItems(value);
  if (!Array.isArray(list)) return undefined;
  const items: Item[] = [];
  let left = ITEMS_BYTES;
  for (const entry of list.slice(0, MOST_ITEMS)) {
    const item = readItem(entry);
    if (item === undefined) continue;
    left -= Buffer.byteLength(JSON.stringify(item)) + 1;
    if (left < 0) break;
    items.push(item);
  }
  return items;
}

function parseItems(value: unknown): unknown {
  const text = Buffer.isBuffer(value) && value.length <= ITEMS_TEXT ? value.toString() : value;
  if (typeof text !== "string") return text;
  if (text.length > ITEMS_TEXT) return undefined;
  const parsed = attempt(() => JSON.parse(text) as unknown);
  // JSON text that was encoded as JSON again.
  return typeof parsed === "string" ? attempt(() => JSON.parse(parsed) as unknown) : parsed;
}

function readItem(entry: unknown): Item | undefined {
  if (typeof entry !== "object" || entry === null) return typeof entry === "boolean" ? undefined : readAmount(entry);
  const item: Record<string, string | number> = {};
  for (const [name, read] of Object.entries(ITEM_FIELDS)) {
    const value = read(column(entry, name));
    if (value !== undefined) item[name] = value;
  }
  return item;
}

function readText(value: unknown, most: number): string | undefined {
  if (typeof value === "object" && value !== null) return readText(writeScalar(value), most);
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "bigint") return undefined;
  if (typeof value === "number" && !Number.isFinite(value)) return undefined;
  const text = cleanText(String(value)).trim();
  if (text.length <= most) return text === "" ? undefined : text;
  return `${cleanText(text.slice(0, most - 1)).trimEnd()}…`;
}

/** Return text that every JSON parser takes: no half of a surrogate pair, no control character but a line break. */
export function cleanText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, "\ufffd").replace(/[\u0000-\u0009\u000b-\u001f\u007f]/g, " ");
}

/** Return how a value object (a driver's decimal, a database's id) writes itself; undefined for a list, a date, bytes. */
function writeScalar(value: object): string | undefined {
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Date) return undefined;
  const text = attempt(() => String(value));
  return text === undefined || /^\[object .*\]$/.test(text) ? undefined : text;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
