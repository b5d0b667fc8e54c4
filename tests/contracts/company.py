"""The kind of module a company writes: notification types of its own, for HUB_CONTRACTS."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import Identifier
from contracts.notification import Notification

__all__ = ["ServiceOrderClosed", "ServiceOrderCreated", "ServiceOrderData"]


class ServiceOrderData(msgspec.Struct, kw_only=True, rename="camel"):
    """A service order."""

    service_order_id: Identifier
    technician: str | UnsetType = UNSET


class ServiceOrderCreated(Notification, tag="service-order:created"):
    """Sent to the technician when a service order is opened."""

    data: ServiceOrderData


class ServiceOrderClosed(Notification, tag="service-order:closed"):
    """Sent to the account when a service order is closed; it says no more than that."""
