"""What the hub answers when it did what was asked."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText
from contracts.problem import Problem

__all__ = ["BatchReceipt", "BatchResult", "DisconnectReceipt", "Receipt", "Ticket"]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Receipt(msgspec.Struct, kw_only=True):
    """The notification is on disk under `id`, at `cursor`.

    `duplicate`: it was there already, from an earlier request with the same Idempotency-Key.
    `connections` is how many connections matched at that moment; it is no promise of delivery.
    """

    id: str
    cursor: CursorText
    duplicate: bool
    connections: _Count


class BatchResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What became of the notification at `index` of a batch: a receipt or a problem."""

    index: _Count
    receipt: Receipt | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class BatchReceipt(msgspec.Struct, kw_only=True):
    """A result for each notification of a batch, in order."""

    results: list[BatchResult]


class Ticket(msgspec.Struct, kw_only=True, rename="camel"):
    """A one-use stand-in for a token, to be put into a URL within `expires_in` seconds."""

    ticket: str
    expires_in: int


class DisconnectReceipt(msgspec.Struct, kw_only=True):
    """How many connections were closed, and whether the tokens are refused from now on."""

    closed: _Count
    revoked: bool
