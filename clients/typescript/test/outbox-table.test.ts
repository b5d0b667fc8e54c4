import { describe, expect, test } from "vitest";
import { type OutboxOptions, type OutboxTransaction, writeToOutbox } from "../src/index.js";

const ORDER = { type: "order_created", title: "PED-1", message: "m" } as const;

/** A transaction that remembers what was asked of it. */
function remember(): { asked: [string, string[]][]; run: (sql: string, values: string[]) => Promise<void> } {
  const asked: [string, string[]][] = [];
  return {
    asked,
    run: async (sql, values) => {
      asked.push([sql, values]);
    },
  };
}

describe("the caller's transaction", () => {
  test("is asked for one INSERT with three values, whatever library it is of", async () => {
    const { asked, run } = remember();
    const transactions: OutboxTransaction[] = [
      run,
      { query: run },
      { $executeRawUnsafe: (sql, ...values) => run(sql, values) },
      { sequelize: { query: (sql, { bind }) => run(sql, bind) }, transaction: {} as never },
    ];
    for (const transaction of transactions) await writeToOutbox(transaction, { ...ORDER, everyone: true });
    const statements = new Set(asked.map(([sql]) => sql));
    expect([...statements]).toEqual([
      "INSERT INTO notification_outbox (id, key, body) VALUES (CAST(CAST($1 AS text) AS uuid), $2, CAST(CAST($3 AS text) AS json))",
    ]);
    expect(asked.map(([, values]) => values.length)).toEqual([3, 3, 3, 3]);
  });

  test("is handed on to Sequelize, which would otherwise take another connection", async () => {
    const transaction = { id: 1 };
    let given: unknown;
    const sequelize = {
      query: async (_sql: string, options: { transaction: unknown }) => {
        given = options.transaction;
      },
    };
    await writeToOutbox({ sequelize, transaction: transaction as never }, { ...ORDER, account_id: "1" });
    expect(given).toBe(transaction);
  });

  test.each<[string, unknown]>([
    ["a pool of pg", { query: async () => {}, totalCount: 0 }],
    ["Prisma's client outside a transaction", { $executeRawUnsafe: async () => 1, $connect: async () => {} }],
    ["Sequelize without a transaction", { sequelize: { query: async () => {} }, transaction: undefined }],
  ])("is not %s, which would commit the row without the change", async (_name, executor) => {
    const written = writeToOutbox(executor as OutboxTransaction, { ...ORDER, account_id: "1" });
    await expect(written).rejects.toThrow("transaction: is not one");
  });

  test("fails with the error of the database", async () => {
    const failure = new Error("relation does not exist");
    const transaction = () => Promise.reject(failure);
    await expect(writeToOutbox(transaction, { ...ORDER, account_id: "1" })).rejects.toBe(failure);
  });
});

describe("the row", () => {
  async function write(notification: object, options?: OutboxOptions): Promise<{ id: string; values: string[] }> {
    const { asked, run } = remember();
    const id = await writeToOutbox(run, { ...ORDER, ...notification }, options);
    return { id, values: asked[0]?.[1] ?? [] };
  }

  test("has the id that is returned, and the notification as it is", async () => {
    const { id, values } = await write({
      account_id: "1",
      data: { total: "12.50" },
      timestamp: "2026-03-01T12:00:00Z",
    });
    expect(values[0]).toBe(id);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(JSON.parse(values[2] ?? "")).toEqual({
      ...ORDER,
      account_id: "1",
      data: { total: "12.50" },
      timestamp: "2026-03-01T12:00:00Z",
    });
  });

  test.each([{}, { timestamp: undefined }, { timestamp: null }])(
    "has the moment of writing, unless another is given: %j",
    async (given) => {
      const before = Date.now();
      const { values } = await write({ account_id: "1", ...given });
      const written = Date.parse(JSON.parse(values[2] ?? "").timestamp);
      expect(written).toBeGreaterThanOrEqual(before);
      expect(written).toBeLessThanOrEqual(Date.now());
    },
  );

  test.each<[object, string]>([
    [{ user_id: "7" }, "user:7"],
    [{ user_id: "7", account_id: "1" }, "user:7"],
    [{ account_id: "1" }, "account:1"],
    [{ everyone: true }, "everyone"],
  ])("stays in order with the other rows for %j", async (target, key) => {
    expect((await write(target)).values[1]).toBe(key);
    expect((await write(target, { key: "order-7" })).values[1]).toBe("order-7");
  });

  test.each([{ user_ids: ["1", "2"], account_id: "1" }, {}])("has no order for %j", async (target) => {
    const { id, values } = await write(target);
    expect(values[1]).toBe(id);
  });

  test.each<OutboxOptions>([{ key: "" }, { key: "a\0b" }, { table: "a; DROP TABLE b" }, { table: "a.b.c" }])(
    "is not written with %j",
    async (options) => {
      await expect(write({ account_id: "1" }, options)).rejects.toThrow(TypeError);
    },
  );
});
