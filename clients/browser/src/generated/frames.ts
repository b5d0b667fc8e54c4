/* Made from openapi/frames.schema.json by `make clients-types`; never edited by hand. */

/**
 * One message on a connection: a notification, a signal or a control frame. Types may be added, so a client passes over a `type` it does not know.
 */
export type Frame = (OrderCreated | PaymentConfirmed | OrderUpdated | StockAlert | CartUpdated | ProductAdded | ProductUpdated | ProductDeleted | TransactionCreated | ProfileUpdated | ReturnRequested | ReturnResponded | ReplacementSent | DefectiveReceived | ExchangeValidated | ExchangeResolved | OrdersUpdated | CustomersUpdated | ProductsUpdated | ConnectionEstablished | Gap | Heartbeat | Reconnect | Closing | AuthAccepted | InboxChanged | PreferencesChanged)

/**
 * Sent to buyer and seller when an order has been placed. Users cannot mute it. Pushed with the urgency `high`.
 */
export interface OrderCreated {
type: "order_created"
title: string
message: string
data?: OrderData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * An order, as buyer and seller are told of it; `total` goes to the seller.
 */
export interface OrderData {
orderId?: (number | string | null)
orderCode?: (number | string | null)
items?: (string | unknown[] | null)
total?: (number | string | null)
}
/**
 * Sent to buyer and seller when an order has been paid. Users cannot mute it. Pushed with the urgency `high`.
 */
export interface PaymentConfirmed {
type: "payment_confirmed"
title: string
message: string
data?: OrderData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the buyer when an order's status changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
 */
export interface OrderUpdated {
type: "order_updated"
title: string
message: string
data?: OrderUpdateData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * An order's new status: `processing`, `shipped`, `delivered`, `cancelled` or another word.
 */
export interface OrderUpdateData {
orderId?: (number | string | null)
orderCode?: (number | string | null)
status?: (string | null)
trackingCode?: (number | string | null)
items?: (string | unknown[] | null)
}
/**
 * Sent to the seller when a product's stock falls to its minimum. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `normal`.
 */
export interface StockAlert {
type: "stock_alert"
title: string
message: string
data?: StockData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * A product whose stock is low.
 */
export interface StockData {
productId?: (number | string | null)
productName?: (string | null)
currentStock?: (string | number | null)
minStock?: (string | number | null)
}
/**
 * Sent to a user when their cart changes. Delivered for at most 86400 seconds. Not listed in the inbox. With a `collapse_key` it takes the place of an older one.
 */
export interface CartUpdated {
type: "cart_updated"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the seller when a product joins the catalogue.
 */
export interface ProductAdded {
type: "product_added"
title: string
message: string
data?: ProductData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * A product that came, changed or went.
 */
export interface ProductData {
productId?: (number | string | null)
productName?: (string | null)
}
/**
 * Sent to the seller when a product in the catalogue changes. With a `collapse_key` it takes the place of an older one.
 */
export interface ProductUpdated {
type: "product_updated"
title: string
message: string
data?: ProductData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the seller when a product leaves the catalogue.
 */
export interface ProductDeleted {
type: "product_deleted"
title: string
message: string
data?: ProductData
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to a user when a transaction is entered in their books. Pushed with the urgency `low`.
 */
export interface TransactionCreated {
type: "transaction_created"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to a user when their profile changes. With a `collapse_key` it takes the place of an older one. Pushed with the urgency `low`.
 */
export interface ProfileUpdated {
type: "profile_updated"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the seller when a buyer asks to return something. Pushed with the urgency `normal`.
 */
export interface ReturnRequested {
type: "return_requested"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the buyer when the seller responds to a return: `data.status` says whether it was accepted or refused. Pushed with the urgency `normal`.
 */
export interface ReturnResponded {
type: "return_responded"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the buyer when a replacement is on its way. Pushed with the urgency `normal`.
 */
export interface ReplacementSent {
type: "replacement_sent"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the buyer when the seller has received the defective item. Pushed with the urgency `low`.
 */
export interface DefectiveReceived {
type: "defective_received"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the buyer when an exchange has been checked: `data.status` says whether it was approved or refused. Pushed with the urgency `normal`.
 */
export interface ExchangeValidated {
type: "exchange_validated"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to the seller when an exchange is closed: `data.status` says whether it was paid for or sent back. Pushed with the urgency `normal`.
 */
export interface ExchangeResolved {
type: "exchange_resolved"
title: string
message: string
data?: {
[k: string]: unknown
}
link?: string
timestamp: string
collapse_id?: string
id: string
cursor: string
}
/**
 * Sent to an account when one of its orders in AxCellOS changes.
 */
export interface OrdersUpdated {
type: "orders:updated"
data?: ListChange
timestamp: string
missed: number
}
/**
 * What changed in a list, so that a page fetches it again: `action` is `created`, `updated`, `deleted` or so.
 */
export interface ListChange {
id?: (number | string | null)
action?: (string | null)
}
/**
 * Sent to an account when one of its customers in AxCellOS changes.
 */
export interface CustomersUpdated {
type: "customers:updated"
data?: ListChange
timestamp: string
missed: number
}
/**
 * Sent to an account when one of its products in AxCellOS changes.
 */
export interface ProductsUpdated {
type: "products:updated"
data?: ListChange
timestamp: string
missed: number
}
/**
 * The first frame of every connection.
 */
export interface ConnectionEstablished {
type: "connection_established"
title: string
message: string
data: ConnectionData
timestamp: string
}
/**
 * The facts of a connection; `heartbeat_seconds` is the longest silence.
 * 
 * `signals` are the types of signals that the client asked for with its request, if it did; its presence says that the hub takes `listen`. `features` names what else the hub has for clients that speak `hub.v1`; a client that finds a word missing does without, and passes over words that it does not know. A hub from before that names none. `ack`: the hub takes the frame `ack` and `POST /api/ack`. `inbox`: it keeps inboxes (`/api/inbox`, the frame `inbox`). `preferences`: users may mute types (`/api/preferences`, the frame `preferences`). `push`: browsers may subscribe to Web Push (`/api/push`).
 */
export interface ConnectionData {
connectionId: string
resume: ("gap" | "live" | "replayed")
cursor: string
heartbeatSeconds: number
signals?: string[]
features?: string[]
}
/**
 * Sent when the log no longer holds what the client's cursor asks for. The client fetches its state again.
 */
export interface Gap {
type: "gap"
title: string
message: string
data: GapData
timestamp: string
}
/**
 * The position from which the connection continues after the gap.
 */
export interface GapData {
cursor: string
}
/**
 * Sent to `hub.v1` clients when nothing else was sent, because browsers cannot see pings.
 * 
 * `cursor` is the position that this connection has reached, even if nothing was for its user.
 */
export interface Heartbeat {
type: "heartbeat"
cursor: string
}
/**
 * Sent before a shutdown: the client reconnects with its cursor at a random moment within these seconds.
 */
export interface Reconnect {
type: "reconnect"
withinSeconds: number
}
/**
 * The last frame before the hub ends a stream; `code` is the WebSocket close code that it replaces.
 */
export interface Closing {
type: "closing"
code: number
reason: string
}
/**
 * The response to `Auth`; the connection now lives until `expires_at`.
 */
export interface AuthAccepted {
type: "auth_accepted"
expiresAt: string
}
/**
 * Sent to `hub.v1` clients when the user's inbox has changed, on whichever device.
 * 
 * First everything up to `read_until` is read, if it is there. Then the notifications with these ids are read, unread, and archived. `unread_count` is how many were unread after it, exact up to 999; `more` says that there were more. It has a place in the log, as a notification has, and comes again to a client that continues before it.
 * 
 * After an erasure it has neither a place nor a count. The notifications of `removed` exist no longer. `stale`: others may have gone, too, so a client fetches the inbox again, and drops what is not in it.
 */
export interface InboxChanged {
type: "inbox"
read: string[]
unread: string[]
archived: string[]
removed?: string[]
stale?: boolean
read_until?: string
unread_count?: number
more?: boolean
cursor?: string
}
/**
 * Sent to the `hub.v1` clients of a user who has changed what they want to get: the types that are muted now.
 */
export interface PreferencesChanged {
type: "preferences"
muted: string[]
cursor: string
}
