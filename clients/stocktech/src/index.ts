export { type ClientOptions, type Confirmations, NotificationClient, type OldStats, type RowOf } from "./client.js";
export type { OldNotification } from "./composed.js";
export type { Order } from "./order.js";
export type { Cart, Profile, Transaction } from "./personal.js";
export type { Product } from "./product.js";
export type { Account } from "./recipient.js";
export type { Return } from "./return.js";
export { finishOnSignal } from "@notification-hub/service";
export type { Id } from "./text.js";
export {
  createWsManager,
  type LocalManager,
  notificationClient,
  notificationClient as default,
  useLocalManager,
  type Via,
  type WsManager,
  type WsManagerOptions,
  wsManager,
} from "./ws-manager.js";
