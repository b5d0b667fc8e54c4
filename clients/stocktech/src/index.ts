export {
  type ClientOptions,
  type FreeData,
  NotificationClient,
  type OldNotification,
  type OldStats,
} from "./client.js";
export type { Order } from "./order.js";
export type { Product } from "./product.js";
export type { Id } from "./text.js";
export {
  createWsManager,
  type LocalManager,
  useLocalManager,
  type Via,
  type WsManager,
  type WsManagerOptions,
  wsManager,
} from "./ws-manager.js";
