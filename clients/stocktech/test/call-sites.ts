/**
 * Call sites as StockTech's code has them, for the compiler alone: what stands here has to compile as it is.
 *
 * Rows are what an ORM infers (a type of its own), interfaces, classes, literals with further columns, and parts of rows.
 */
import wsManagerByDefault, {
  NotificationClient,
  notificationClient,
  type Order,
  type Return,
  wsManager as namedManager,
  type WsManager,
} from "@notification-hub/stocktech";

/** What an ORM infers of a table. */
type OrderRow = {
  id: number;
  accountId: string;
  ownerCpf: string;
  buyerAccountId: string | null;
  sellerAccountId: string | null;
  buyerId: string;
  sellerId: string;
  orderCode: string;
  status: "pending_payment" | "paid" | "shipped";
  total: string;
  items: string;
  trackingCode: string | null;
  createdAt: Date;
};
interface ReturnRow {
  id: number;
  accountId: string;
  returnCode: string;
  reason: string | null;
  quantity: number;
  status: string;
  sellerDecision: string | null;
  createdAt: Date;
}
interface ProductRow {
  readonly id: number;
  readonly name: string;
  readonly quantity: number;
  readonly minQuantity: number | null;
  readonly price: string;
}
class Model {
  declare id: number;
  declare orderCode: string;
  save(): void {}
}
declare const order: OrderRow;
declare const orders: readonly OrderRow[];
declare const loose: Record<string, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: what JSON.parse returns
declare const parsed: any;
declare const returnRecord: ReturnRow;
declare const updated: ReturnRow | undefined;
declare const product: ProductRow;
declare const ctx: { account: { id: string } | null; user: { id: string } };

export async function callSites(managers: WsManager[]): Promise<void> {
  for (const manager of [wsManagerByDefault, namedManager, notificationClient, ...managers]) {
    await manager.notifyOrderCreated(
      order.buyerId,
      order.sellerId,
      order.buyerAccountId || ctx.account!.id,
      order.sellerAccountId || ctx.account!.id,
      order,
    );
    void manager.notifyOrderCreated(order.buyerId, order.sellerId, ctx.account!.id, order);
    manager.notifyOrderCreated("1", "2", null, undefined, {
      id: 7,
      orderCode: "A",
      items: [{ productId: 5 }],
      total: 12.5,
      somethingElse: new Date(),
    });
    manager.notifyOrderCreated("1", "2", "a", "b", orders[0]!).catch(console.error);
    manager.notifyPaymentConfirmed("1", "2", "a", "b", { ...order, paymentConfirmedAt: new Date() });
    manager.notifyPaymentConfirmed(1, 2, "a", loose);
    manager.notifyPaymentConfirmed(1n, 2n, "a", parsed);
    manager.notifyOrderStatusUpdated(order.buyerId, order.accountId, order, order.status);
    manager.notifyOrderStatusUpdated(order.buyerId, order.accountId, new Model(), "shipped");
    manager.notifyOrderStatusUpdated(order.buyerId, order.accountId, order satisfies Order);
    for (const notify of [manager.notifyProductAdded, manager.notifyProductUpdated, manager.notifyStockAlert]) {
      notify(ctx.user.id, ctx.account!.id, product);
      notify(ctx.user.id, ctx.account?.id, { id: 1, name: "Tela", quantity: "2.00", minQuantity: 5, images: "[]" });
    }
    manager.notifyProductDeleted(ctx.user.id, ctx.account!.id, { id: 5, name: "Tela 11" });
    manager.notifyCartUpdated(ctx.user.id, ctx.account!.id, { action: "remove", cartId: 3, productId: 5 });
    manager.notifyCartUpdated(ctx.user.id, ctx.account!.id, { action: "clear" });
    manager.notifyTransactionCreated(ctx.user.id, ctx.account!.id, {
      transactionCode: "T-1",
      amount: "1.00",
      date: new Date(),
    });
    manager.notifyProfileUpdated(ctx.user.id, ctx.account!.id, { storeName: "Loja", rating: "4.80", totalSales: 10 });
    manager.notifyReturnRequested("2", "b", returnRecord);
    manager.notifyReturnResponded("1", "a", { ...returnRecord, status: "rejected", rejectionReason: "x" });
    manager.notifyReplacementSent("1", "a", updated);
    manager.notifyDefectiveReceived("1", "a", updated!);
    manager.notifyExchangeValidated("1", "a", returnRecord satisfies Return);
    manager.notifyExchangeResolved("2", returnRecord.accountId, loose);
    manager.sendNotificationToUser("1", {
      type: "order_created",
      title: "a",
      message: "b",
      data: order,
      timestamp: new Date().toISOString(),
    });
    manager.sendNotificationToUser("1", "a", { type: "order_created", title: "a", message: "b" });
    manager.broadcastToUsers(["1", "2"], { type: "cart_updated", title: "a", message: "b", data: { items: [1] } });
    manager.broadcastToAccount(ctx.account!.id, { type: "profile_updated", title: "a", message: "b" });
    manager.init({ listen() {} });
    manager.cleanup();
    const stats = manager.getStats();
    const health: { connections: number; accounts: string[] } = {
      connections: stats.totalConnections,
      accounts: Object.keys(stats.connectionsByAccount),
    };
    const waited: number = (await manager.getStats()).totalConnections;
    console.log(health, waited);
  }
}

/** Hooks say what they are given without a type of their own. */
export const withHooks = [
  new NotificationClient({
    url: "https://hub.example.com",
    key: "k",
    onError: (failure) => console.warn(failure.message),
  }),
  new NotificationClient({
    url: "https://hub.example.com",
    key: "k",
    onError: ({ message }, told) => console.warn(message, told?.type),
  }),
];

/** What does not compile: no user, and no notification. */
export function mistakes(): void {
  // @ts-expect-error - a user is an id
  notificationClient.notifyCartUpdated(undefined, "a", {});
  // @ts-expect-error - an order is a row
  notificationClient.notifyOrderStatusUpdated("1", "a", "ORD-1", "shipped");
  // @ts-expect-error - a notification has a type
  notificationClient.broadcastToAccount("a", { title: "a" });
}
