"""How an id of a person or a company is shown to those who may not see it: an id may be a CPF or CNPJ number."""

from __future__ import annotations

__all__ = ["mask_id"]

_SHOWN = 2
_LONG_ENOUGH = 5


def mask_id(identifier: str) -> str:
    """Return stars in place of an id, with the last two characters of a long one so that two can be told apart."""
    shown = identifier[-_SHOWN:] if len(identifier) > _LONG_ENOUGH else ""
    return "*" * max(3, len(identifier) - _SHOWN) + shown
