"""The `data` of a notification whose type declares no shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contracts.moved import find_moved

if TYPE_CHECKING:
    from contracts.avelarsys import OrderData as OrderData
    from contracts.avelarsys import OrderUpdateData as OrderUpdateData
    from contracts.avelarsys import ProductData as ProductData
    from contracts.avelarsys import StockData as StockData

__all__ = ["FreeData"]

#: `data` of a type without a declared shape: any JSON object.
FreeData = dict[str, Any]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        return find_moved(__name__, name)
