/** The shapes that the hub sends and takes, from the types that its API document generates. */
import type { components } from "../../clients/typescript/src/generated/openapi.js";

type Schemas = components["schemas"];

export type Introduction = Schemas["Introduction"];
export type Figures = Schemas["Figures"];
export type Durations = Schemas["Durations"];
export type FeedItem = Schemas["FeedItem"];
export type FeedTarget = Schemas["FeedTarget"];
export type ObservationEvent = Schemas["ObservationEvent"];
export type ConnectionsFound = Schemas["ConnectionsFound"];
export type DisconnectReceipt = Schemas["DisconnectReceipt"];
export type Explanation = Schemas["Explanation"];
export type Problem = Schemas["Problem"];
export type Receipt = Schemas["Receipt"];
export type TargetView = Schemas["TargetView"];
/** Webhooks as `GET /api/internal/webhooks` lists them. */
export interface WebhookView {
  id: string;
  event: string;
  service: string;
  notification_id: string;
  user: TargetView;
  state: "waiting" | "delivered" | "dead";
  created_at: string;
  attempts: number;
  last_attempts: { at: string; outcome: string }[];
  next_attempt_at?: string;
}
export interface WebhookPage {
  webhooks: WebhookView[];
  more: boolean;
}
export interface WebhookRepeated {
  id: string;
  state: WebhookView["state"];
}
/** The response of `GET /api/internal/push`. */
export interface PushFigures {
  subscriptions: number;
  users: number;
  sending: number;
  waiting: number;
  behind: boolean;
  outcomes: Record<string, number>;
  failures: Record<string, number>;
  services: { origin: string; sending: number }[];
}
export type Trace = Schemas["Trace"];
