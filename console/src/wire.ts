/** The shapes that the hub sends and takes, from the types that its API document generates. */
import type { components } from "../../clients/typescript/src/generated/openapi.js";

type Schemas = components["schemas"];

export type Introduction = Schemas["Introduction"];
export type Figures = Schemas["Figures"];
export type NodeStats = Schemas["NodeStats"];
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
export type WebhookView = Schemas["WebhookView"];
export type WebhookPage = Schemas["WebhookPage"];
export type WebhookRepeated = Schemas["WebhookRepeated"];
export type PushFigures = Schemas["PushFigures"];
export type Trace = Schemas["Trace"];
