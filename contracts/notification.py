"""The notifications a service publishes and a subscriber receives, one struct for each type.

A company adds a type of its own by deriving from `Notification` in a module of its own and naming a
tag (`class ServiceOrderCreated(Notification, tag="service-order:created")`); it may declare `data`
and nothing else, since everything outside `data` belongs to the hub. A class whose name starts with
an underscore is a base, not a type.

`data` that is not of the declared shape is passed on as it came, with a warning to the publisher, because
a notification is worth more than its shape. A type that would rather be refused says `strict = True`, or its
module says so for all of its types.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.data import FreeData, OrderData, OrderUpdateData, ProductData, StockData
from contracts.identifier import CursorText, Timestamp

__all__ = [
    "NOTIFICATIONS",
    "CartUpdated",
    "DefectiveReceived",
    "ExchangeResolved",
    "ExchangeValidated",
    "Notification",
    "OrderCreated",
    "OrderUpdated",
    "PaymentConfirmed",
    "ProductAdded",
    "ProductDeleted",
    "ProductUpdated",
    "ProfileUpdated",
    "ReplacementSent",
    "ReturnRequested",
    "ReturnResponded",
    "StockAlert",
    "TransactionCreated",
]


class Notification(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=True):
    """What every notification has.

    `title` and `message` are shown to a person. `timestamp` is set by the hub unless the publisher
    gives one. `id` and `cursor` are the hub's: only what a subscriber receives has them. `id` is the
    same in every copy of one notification; `cursor` is what the subscriber gives back to go on.

    `strict` is no field: where a type (or a base of several) sets it, the hub refuses `data` that is not of the
    declared shape with 400 instead of passing it on.
    """

    strict: ClassVar[bool] = False

    title: str
    message: str
    timestamp: Timestamp | UnsetType = UNSET
    id: str | UnsetType = UNSET
    cursor: CursorText | UnsetType = UNSET


class OrderCreated(Notification, tag="order_created"):
    """Sent to buyer and seller when an order has been placed."""

    data: OrderData | UnsetType = UNSET


class PaymentConfirmed(Notification, tag="payment_confirmed"):
    """Sent to buyer and seller when an order has been paid."""

    data: OrderData | UnsetType = UNSET


class OrderUpdated(Notification, tag="order_updated"):
    """Sent to the buyer when an order's status changes."""

    data: OrderUpdateData | UnsetType = UNSET


class StockAlert(Notification, tag="stock_alert"):
    """Sent to the seller when a product's stock falls to its minimum."""

    data: StockData | UnsetType = UNSET


class CartUpdated(Notification, tag="cart_updated"):
    """Sent to a user when their cart changes."""

    data: FreeData | UnsetType = UNSET


class ProductAdded(Notification, tag="product_added"):
    """Sent to the seller when a product joins the catalogue."""

    data: ProductData | UnsetType = UNSET


class ProductUpdated(Notification, tag="product_updated"):
    """Sent to the seller when a product in the catalogue changes."""

    data: ProductData | UnsetType = UNSET


class ProductDeleted(Notification, tag="product_deleted"):
    """Sent to the seller when a product leaves the catalogue."""

    data: ProductData | UnsetType = UNSET


class TransactionCreated(Notification, tag="transaction_created"):
    """Sent to a user when a transaction is entered in their books."""

    data: FreeData | UnsetType = UNSET


class ProfileUpdated(Notification, tag="profile_updated"):
    """Sent to a user when their profile changes."""

    data: FreeData | UnsetType = UNSET


class ReturnRequested(Notification, tag="return_requested"):
    """Sent to the seller when a buyer asks to return something."""

    data: FreeData | UnsetType = UNSET


class ReturnResponded(Notification, tag="return_responded"):
    """Sent to the buyer when the seller answers a return: `data.status` says whether it was accepted or refused."""

    data: FreeData | UnsetType = UNSET


class ReplacementSent(Notification, tag="replacement_sent"):
    """Sent to the buyer when a replacement is on its way."""

    data: FreeData | UnsetType = UNSET


class DefectiveReceived(Notification, tag="defective_received"):
    """Sent to the buyer when the seller has received the defective item."""

    data: FreeData | UnsetType = UNSET


class ExchangeValidated(Notification, tag="exchange_validated"):
    """Sent to the buyer when an exchange has been checked: `data.status` says whether it was approved or refused."""

    data: FreeData | UnsetType = UNSET


class ExchangeResolved(Notification, tag="exchange_resolved"):
    """Sent to the seller when an exchange is closed: `data.status` says whether it was paid for or sent back."""

    data: FreeData | UnsetType = UNSET


#: The built-in types that services may publish, in the order documents list them.
NOTIFICATIONS: tuple[type[Notification], ...] = (
    OrderCreated,
    PaymentConfirmed,
    OrderUpdated,
    StockAlert,
    CartUpdated,
    ProductAdded,
    ProductUpdated,
    ProductDeleted,
    TransactionCreated,
    ProfileUpdated,
    ReturnRequested,
    ReturnResponded,
    ReplacementSent,
    DefectiveReceived,
    ExchangeValidated,
    ExchangeResolved,
)
