"""Names that have moved to `contracts.avelarsys`; the old place gives them with a `DeprecationWarning`, until 1.0."""

from __future__ import annotations

import warnings
from typing import Any

__all__ = ["find_moved"]

#: Names that are younger than the move.
_NEVER_THERE = frozenset({"CustomersUpdated", "ListChange", "OrdersUpdated", "ProductsUpdated"})


def find_moved(module: str, name: str) -> Any:
    """Return what `name` in `module` was before it moved; for the `__getattr__` of a module (PEP 562).

    Raises:
        AttributeError: there was nothing of this name.
    """
    if name.startswith("__"):
        # An import asks for `__path__`, also one that the new place waits for.
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    # Not at the top: the new place stands on the old ones.
    from contracts import avelarsys

    names = [each for each in vars(avelarsys) if each in avelarsys.__all__ and each not in _NEVER_THERE]
    if module == "contracts.data":
        names = [each for each in names if each.endswith("Data")]
    else:
        names = [each for each in names if not each.endswith("Data")]
    if name in names:
        found = getattr(avelarsys, name)
    elif name == "NOTIFICATIONS" and module == "contracts.notification":
        found = tuple(getattr(avelarsys, each) for each in names)
    else:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{module}.{name} has moved to contracts.avelarsys", DeprecationWarning, stacklevel=3)
    return found
