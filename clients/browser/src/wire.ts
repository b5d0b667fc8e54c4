/** What the hub sends, as types; everything but the generated file is written by hand. */
import type { Frame, Gap } from "./generated/frames.js";

export type * from "./generated/frames.js";

/** A notification of a type that this version of the client does not know. */
export interface UnknownEvent {
  type: string;
  title: string;
  message: string;
  data?: Record<string, unknown>;
  timestamp: string;
  id: string;
  cursor: string;
}

/** A notification of a built-in type. */
export type KnownNotification = Extract<Frame, { id: string }>;

/** Any notification. Types may be added, so a `switch` over `type` needs a default. */
export type Notification = KnownNotification | UnknownEvent;

/**
 * The company's own types: `declare module "@notification-hub/client" { interface CompanyEvents { "whatsapp:message": … } }`.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by whoever declares it again
export interface CompanyEvents {}

/** What `on` can be asked for, and what its handler then gets. */
export type EventMap = { [E in KnownNotification as E["type"]]: E } & { gap: Gap } & CompanyEvents;

/** A type's name; any string will do, the known ones are offered. */
export type EventType = keyof EventMap | (string & {});

/** What a handler for the type `T` gets. */
export type EventOf<T extends string> = T extends keyof EventMap ? EventMap[T] : UnknownEvent;

/** Any message of a connection, known or not. */
export type AnyFrame = Frame | UnknownFrame;

/** A message whose type says nothing to this version. */
export interface UnknownFrame {
  type: string;
  id?: string;
}

/** Return the frame that `text` spells, or undefined where it spells none: a client passes over what it cannot read. */
export function parseFrame(text: unknown): AnyFrame | undefined {
  try {
    const frame = JSON.parse(text as string) as AnyFrame | null;
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}

/** Say whether a frame is a notification: control frames have no id. */
export function isNotification(frame: AnyFrame): frame is Notification {
  return typeof (frame as UnknownFrame).id === "string";
}
