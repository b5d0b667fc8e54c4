"""The responses of the hub to requests that it carried out."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import CursorText
from contracts.problem import Problem

__all__ = [
    "BatchReceipt",
    "BatchResult",
    "DisconnectReceipt",
    "FieldWarning",
    "ForgetReceipt",
    "NodesAnswered",
    "Receipt",
    "Ticket",
]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class FieldWarning(msgspec.Struct, kw_only=True):
    """A field of `data` whose value is not what its type declares; the hub passed it on as received.

    `field` is its path, such as `$.data.items`; `detail` says what was expected, never what was sent.
    """

    field: str
    detail: str


class NodesAnswered(msgspec.Struct, kw_only=True):
    """How many nodes of a cluster a number is of: of the `known` ones, `answered` did in time.

    `silent` names the others; it is left out if there are none.
    """

    answered: _Count
    known: _Count
    silent: list[str] | UnsetType = UNSET


class Receipt(msgspec.Struct, kw_only=True):
    """The notification is on disk under `id`, at `cursor`.

    `duplicate`: it was already there, from an earlier request with the same Idempotency-Key.
    `connections` is how many connections matched at that moment; it is not a promise of delivery. In a cluster it is
    the sum of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
    `warnings` names the fields of `data` that have another type than declared; it is left out if there are none.
    """

    id: str
    cursor: CursorText
    duplicate: bool
    connections: _Count
    nodes: NodesAnswered | UnsetType = UNSET
    warnings: list[FieldWarning] | UnsetType = UNSET


class BatchResult(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The result for the notification at `index` of a batch: a receipt or a problem."""

    index: _Count
    receipt: Receipt | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class BatchReceipt(msgspec.Struct, kw_only=True):
    """A result for each notification of a batch, in order."""

    results: list[BatchResult]


class Ticket(msgspec.Struct, kw_only=True, rename="camel"):
    """A ticket that replaces a token in a URL, once, within `expires_in` seconds."""

    ticket: str
    expires_in: int


class ForgetReceipt(msgspec.Struct, kw_only=True):
    """What an erasure has removed.

    `records` were for the user alone. Of `shared` ones, which were for others as well, the user is no longer one.
    `states` are rows of what the user had read, muted and allowed. `connections` were ended; in a cluster every node
    ends its own, and those of the node that was asked are counted. `final`: no file of the log has any of it any more;
    otherwise a reader, such as a backup, still holds the write-ahead log: ask again when it has ended.
    """

    records: _Count
    shared: _Count
    states: _Count
    idempotency_keys: _Count
    connections: _Count
    final: bool


class DisconnectReceipt(msgspec.Struct, kw_only=True):
    """How many connections were closed, and whether the hub refuses the tokens from now on.

    In a cluster `closed` is the sum of the nodes that answered, as `nodes` says; a hub alone leaves `nodes` out. With
    `revoked` every node closes them, as soon as it has the revocation.
    """

    closed: _Count
    revoked: bool
    nodes: NodesAnswered | UnsetType = UNSET
