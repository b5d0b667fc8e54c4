import { column, readLine, type Row } from "./row.js";
import type { Id } from "./text.js";

/** An account as callers name it; null is a super admin's, and missing is unknown. */
export type Account = Id | null | undefined;

/** Whom a notification is for. */
export interface Recipient {
  readonly user_id: string;
  readonly account_id?: string;
}

/** The side of a deal that a user is on, as far as is known. */
export type Side = "buyer" | "seller" | undefined;

/** Return the side of a deal that a row's columns say `user` is on. */
export function sideOf(user: Id, row: Row): Side {
  const [buyer, seller] = [readLine(column(row, "buyerId")), readLine(column(row, "sellerId"))];
  if (buyer === seller) return undefined;
  return String(user) === seller ? "seller" : String(user) === buyer ? "buyer" : undefined;
}

/**
 * Say whether an account is a guess: another one than the row has for this side, or the buyer's for the seller, as callers
 * pass it that have only the buyer's at hand.
 */
export function isGuess(account: Account, side: Side, row: Row): boolean {
  if (side === undefined || isMissing(account)) return false;
  const own = readLine(column(row, side === "seller" ? "sellerAccountId" : "buyerAccountId"));
  if (own !== undefined) return own !== String(account);
  // The account of a deal's row is its buyer's.
  const buyers = readLine(column(row, "buyerAccountId", "accountId"));
  return buyers !== undefined && (buyers === String(account)) === (side === "seller");
}

/** Say whether a row's own column has this account for this side. */
export function isConfirmed(account: Account, side: Side, row: Row): boolean {
  const own = readLine(column(row, side === "seller" ? "sellerAccountId" : "buyerAccountId"));
  return own !== undefined && own === String(account);
}

/** @throws TypeError for what is not a valid id: `String(undefined)` would be a user. */
export function checkUser(user: unknown): string {
  const isId = typeof user === "string" || typeof user === "bigint" || Number.isSafeInteger(user);
  const id = isId ? String(user).trim() : "";
  if (id === "") throw new TypeError("a notification has no target");
  return id;
}

/** Return the account as the hub takes it. */
export function at(account: Account): { account_id?: string } {
  return isMissing(account) ? {} : { account_id: String(account).trim() };
}

function isMissing(account: Account): boolean {
  return account === undefined || account === null || String(account).trim() === "";
}
