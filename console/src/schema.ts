/** The fields of a form, made from the JSON Schema of one notification type in the hub's API document. */

/** What of a JSON Schema is read here; the rest is for the hub to check. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  examples?: unknown[];
  discriminator?: { mapping?: Record<string, string> };
}

export interface ApiDocument {
  components: { schemas: Record<string, Schema> };
}

/** `scalar`: a text or a number, as the number's own writing tells. */
export type FieldKind = "text" | "number" | "integer" | "boolean" | "scalar" | "choice" | "object" | "json";

export interface Field {
  name: string;
  kind: FieldKind;
  required: boolean;
  description: string;
  /** Of `choice`. */
  options: readonly string[];
  /** Of `object`. */
  fields: readonly Field[];
}

/** One type of notification that can be published. */
export interface PublishType {
  type: string;
  description: string;
  data: Field | undefined;
  /** Of `title` and `message`: which ones the type has, and whether it needs them. */
  texts: Readonly<Partial<Record<"title" | "message", boolean>>>;
  /** What a request may have besides what every form knows. */
  extras: readonly Field[];
  example: Record<string, unknown> | undefined;
}

/** What stands in a form: text as typed, by the path of its field. */
export type Entries = Readonly<Record<string, string>>;

/** A text that is not a value of its field. */
export class EntryError extends Error {
  readonly path: string;

  constructor(path: string) {
    super(path);
    this.path = path;
  }
}

/** Deeper objects are written as JSON. */
const MAX_DEPTH = 3;
const DATA = "data";
/** What the form has places of its own for. `timestamp` is the moment of the publish. */
const KNOWN = new Set([
  DATA,
  ...["type", "title", "message", "timestamp", "user_id", "user_ids", "account_id", "everyone", "ttl_seconds"],
]);

/** Return every type that the document lets services publish, by name. */
export function readTypes(document: ApiDocument): PublishType[] {
  const schemas = document.components.schemas;
  const mapping = schemas["PublishRequest"]?.discriminator?.mapping ?? {};
  return Object.entries(mapping).map(([type, reference]) => {
    const schema = resolve({ $ref: reference }, schemas);
    const properties = schema.properties ?? {};
    const data = properties[DATA];
    const isRequired = (name: string): boolean => schema.required?.includes(name) ?? false;
    const example = schema.examples?.[0];
    return {
      type,
      description: schema.description ?? "",
      data: data && describe(DATA, data, isRequired(DATA), schemas, 0),
      texts: {
        ...("title" in properties ? { title: isRequired("title") } : {}),
        ...("message" in properties ? { message: isRequired("message") } : {}),
      },
      extras: Object.entries(properties)
        .filter(([name]) => !KNOWN.has(name))
        .map(([name, extra]) => describe(name, extra, isRequired(name), schemas, 0)),
      example: isRecord(example) ? example : undefined,
    };
  });
}

function resolve(schema: Schema, schemas: Record<string, Schema>): Schema {
  let found = schema;
  // A chain of references ends, or leads nowhere that a form could show.
  for (let step = 0; found.$ref !== undefined && step < 10; step += 1) {
    found = schemas[found.$ref.slice(found.$ref.lastIndexOf("/") + 1)] ?? {};
  }
  return found;
}

function describe(
  name: string,
  given: Schema,
  required: boolean,
  schemas: Record<string, Schema>,
  depth: number,
): Field {
  const options = (given.anyOf ?? given.oneOf ?? []).map((option) => resolve(option, schemas));
  const others = options.filter((option) => option.type !== "null");
  // "This or null" is "this", and not required.
  const schema = others.length === 1 ? others[0]! : resolve(given, schemas);
  const field = {
    name,
    required: required && others.length === options.length,
    description: given.description ?? schema.description ?? "",
    options: [],
    fields: [],
  };
  if (schema.enum?.every((value) => typeof value === "string")) {
    return { ...field, kind: "choice", options: schema.enum as string[] };
  }
  if (typeof schema.const === "string") return { ...field, kind: "choice", options: [schema.const] };
  if (others.length > 1) return { ...field, kind: others.every(isTextOrNumber) ? "scalar" : "json" };
  if (schema.type === "object" && schema.properties !== undefined && depth < MAX_DEPTH) {
    const fields = Object.entries(schema.properties).map(([inner, inside]) =>
      describe(inner, inside, schema.required?.includes(inner) ?? false, schemas, depth + 1),
    );
    return { ...field, kind: "object", fields };
  }
  const kinds: Record<string, FieldKind> = {
    string: "text",
    number: "number",
    integer: "integer",
    boolean: "boolean",
  };
  return { ...field, kind: (typeof schema.type === "string" ? kinds[schema.type] : undefined) ?? "json" };
}

