import { type HubFailure, type HubOptions, NotificationHub, type PublishRequest } from "@notification-hub/service";
import {
  type Order,
  orderCreatedForBuyer,
  orderCreatedForSeller,
  orderStatusUpdated,
  paymentConfirmedForBuyer,
  paymentConfirmedForSeller,
  type Said,
} from "./order.js";
import { type Product, productAdded, productDeleted, productUpdated, stockAlert } from "./product.js";
import type { Id } from "./text.js";
import { type FreeType, WORDING } from "./wording.js";

/** How many users one notification may name. */
const MAX_USERS = 5000;

/** What `data` may hold where its shape is free. */
export type FreeData = Record<string, unknown> | null;

/** A notification in the old server's shape: composed by the caller, of any type the hub knows. */
export interface OldNotification {
  type: string;
  title?: string;
  message?: string;
  data?: object | null;
  timestamp?: string | Date;
}

/** Who is connected, in the old server's words. */
export interface OldStats {
  totalConnections: number;
  connectionsByAccount: Record<string, number>;
}

/** Where the hub is, or a client of it that is there already. */
export type ClientOptions = (HubOptions | { hub: NotificationHub; onError?: (failure: Error) => void }) & {
  /**
   * Whether the hub can look up whose account a user is in (`HUB_DIRECTORY_URL`); true. If so, the plan's signatures,
   * which name one account for buyer and seller, find each in their own; if not, that account is taken for both.
   */
  directory?: boolean;
};

type Account = Id | null | undefined;

/**
 * StockTech's notifications: the names of `wsManager`, the Portuguese texts, and the hub behind them.
 *
 * No method throws, rejects or waits for the hub, so that no order fails because somebody could not be told of it: what
 * is lost is told to `onError`. `getStats` is the one that asks the hub and can be waited for.
 */
export class NotificationClient {
  /** The hub behind it, for what has no method here. */
  readonly hub: NotificationHub;
  readonly #directory: boolean;
  readonly #onError: (failure: Error) => void;
  #stats: OldStats = { totalConnections: 0, connectionsByAccount: {} };

  constructor(options: ClientOptions) {
    this.hub = "hub" in options ? options.hub : new NotificationHub(options);
    this.#directory = options.directory ?? true;
    const tell = options.onError as ((failure: Error) => void) | undefined;
    this.#onError = tell ?? ((failure) => console.warn(`notification hub: ${failure.message}`));
  }

  /** Tell buyer and seller of a new order, each in their own words. */
  notifyOrderCreated(buyer: Id, seller: Id, buyerAccount: Account, sellerAccount: Account, order: Order): Promise<void>;
  notifyOrderCreated(buyer: Id, seller: Id, account: Account, order: Order): Promise<void>;
  async notifyOrderCreated(buyer: Id, seller: Id, ...rest: Parties): Promise<void> {
    const { buyerAccount, sellerAccount, order } = this.#parties(rest);
    this.#tell(buyer, buyerAccount, () => orderCreatedForBuyer(order));
    this.#tell(seller, sellerAccount, () => orderCreatedForSeller(order));
  }

  /** Tell buyer and seller that an order was paid, each in their own words. */
  notifyPaymentConfirmed(
    buyer: Id,
    seller: Id,
    buyerAccount: Account,
    sellerAccount: Account,
    order: Order,
  ): Promise<void>;
  notifyPaymentConfirmed(buyer: Id, seller: Id, account: Account, order: Order): Promise<void>;
  async notifyPaymentConfirmed(buyer: Id, seller: Id, ...rest: Parties): Promise<void> {
    const { buyerAccount, sellerAccount, order } = this.#parties(rest);
    this.#tell(buyer, buyerAccount, () => paymentConfirmedForBuyer(order));
    this.#tell(seller, sellerAccount, () => paymentConfirmedForSeller(order));
  }

  /** Tell a buyer that an order is now `processing`, `shipped`, `delivered`, `cancelled` or something else. */
  async notifyOrderStatusUpdated(user: Id, account: Account, order: Order, status: string): Promise<void> {
    this.#tell(user, account, () => orderStatusUpdated(order, status));
  }

  /** Tell a seller that a product's stock fell to its minimum. */
  async notifyStockAlert(seller: Id, account: Account, product: Product): Promise<void> {
    this.#tell(seller, account, () => stockAlert(product));
  }

  /** Tell a seller that a product joined the catalogue. */
  async notifyProductAdded(seller: Id, account: Account, product: Product): Promise<void> {
    this.#tell(seller, account, () => productAdded(product));
  }

  /** Tell a seller that a product changed. */
  async notifyProductUpdated(seller: Id, account: Account, product: Product): Promise<void> {
    this.#tell(seller, account, () => productUpdated(product));
  }

  /** Tell a seller that a product left the catalogue. */
  async notifyProductDeleted(seller: Id, account: Account, product: Product): Promise<void> {
    this.#tell(seller, account, () => productDeleted(product));
  }

  /** Tell a user that their cart changed. */
  async notifyCartUpdated(user: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("cart_updated", user, account, data);
  }

  /** Tell a user that a transaction was entered in their books. */
  async notifyTransactionCreated(user: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("transaction_created", user, account, data);
  }

  /** Tell a user that their profile changed. */
  async notifyProfileUpdated(user: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("profile_updated", user, account, data);
  }

  /** Tell a seller that a buyer asks to return something. */
  async notifyReturnRequested(seller: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("return_requested", seller, account, data);
  }

