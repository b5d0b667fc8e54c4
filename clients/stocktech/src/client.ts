import {
  type HubFailure,
  type HubOptions,
  HubRefused,
  NotificationHub,
  type PublishRequest,
} from "@notification-hub/service";
import { adopt, type OldNotification } from "./composed.js";
import {
  type Order,
  orderCreatedForBuyer,
  orderCreatedForSeller,
  orderStatusUpdated,
  paymentConfirmedForBuyer,
  paymentConfirmedForSeller,
  type Said,
} from "./order.js";
import {
  type Cart,
  cartUpdated,
  type Profile,
  profileUpdated,
  type Transaction,
  transactionCreated,
} from "./personal.js";
import { type Product, productAdded, productDeleted, productUpdated, stockAlert } from "./product.js";
import { type Account, at, checkUser, isConfirmed, isGuess, type Side, sideOf } from "./recipient.js";
import { type Return, type ReturnType, returnUpdated } from "./return.js";
import type { Row } from "./row.js";
import type { Id } from "./text.js";

/** How many users one notification may name. */
const MAX_USERS = 5000;
/** How long a health page waits. */
const STATS_DEADLINE_MS = 5000;

/** Any row: the columns of `T` are the ones that are read. */
export type RowOf<T> = T | object;

/** The connections, in the shape of the old server. */
export interface OldStats {
  totalConnections: number;
  connectionsByAccount: Record<string, number>;
}

/** Where the hub is, or an existing client of it. */
export type ClientOptions = (Omit<HubOptions, "onError"> | { hub: NotificationHub }) & {
  /** Called for everything that is lost, and where the hub gives no statistics; by default `console.warn`. */
  onError?: (failure: Error, notification?: PublishRequest) => void;
  /**
   * Whether the hub can look up whose account a user is in (`HUB_DIRECTORY_URL`); true. If so, an account that is a guess
   * (the one account of the plan's signatures, the buyer's for a seller) is left out, and the hub finds each in their own;
   * if not, the account that is named is believed.
   */
  directory?: boolean;
  /** Until when users have to confirm notifications of these types; see the hub's guide on confirmations. */
  confirm?: Confirmations;
};

/** What each user has to confirm, by type: `{ order_created: { within_seconds: 60, by: "delivered" } }`. */
export type Confirmations = { readonly [Type in PublishRequest["type"]]?: NonNullable<PublishRequest["confirm"]> };

type Sayable = Said<PublishRequest>;

/**
 * StockTech's notifications: the names of `wsManager`, the Portuguese texts, and the hub behind them.
 *
 * No method throws, rejects or waits for the hub, so that no order fails because of its notification; `onError` is called
 * for what is lost. Only `getStats` asks the hub and can be awaited. Rows may be whole rows of a database, of any types;
 * what reaches a person is chosen column by column.
 */
export class NotificationClient {
  /** The hub behind it, for what has no method here. */
  readonly hub: NotificationHub;
  readonly #directory: boolean;
  readonly #confirm: Confirmations;
  readonly #onError: (failure: Error, notification?: PublishRequest) => void;
  #stats: OldStats = { totalConnections: 0, connectionsByAccount: {} };
  #asking: Promise<OldStats> | undefined;
  #away = false;

