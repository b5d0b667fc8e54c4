"""What the `data` of a notification holds, where its shape is known; camelCase on the wire.

Every field may be missing, and null counts as missing, because publishers take these values from
database rows. Fields not named here are allowed and reach the subscriber untouched; so does a field of
another shape than the one here, of which the publisher is told. A reader must be ready for both.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import Amount, Identifier, Number

__all__ = ["FreeData", "OrderData", "OrderUpdateData", "ProductData", "StockData"]

#: `data` of the types whose shape is not agreed: any JSON object.
FreeData = dict[str, Any]


class OrderData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An order, as buyer and seller are told of it; `total` goes to the seller."""

    order_id: Identifier | UnsetType | None = UNSET
    order_code: Identifier | UnsetType | None = UNSET
    items: list[Any] | UnsetType | None = UNSET
    total: Amount | UnsetType | None = UNSET


class OrderUpdateData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """An order's new status: `processing`, `shipped`, `delivered`, `cancelled` or another word."""

    order_id: Identifier | UnsetType | None = UNSET
    order_code: Identifier | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    tracking_code: Identifier | UnsetType | None = UNSET
    items: list[Any] | UnsetType | None = UNSET


class StockData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A product whose stock needs somebody."""

    product_id: Identifier | UnsetType | None = UNSET
    product_name: str | UnsetType | None = UNSET
    current_stock: Number | UnsetType | None = UNSET
    min_stock: Number | UnsetType | None = UNSET


class ProductData(msgspec.Struct, kw_only=True, rename="camel", omit_defaults=True):
    """A product that came, changed or went."""

    product_id: Identifier | UnsetType | None = UNSET
    product_name: str | UnsetType | None = UNSET
