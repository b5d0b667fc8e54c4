import { randomUUID } from "node:crypto";
import type { AnyPublishRequest, PublishRequest } from "./hub.js";

/** A client of `pg` (or a pool's client) in a transaction. */
export interface PgTransaction {
  query(text: string, values: string[]): PromiseLike<unknown>;
}

/** Prisma's client in an interactive transaction: `prisma.$transaction(async (tx) => ...)`. */
export interface PrismaTransaction {
  $executeRawUnsafe(query: string, ...values: string[]): PromiseLike<unknown>;
}

/** Sequelize and its transaction. */
export interface SequelizeTransaction<T = unknown> {
  sequelize: { query(sql: string, options: { bind: string[]; transaction: T }): PromiseLike<unknown> };
  transaction: T;
}

/** Runs one statement with `$1`, `$2` and `$3` in the caller's transaction, for any other library. */
export type RunStatement = (sql: string, values: string[]) => PromiseLike<unknown>;

/** The caller's own open transaction. */
export type OutboxTransaction = PgTransaction | PrismaTransaction | SequelizeTransaction<never> | RunStatement;

/** How one row differs from the others. */
export interface OutboxOptions {
  /**
   * What the row stays in order with, such as an order's number. Without it, rows for the same user, account or everyone
   * are published in order, and rows for several users have no order.
   */
  key?: string;
  /** `notification_outbox` unless it has another name or is in a schema. */
  table?: string;
}

const NAME = /^(?:[A-Za-z_]\w*\.)?[A-Za-z_]\w*$/;

/**
 * Write a notification into the outbox table, in the caller's transaction, and return the row's id.
 *
 * The caller commits or rolls back; `hub relay` publishes the row after the commit, once.
 *
 * @throws TypeError when the notification, the key or the table cannot be used, or no transaction was given; nothing was
 *   asked of the database. Otherwise what the database says: the row was not written, and the transaction has failed.
 */
export async function writeToOutbox<N extends AnyPublishRequest = PublishRequest>(
  transaction: OutboxTransaction,
  notification: N,
  options: OutboxOptions = {},
): Promise<string> {
  const table = options.table ?? "notification_outbox";
  if (!NAME.test(table)) throw new TypeError("table: is not a table's name, such as app.notification_outbox");
  if (options.key !== undefined && (options.key === "" || options.key.includes("\0"))) {
    throw new TypeError("key: is empty or has a NUL; leave it out for the default");
  }
  const id = randomUUID();
  // When it happened, however much later the relay publishes it.
  const timestamp = (notification as { timestamp?: string | null }).timestamp ?? new Date().toISOString();
  const body = JSON.stringify({ ...notification, timestamp });
  const values = [id, options.key ?? findKey(notification) ?? id, body];
  const statement =
    `INSERT INTO ${table} (id, key, body) ` +
    "VALUES (CAST(CAST($1 AS text) AS uuid), $2, CAST(CAST($3 AS text) AS json))";
  await run(transaction, statement, values);
  return id;
}

function run(transaction: OutboxTransaction, sql: string, values: string[]): PromiseLike<unknown> {
  if (typeof transaction === "function") return transaction(sql, values);
  if ("$executeRawUnsafe" in transaction) {
    // Prisma takes this away from the client of a transaction.
    if (typeof (transaction as { $connect?: unknown }).$connect === "function")
      throw outside("the `tx` of $transaction");
    return transaction.$executeRawUnsafe(sql, ...values);
  }
  if ("sequelize" in transaction) {
    if (!transaction.transaction) throw outside("Sequelize's transaction");
    return transaction.sequelize.query(sql, { bind: values, transaction: transaction.transaction });
  }
  // A pool gives each statement another connection, and commits it at once.
  if (typeof (transaction as { totalCount?: unknown }).totalCount === "number") throw outside("the client of BEGIN");
  return transaction.query(sql, values);
}

function outside(instead: string): TypeError {
  return new TypeError(`transaction: is not one, so the row would be committed without your change; give ${instead}`);
}

function findKey(notification: AnyPublishRequest): string | undefined {
  const target = notification as { everyone?: unknown; user_ids?: unknown; user_id?: unknown; account_id?: unknown };
  if (target.everyone === true) return "everyone";
  if (target.user_ids != null) return undefined;
  if (typeof target.user_id === "string") return `user:${target.user_id}`;
  return typeof target.account_id === "string" ? `account:${target.account_id}` : undefined;
}
