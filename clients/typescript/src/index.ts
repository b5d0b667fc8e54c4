export { HubFailure, HubRefused, HubUnreachable, type LossReason, NotificationLost, type Problem } from "./failure.js";
export type { components, operations, paths } from "./generated/openapi.js";
export {
  type AnyPublishRequest,
  type AnySignalRequest,
  type BatchResult,
  type CallOptions,
  type DisconnectReceipt,
  type DisconnectRequest,
  type ExplainQuestion,
  type Explanation,
  type FieldWarning,
  type ForgetReceipt,
  type ForgetRequest,
  type HubOptions,
  NotificationHub,
  type NotificationType,
  type Publish,
  type PublishOptions,
  type PublishRequest,
  type Readiness,
  type Receipt,
  type SignalReceipt,
  type SignalRequest,
  type Stats,
  type Ticket,
  type Trace,
} from "./hub.js";
export {
  type OutboxOptions,
  type OutboxTransaction,
  type PgTransaction,
  type PrismaTransaction,
  type RunStatement,
  type SequelizeTransaction,
  writeToOutbox,
} from "./outbox-table.js";
export type { EnqueueOptions, QueueCounts, QueueLimits } from "./queue.js";
export type { RetryPolicy } from "./retry.js";
export { type Finish, finishOnSignal } from "./shutdown.js";