function isTextOrNumber(schema: Schema): boolean {
  return schema.type === "string" || schema.type === "integer" || schema.type === "number";
}

/** Return what a field's entries mean; undefined where nothing was entered. Throws `EntryError`. */
export function readEntries(field: Field, entries: Entries, path: string = field.name): unknown {
  if (field.kind === "object") {
    const found: Record<string, unknown> = {};
    for (const inner of field.fields) {
      const value = readEntries(inner, entries, `${path}.${inner.name}`);
      if (value !== undefined) found[inner.name] = value;
    }
    return Object.keys(found).length > 0 || field.required ? found : undefined;
  }
  const text = entries[path] ?? "";
  if (text === "") return undefined;
  switch (field.kind) {
    case "text":
    case "choice":
      return text;
    case "boolean":
      return text === "true";
    case "scalar":
      // "007" is a text: as a number it would not be written like this.
      return String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : text;
    case "number":
    case "integer": {
      const value = Number(text);
      if (text.trim() === "" || !Number.isFinite(value) || (field.kind === "integer" && !Number.isSafeInteger(value))) {
        throw new EntryError(path);
      }
      return value;
    }
    case "json":
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new EntryError(path);
      }
  }
}

/** Return the entries that mean `value`, to fill a form with an example. */
export function writeEntries(field: Field, value: unknown, path: string = field.name): Record<string, string> {
  if (value === undefined || value === null) return {};
  if (field.kind === "object") {
    const entries: Record<string, string> = {};
    if (isRecord(value)) {
      for (const inner of field.fields) {
        Object.assign(entries, writeEntries(inner, value[inner.name], `${path}.${inner.name}`));
      }
    }
    return entries;
  }
  return { [path]: field.kind === "json" ? JSON.stringify(value) : String(value) };
}

export type TargetKind = "user" | "users" | "account" | "everyone";

/** What the form has besides `data`. */
export interface Draft {
  type: string;
  title: string;
  message: string;
  target: TargetKind;
  userIds: string;
  accountId: string;
  ttlSeconds: string;
  entries: Entries;
}

/** Return the body of a publish that this form means. Throws `EntryError`. */
export function makeBody(draft: Draft, kind: PublishType | undefined): Record<string, unknown> {
  const body: Record<string, unknown> = { type: draft.type };
  for (const name of ["title", "message"] as const) {
    const needs = kind === undefined || kind.texts[name];
    if (needs !== undefined && (needs || draft[name] !== "")) body[name] = draft[name];
  }
  for (const field of [...(kind?.data === undefined ? [] : [kind.data]), ...(kind?.extras ?? [])]) {
    const value = readEntries(field, draft.entries);
    if (value !== undefined) body[field.name] = value;
  }
  const account = draft.accountId.trim();
  if (draft.target === "everyone") body["everyone"] = true;
  if (draft.target === "user") body["user_id"] = draft.userIds.trim();
  if (draft.target === "users") body["user_ids"] = draft.userIds.split(/[\s,;]+/).filter(Boolean);
  if (draft.target !== "everyone" && account !== "") body["account_id"] = account;
  if (draft.ttlSeconds.trim() !== "") {
    const ttl = Number(draft.ttlSeconds);
    if (!Number.isSafeInteger(ttl)) throw new EntryError("ttl_seconds");
    body["ttl_seconds"] = ttl;
  }
  return body;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
