"""The kind of module a company writes: notification types of its own, for HUB_CONTRACTS."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import Identifier
from contracts.notification import Notification

__all__ = [
    "ServiceOrderClosed",
    "ServiceOrderCreated",
    "ServiceOrderData",
    "ServiceOrderMoved",
    "ServiceOrderPaid",
    "ServiceOrderSeen",
    "ServiceOrderSplit",
]


class ServiceOrderData(msgspec.Struct, kw_only=True, rename="camel"):
    """A service order."""

    service_order_id: Identifier
    technician: str | UnsetType = UNSET


class ServiceOrderCreated(Notification, tag="service-order:created"):
    """Sent to the technician when a service order is opened."""

    data: ServiceOrderData


class ServiceOrderClosed(Notification, tag="service-order:closed"):
    """Sent to the account when a service order is closed; it says no more than that."""


class Stop(msgspec.Struct):
    """A place on the way."""

    place: str


class Journey(msgspec.Struct, forbid_unknown_fields=True):
    """All the places, and nothing else."""

    stops: list[Stop]


class ServiceOrderMoved(Notification, tag="service-order:moved"):
    """Sent to the account when a device travels."""

    data: Journey


class Whole(msgspec.Struct, tag_field="kind", tag="a"):
    """One of two shapes."""


class Part(msgspec.Struct, tag_field="kind", tag="b"):
    """The other of two shapes."""


class ServiceOrderSplit(Notification, tag="service-order:split"):
    """Sent to the account when an order becomes two."""

    data: Whole | Part


class _Strict(Notification):
    strict: ClassVar[bool] = True


class ServiceOrderPaid(_Strict, tag="service-order:paid"):
    """Sent to the account when a bill is paid; programs read it, so its shape is held."""

    data: ServiceOrderData


class ServiceOrderSeen(_Strict, tag="service-order:seen"):
    """Sent to the account when a bill is looked at; it says no more than that."""
