import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type ApiDocument,
  type Draft,
  EntryError,
  makeBody,
  readEntries,
  readTypes,
  writeEntries,
} from "../src/schema.js";

const DOCUMENT = JSON.parse(
  readFileSync(new URL("../../openapi/openapi.json", import.meta.url), "utf8"),
) as ApiDocument;
const TYPES = readTypes(DOCUMENT);
const DRAFT: Draft = {
  type: "stock_alert",
  title: "t",
  message: "m",
  target: "user",
  userIds: " 1 ",
  accountId: " a ",
  ttlSeconds: "",
  entries: {},
};

function field(schema: object) {
  const document = {
    components: {
      schemas: {
        PublishRequest: { discriminator: { mapping: { x: "#/components/schemas/X" } } },
        X: { properties: { data: schema }, required: ["data"] },
      },
    },
  };
  return readTypes(document as ApiDocument)[0]!.data!;
}

describe("form of the schemas", () => {
  it("has every type of the hub's document", () => {
    expect(TYPES.length).toBeGreaterThan(10);
    expect(TYPES.map(({ type }) => type)).toContain("stock_alert");
  });

  it("means each type's own example when it is filled with it", () => {
    let examples = 0;
    for (const { data, example } of TYPES) {
      if (data === undefined || example?.["data"] === undefined) continue;
      expect(readEntries(data, writeEntries(data, example["data"]))).toEqual(example["data"]);
      examples += 1;
    }
    expect(examples).toBeGreaterThan(10);
  });

  it("knows texts, numbers, choices, objects and what only JSON can say", () => {
    const data = field({
      type: "object",
      properties: {
        text: { type: "string" },
        count: { type: "integer" },
        price: { type: "number" },
        sure: { type: "boolean" },
        kind: { enum: ["a", "b"] },
        maybe: { anyOf: [{ type: "string" }, { type: "null" }] },
        id: { anyOf: [{ type: "integer" }, { type: "string" }] },
        list: { type: "array", items: { type: "string" } },
        inner: { type: "object", properties: { deep: { type: "string" } }, required: ["deep"] },
        free: {},
      },
      required: ["text", "maybe"],
    });
    expect(data.fields.map(({ name, kind, required }) => [name, kind, required])).toEqual([
      ["text", "text", true],
      ["count", "integer", false],
      ["price", "number", false],
      ["sure", "boolean", false],
      ["kind", "choice", false],
      ["maybe", "text", false],
      ["id", "scalar", false],
      ["list", "json", false],
      ["inner", "object", false],
      ["free", "json", false],
    ]);
    const entries = {
      "data.text": "x",
      "data.count": "3",
      "data.price": "2.5",
      "data.sure": "true",
      "data.id": "007",
      "data.list": '["a"]',
      "data.inner.deep": "y",
    };
    expect(readEntries(data, entries)).toEqual({
      text: "x",
      count: 3,
      price: 2.5,
      sure: true,
      id: "007",
      list: ["a"],
      inner: { deep: "y" },
    });
    expect(readEntries(data, { ...entries, "data.id": "7" })).toMatchObject({ id: 7 });
  });

  it("names the field whose text is not a value of it", () => {
    const data = field({ type: "object", properties: { count: { type: "integer" }, list: { type: "array" } } });
    for (const [path, text] of [
      ["data.count", "x"],
      ["data.count", "1.5"],
      ["data.count", " "],
      ["data.list", "["],
    ] as const) {
      let thrown: unknown;
      try {
        readEntries(data, { [path]: text });
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(EntryError);
      expect((thrown as EntryError).path).toBe(path);
    }
  });

  it("ends with schemas that refer to themselves", () => {
    const document = {
      components: {
        schemas: {
          PublishRequest: { discriminator: { mapping: { x: "#/components/schemas/X" } } },
          X: { properties: { data: { $ref: "#/components/schemas/Tree" } } },
          Tree: { type: "object", properties: { child: { $ref: "#/components/schemas/Tree" } } },
          Loop: { $ref: "#/components/schemas/Loop" },
        },
      },
    };
    expect(readTypes(document as ApiDocument)[0]?.data?.kind).toBe("object");
    expect(readTypes({ components: { schemas: {} } })).toEqual([]);
  });
});

describe("body of a publish", () => {
  it("has the chosen target and no other", () => {
    const body = (changes: Partial<Draft>) => makeBody({ ...DRAFT, ...changes }, undefined);
    const head = { type: "stock_alert", title: "t", message: "m" };
    expect(body({})).toEqual({ ...head, user_id: "1", account_id: "a" });
    expect(body({ target: "users", userIds: "1, 2;3\n4", accountId: "" })).toEqual({
      ...head,
      user_ids: ["1", "2", "3", "4"],
    });
    expect(body({ target: "account" })).toEqual({ ...head, account_id: "a" });
    expect(body({ target: "everyone" })).toEqual({ ...head, everyone: true });
  });

  it("has what else the schema allows, and no text that the type has not", () => {
    const signal = { properties: { type: {}, data: {}, link: { anyOf: [{ type: "string" }, { type: "null" }] } } };
    const document = {
      components: {
        schemas: {
          PublishRequest: { discriminator: { mapping: { x: "#/components/schemas/X" } } },
          X: signal,
        },
      },
    };
    const [kind] = readTypes(document as ApiDocument);
    expect(kind?.extras.map(({ name, kind: each }) => [name, each])).toEqual([["link", "text"]]);
    const body = makeBody({ ...DRAFT, type: "x", target: "everyone", entries: { link: "/orders/7" } }, kind);
    expect(body).toEqual({ type: "x", link: "/orders/7", everyone: true });
  });

  it("has a time to live where one is given, in whole seconds", () => {
    expect(makeBody({ ...DRAFT, ttlSeconds: "60" }, undefined)).toMatchObject({ ttl_seconds: 60 });
    expect(() => makeBody({ ...DRAFT, ttlSeconds: "soon" }, undefined)).toThrow(EntryError);
  });
});
