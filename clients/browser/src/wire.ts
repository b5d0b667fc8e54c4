/** The types of what the hub sends, beside the generated ones. */
import type { Frame, Gap } from "./generated/frames.js";

export type * from "./generated/frames.js";

/** A notification of a type that this version of the client does not know, and that was not declared. */
export interface UnknownEvent {
  type: string;
  title: string;
  message: string;
  data?: Record<string, unknown>;
  /** Where a click on it leads. */
  link?: string;
  timestamp: string;
  id: string;
  cursor: string;
}

/**
 * The values of an order's status. A company that has others declares them:
 * `declare module "@notification-hub/client" { interface OrderStatuses { awaiting_pickup: true } }`.
 */
export interface OrderStatuses {
  processing: true;
  shipped: true;
  delivered: true;
  cancelled: true;
}

/** The values of a return's status, in `return_responded`. */
export interface ReturnStatuses {
  approved_refund: true;
  rejected: true;
}

/** The values of an exchange's status, in `exchange_validated` and `exchange_resolved`. */
export interface ExchangeStatuses {
  completed_approved: true;
  completed_rejected_by_vendor: true;
  converted_to_sale: true;
  returned_to_stock: true;
}

interface StatusesOf {
  order_updated: OrderStatuses;
  return_responded: ReturnStatuses;
  exchange_validated: ExchangeStatuses;
  exchange_resolved: ExchangeStatuses;
}

/** A frame whose status is one of the known values; the hub may send another, so a `switch` needs a default. */
type WithStatus<E extends Frame> = E extends { type: infer T extends keyof StatusesOf }
  ? E & { data?: { status?: keyof StatusesOf[T] | null } }
  : E;

/** A notification of a built-in type. */
export type KnownNotification = WithStatus<Extract<Frame, { id: string }>>;

/**
 * The company's own types: `declare module "@notification-hub/client" { interface CompanyEvents { "whatsapp:message":
 * UnknownEvent & { data: { from: string } } } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by companies that declare it again
export interface CompanyEvents {}

type Company = {
  [T in keyof CompanyEvents]: {
    [P in keyof CompanyEvents[T]]: P extends "type"
      ? T
      : P extends "data"
        ? Declared<CompanyEvents[T][P]>
        : CompanyEvents[T][P];
  };
};
/** Data without the index signature of `UnknownEvent`'s, where it declares fields: a misspelt one must not compile. */
type Declared<D> = D extends object ? (keyof Fields<D> extends never ? D : Fields<D>) : D;
type Fields<D> = { [F in keyof D as string extends F ? never : F]: D[F] };

/** The name of a type that was not declared: text that equals no literal, so that a misspelt name does not compile. */
declare enum Undeclared {
  Type = "a type that was not declared",
}

/** Any notification. Types may be added, so a `switch` over `type` needs a default. */
export type Notification =
  | KnownNotification
  | Company[keyof Company]
  | (Omit<UnknownEvent, "type"> & { type: Undeclared.Type });

/** The types that `on` takes, and what their handlers get. */
export type EventMap = { [E in KnownNotification as E["type"]]: E } & { gap: Gap } & Company;

/** A type's name: a built-in one, a declared one of the company, or `gap`. For the rest there is `onUnknown`. */
export type EventType = keyof EventMap;

/** What a handler for the type `T` gets. */
export type EventOf<T extends EventType> = EventMap[T];

/** A signal of a built-in type: something changed, so fetch it again. It is in no list and no cursor leads to it. */
export type KnownSignal = Extract<Frame, { missed: number }>;

/**
 * The company's own signals: `declare module "@notification-hub/client" { interface CompanySignals { "invoices:updated":
 * { data: { id: number } } } }`.
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by companies that declare it again
export interface CompanySignals {}

/** The types that `onSignal` takes, and what their handlers get. */
export type SignalMap = { [S in KnownSignal as S["type"]]: S } & {
  [T in keyof CompanySignals]: Omit<KnownSignal, "type" | "data"> & { type: T } & CompanySignals[T];
};

/** A signal's type: a built-in one, or a declared one of the company. */
export type SignalType = keyof SignalMap;

/** What a handler for the signal `T` gets. `missed`: so many signals did not arrive, because this client was slow. */
export type SignalOf<T extends SignalType> = SignalMap[T];

/** Any message of a connection, known or not. */
export type AnyFrame = Frame | UnknownFrame;

/** A message of a type that this version does not know. */
export interface UnknownFrame {
  type: string;
  id?: string;
}

/** Return the frame that `text` parses as, or undefined: a client ignores what it cannot read. */
export function parseFrame(text: unknown): AnyFrame | undefined {
  try {
    const frame = JSON.parse(text as string) as AnyFrame | null;
    return typeof frame?.type === "string" ? frame : undefined;
  } catch {
    return undefined;
  }
}

/** Say whether a frame is a signal: only these say what was missed. */
export function isSignal(frame: AnyFrame): frame is KnownSignal {
  return "missed" in frame;
}
