/** The notification hub in a browser. */
export { createHub, type Hub, type HubOptions } from "./hub.js";
export type { Reason, ReasonCode, State, Status, Transport } from "./status.js";
export type { HubRequest } from "./request.js";
export type { AppStateLike } from "./environment.js";
export type { StorageLike } from "./storage.js";
export { UnauthorizedError, type GetToken, type TokenReason } from "./tokens.js";
export type * from "./wire.js";