  constructor(options: ClientOptions) {
    this.hub =
      "hub" in options
        ? options.hub
        : new NotificationHub({ ...options, onError: (failure, told) => this.#lose(failure, told) });
    this.#directory = options.directory ?? true;
    this.#confirm = options.confirm ?? {};
    this.#onError = options.onError ?? warn;
    // Otherwise a method that is passed on (`.then(client.notifyCartUpdated)`) would end in an unhandled rejection.
    const self = this as unknown as Record<string, unknown>;
    for (const name of Object.getOwnPropertyNames(NotificationClient.prototype)) {
      const method = self[name];
      if (name !== "constructor" && typeof method === "function") self[name] = method.bind(this);
    }
  }

  /** Tell buyer and seller of a new order, each in their own words. */
  notifyOrderCreated(
    buyer: Id,
    seller: Id,
    buyerAccount: Account,
    sellerAccount: Account,
    order: RowOf<Order>,
  ): Promise<void>;
  notifyOrderCreated(buyer: Id, seller: Id, account: Account, order: RowOf<Order>): Promise<void>;
  async notifyOrderCreated(buyer: Id, seller: Id, ...rest: Deal): Promise<void> {
    this.#tellBoth(buyer, seller, rest, orderCreatedForBuyer, orderCreatedForSeller);
  }

  /** Tell buyer and seller that an order was paid, each in their own words. */
  notifyPaymentConfirmed(
    buyer: Id,
    seller: Id,
    buyerAccount: Account,
    sellerAccount: Account,
    order: RowOf<Order>,
  ): Promise<void>;
  notifyPaymentConfirmed(buyer: Id, seller: Id, account: Account, order: RowOf<Order>): Promise<void>;
  async notifyPaymentConfirmed(buyer: Id, seller: Id, ...rest: Deal): Promise<void> {
    this.#tellBoth(buyer, seller, rest, paymentConfirmedForBuyer, paymentConfirmedForSeller);
  }

  /** Tell a buyer, or a seller, that an order is now `processing`, `shipped`, `delivered`, `cancelled` or something else. */
  async notifyOrderStatusUpdated(
    user: Id,
    account: Account,
    order: RowOf<Order>,
    status?: string | null,
  ): Promise<void> {
    this.#tell(user, account, order, (row) => orderStatusUpdated(row, status, String(user)));
  }

  /** Tell a seller that a product's stock fell to its minimum. */
  async notifyStockAlert(seller: Id, account: Account, product: RowOf<Product>): Promise<void> {
    this.#tell(seller, account, product, stockAlert);
  }

  /** Tell a seller that a product joined the catalogue. */
  async notifyProductAdded(seller: Id, account: Account, product: RowOf<Product>): Promise<void> {
    this.#tell(seller, account, product, productAdded);
  }

  /** Tell a seller that a product changed. */
  async notifyProductUpdated(seller: Id, account: Account, product: RowOf<Product>): Promise<void> {
    this.#tell(seller, account, product, productUpdated);
  }

  /** Tell a seller that a product left the catalogue. */
  async notifyProductDeleted(seller: Id, account: Account, product: RowOf<Product>): Promise<void> {
    this.#tell(seller, account, product, productDeleted);
  }

  /** Tell a user that their cart changed. */
  async notifyCartUpdated(user: Id, account: Account, data?: RowOf<Cart> | null): Promise<void> {
    this.#tell(user, account, data ?? {}, cartUpdated);
  }

  /** Tell a user that a transaction was entered in their books. */
  async notifyTransactionCreated(user: Id, account: Account, data?: RowOf<Transaction> | null): Promise<void> {
    this.#tell(user, account, data ?? {}, transactionCreated);
  }

  /** Tell a user that their profile changed. */
  async notifyProfileUpdated(user: Id, account: Account, data?: RowOf<Profile> | null): Promise<void> {
    this.#tell(user, account, data ?? {}, profileUpdated);
  }

  /** Tell a seller that a buyer asks to return something. */
  async notifyReturnRequested(seller: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("return_requested", seller, account, data);
  }

  /** Tell a buyer what the seller answered to a return. */
  async notifyReturnResponded(buyer: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("return_responded", buyer, account, data);
  }

  /** Tell a buyer that a replacement is on its way. */
  async notifyReplacementSent(buyer: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("replacement_sent", buyer, account, data);
  }

  /** Tell a buyer that the seller has the defective product. */
  async notifyDefectiveReceived(buyer: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("defective_received", buyer, account, data);
  }

  /** Tell a buyer whether an exchange was approved or refused. */
  async notifyExchangeValidated(buyer: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("exchange_validated", buyer, account, data);
  }

  /** Tell a seller how an exchange ended: paid, or sent back. */
  async notifyExchangeResolved(seller: Id, account: Account, data?: RowOf<Return> | null): Promise<void> {
    this.#tellReturn("exchange_resolved", seller, account, data);
  }

  /** Send what the caller composed to one user, with or without naming their account. */
  sendNotificationToUser(user: Id, notification: OldNotification): Promise<void>;
  sendNotificationToUser(user: Id, account: Account, notification: OldNotification): Promise<void>;
  async sendNotificationToUser(user: Id, ...rest: Addressed): Promise<void> {
    this.#attempt(() => {
      const { account, notification } = readAddressed(rest);
      this.#enqueue(adopt(notification), { user_id: checkUser(user) }, account, false);
    });
  }