  /** Tell a buyer that the seller answered a return. */
  async notifyReturnResponded(buyer: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("return_responded", buyer, account, data);
  }

  /** Tell a buyer that a replacement is on its way. */
  async notifyReplacementSent(buyer: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("replacement_sent", buyer, account, data);
  }

  /** Tell a buyer that the seller has the defective product. */
  async notifyDefectiveReceived(buyer: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("defective_received", buyer, account, data);
  }

  /** Tell a buyer that an exchange was checked and accepted. */
  async notifyExchangeValidated(buyer: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("exchange_validated", buyer, account, data);
  }

  /** Tell a seller that an exchange is closed. */
  async notifyExchangeResolved(seller: Id, account: Account, data?: FreeData): Promise<void> {
    this.#tellFree("exchange_resolved", seller, account, data);
  }

  /** Send what the caller composed to one user, with or without naming their account. */
  sendNotificationToUser(user: Id, notification: OldNotification): Promise<void>;
  sendNotificationToUser(user: Id, account: Account, notification: OldNotification): Promise<void>;
  async sendNotificationToUser(user: Id, ...rest: Addressed): Promise<void> {
    const { account, notification } = readAddressed(rest);
    this.#tell(user, account, () => adopt(notification));
  }

  /** Send what the caller composed to several users, with or without naming one account for all of them. */
  broadcastToUsers(users: readonly Id[], notification: OldNotification): Promise<void>;
  broadcastToUsers(users: readonly Id[], account: Account, notification: OldNotification): Promise<void>;
  async broadcastToUsers(users: readonly Id[], ...rest: Addressed): Promise<void> {
    const { account, notification } = readAddressed(rest);
    this.#attempt(() => {
      for (let start = 0; start < users.length; start += MAX_USERS) {
        const some = users.slice(start, start + MAX_USERS).map(String);
        this.#enqueue({ ...adopt(notification), user_ids: some, ...at(account) });
      }
    });
  }

  /** Send what the caller composed to everybody in an account. */
  async broadcastToAccount(account: Id, notification: OldNotification): Promise<void> {
    this.#attempt(() => this.#enqueue({ ...adopt(notification), account_id: String(account) }));
  }

  /**
   * Return who is connected, as the hub says.
   *
   * The answer can be waited for, and holds what the hub said last time, so that old code that does not wait works.
   * Never rejects: of a hub that is away it says what was last known.
   */
  getStats(): Promise<OldStats> & OldStats {
    const fresh = this.hub.stats().then(
      ({ totalConnections, connectionsByAccount }) => (this.#stats = { totalConnections, connectionsByAccount }),
      (failure: HubFailure) => {
        this.#onError(failure);
        return this.#stats;
      },
    );
    return Object.assign(fresh, this.#stats);
  }

  /** Send what is still queued, for the end of the process; say whether all of it was sent in time. */
  close(timeoutMs?: number): Promise<boolean> {
    return this.hub.close(timeoutMs);
  }

  #parties(rest: Parties): { buyerAccount: Account; sellerAccount: Account; order: Order } {
    if (rest.length === 3) return { buyerAccount: rest[0], sellerAccount: rest[1], order: rest[2] };
    const account = this.#directory ? undefined : rest[0];
    return { buyerAccount: account, sellerAccount: account, order: rest[1] };
  }

  #tellFree(type: FreeType, user: Id, account: Account, data: FreeData | undefined): void {
    this.#tell(user, account, () => ({ type, ...WORDING[type], data: data ?? {} }));
  }

  #tell(user: Id, account: Account, compose: () => Said<PublishRequest>): void {
    this.#attempt(() => {
      // `String(undefined)` would be somebody.
      if (user === undefined || user === null || user === "") throw new TypeError("a notification is for nobody");
      this.#enqueue({ ...compose(), user_id: String(user), ...at(account) });
    });
  }

  #enqueue(request: Said<PublishRequest> & { user_id?: string; user_ids?: string[]; account_id?: string }): void {
    // Built from a union of types, each with its own `data`, which the spread cannot follow.
    this.hub.enqueue(request as PublishRequest);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      try {
        this.#onError(error instanceof Error ? error : new Error("a notification could not be composed"));
      } catch (hook) {
        console.error("The onError hook of the notifications failed", hook);
      }
    }
  }
}

type Parties = [Account, Account, Order] | [Account, Order];
type Addressed = [OldNotification] | [Account, OldNotification];

function readAddressed(rest: Addressed): { account: Account; notification: OldNotification } {
  if (rest.length === 1) return { account: undefined, notification: rest[0] };
  return { account: rest[0], notification: rest[1] };
}

/** An account that is null is a super admin's: the hub looks it up. */
function at(account: Account): { account_id?: string } {
  return account === undefined || account === null || account === "" ? {} : { account_id: String(account) };
}

function adopt(notification: OldNotification): Said<PublishRequest> {
  const title = notification.title || "Notificação";
  const moment = notification.timestamp === undefined ? Number.NaN : new Date(notification.timestamp).getTime();
  return {
    type: notification.type,
    title,
    message: notification.message || title,
    ...(notification.data ? { data: notification.data } : {}),
    ...(Number.isNaN(moment) ? {} : { timestamp: new Date(moment).toISOString() }),
    // A type that the hub does not know is the hub's to refuse; `onError` hears of it.
  } as Said<PublishRequest>;
}