  /**
   * Send what the caller composed to several users, with or without naming one account for all of them. Of those whom
   * the hub's directory does not know `onError` is told; the others get it (unless the client was given its `hub`).
   */
  broadcastToUsers(users: readonly Id[], notification: OldNotification): Promise<void>;
  broadcastToUsers(users: readonly Id[], account: Account, notification: OldNotification): Promise<void>;
  async broadcastToUsers(users: readonly Id[], ...rest: Addressed): Promise<void> {
    this.#attempt(() => {
      const { account, notification } = readAddressed(rest);
      const ids = users.map(checkUser);
      for (let start = 0; start < ids.length; start += MAX_USERS) {
        this.#enqueue(adopt(notification), { user_ids: ids.slice(start, start + MAX_USERS) }, account, false);
      }
    });
  }

  /** Send what the caller composed to everybody in an account. */
  async broadcastToAccount(account: Id, notification: OldNotification): Promise<void> {
    // Checked as a user's id is: `String(undefined)` would be an account.
    this.#attempt(() => this.#send({ ...adopt(notification), account_id: checkUser(account) }));
  }

  /**
   * Return the hub's connections.
   *
   * The result can be awaited, and also holds what the hub said last time, for old code that does not await it. Never
   * rejects: while the hub is away it is what was known last.
   */
  getStats(): Promise<OldStats> & OldStats {
    // Calls at the same time share one request: health pages do not pile up on a slow hub.
    this.#asking ??= this.#askStats().finally(() => (this.#asking = undefined));
    return Object.assign(
      this.#asking.then((stats) => stats),
      this.#stats,
    );
  }

  /** Send what is still queued, for the end of the process; say whether all of it was sent in time. */
  close(timeoutMs?: number): Promise<boolean> {
    return this.hub.close(timeoutMs);
  }

  async #askStats(): Promise<OldStats> {
    try {
      const { totalConnections, connectionsByAccount } = await this.hub.stats({ deadlineMs: STATS_DEADLINE_MS });
      this.#stats = { totalConnections, connectionsByAccount };
      this.#away = false;
    } catch (failure) {
      // Once for each time that the hub is away: health pages ask every few seconds.
      if (!this.#away) this.#report(failure as HubFailure);
      this.#away = true;
    }
    return this.#stats;
  }

  #tellBoth(buyer: Id, seller: Id, rest: Deal, toBuyer: Compose, toSeller: Compose): void {
    this.#attempt(() => {
      const { buyerAccount, sellerAccount, order } = readDeal(rest);
      // One account for both is right for at least one of them; only the row or the directory knows for which.
      const isShared = String(buyerAccount) === String(sellerAccount);
      const tell = (user: Id, account: Account, side: Side, compose: Compose) =>
        this.#tell(
          user,
          account,
          order,
          compose,
          isShared ? !isConfirmed(account, side, order) : isGuess(account, side, order),
        );
      tell(buyer, buyerAccount, "buyer", toBuyer);
      tell(seller, sellerAccount, "seller", toSeller);
    });
  }

  #tellReturn(type: ReturnType, user: Id, account: Account, data: Row | null | undefined): void {
    this.#tell(user, account, data ?? {}, (row) => returnUpdated(type, row));
  }

  #tell(user: Id, account: Account, row: Row, compose: Compose, guess?: boolean): void {
    this.#attempt(() => {
      const said = compose(asRow(row));
      this.#enqueue(said, { user_id: checkUser(user) }, account, guess ?? isGuess(account, sideOf(user, row), row));
    });
  }

  /** Queue for users, with the account or, if it is a guess, without; the other form is for a target that is unknown. */
  #enqueue(said: Sayable, users: { user_id: string } | { user_ids: string[] }, account: Account, guess: boolean): void {
    const confirm = this.#confirm[said.type];
    const told = { ...said, ...users, ...(confirm && { confirm }) };
    const [named, found] = [{ ...told, ...at(account) }, told];
    if (!this.#directory || !("account_id" in named)) this.#send(named);
    else if (guess) this.#send(found, named);
    else this.#send(named, found);
  }

  #send(request: object, orElse?: object): void {
    // Built from a union of types, each with its own `data`, which the spread cannot follow.
    this.hub.enqueue(request as PublishRequest, orElse ? { orElse: orElse as PublishRequest } : {});
  }

  /** The hub refuses a list with one user whom its directory does not know: its halves are sent, until one user is left. */
  #lose(failure: HubFailure, notification: PublishRequest): void {
    const { user_ids: users, account_id: account, ...said } = notification;
    if (!users || users.length < 2 || !(failure instanceof HubRefused) || failure.code !== "unknown_target") {
      this.#report(failure, notification);
      return;
    }
    const half = Math.ceil(users.length / 2);
    for (const part of [users.slice(0, half), users.slice(half)]) {
      this.#enqueue(said as Sayable, { user_ids: part }, account, true);
    }
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#report(error instanceof Error ? error : new Error("a notification could not be composed"));
    }
  }

  #report(failure: Error, notification?: PublishRequest): void {
    try {
      this.#onError(failure, notification);
    } catch (hook) {
      console.error("The onError hook of the notifications failed", hook);
    }
  }
}

function warn(failure: Error, notification?: PublishRequest): void {
  const what = notification ? `${notification.type} was not sent: ` : "";
  console.warn(`notification hub: ${what}${failure.message}`);
}

type Compose = (row: Row) => Sayable;
type Deal = [Account, Account, Row] | [Account, Row];
type Addressed = [OldNotification] | [Account, OldNotification];

/** Read both signatures. The plan's has one account: it has fewer arguments, or its second is not an account. */
function readDeal(rest: Deal): { buyerAccount: Account; sellerAccount: Account; order: Row } {
  const [first, second, third] = rest as [Account, Account | Row, Row | undefined];
  if (rest.length < 3 || (typeof second === "object" && second !== null)) {
    return { buyerAccount: first, sellerAccount: first, order: asRow(second) };
  }
  return { buyerAccount: first, sellerAccount: second as Account, order: asRow(third) };
}

function readAddressed(rest: Addressed): { account: Account; notification: OldNotification } {
  const [first, second] = rest;
  if (typeof first === "object" && first !== null) return { account: undefined, notification: first };
  if (typeof second !== "object" || second === null) throw new TypeError("a notification is missing");
  return { account: first, notification: second };
}

/** Return a row that can be read; an empty one where an update found nothing, which is announced without details. */
function asRow(row: unknown): Row {
  return typeof row === "object" && row !== null ? row : {};
}
