"""Signals: "this list changed, fetch it again". Nothing that a person reads, and nothing that is kept.

A type is a class that derives from `Signal` in the company's module and names a tag
(`class OrdersUpdated(Signal, tag="orders:updated")`). It may declare `data` and nothing else, as a notification does.
The hub hands a signal to the clients that are connected and asked for its type, and forgets it: it is ephemeral. It
has no title, no message, no id and no cursor, and no client lists it in a bell.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import AccountId, Timestamp, UserId
from contracts.notification import Example
from contracts.receipt import FieldWarning, NodesAnswered
from contracts.request import MAX_USERS

__all__ = ["Signal", "SignalReceipt", "SignalRequest"]

_Count = Annotated[int, msgspec.Meta(ge=0)]


class Signal(msgspec.Struct, kw_only=True, tag_field="type", omit_defaults=True):
    """What every signal has, as a client receives it.

    `missed` is how many signals of its types this connection did not get since the last one, because its peer takes
    too little: newer ones of the same key took their place. `strict` and `example` are as those of a notification;
    the `example` has `data` alone.
    """

    strict: ClassVar[bool] = False
    example: ClassVar[Example | None] = None

    timestamp: Timestamp | UnsetType = UNSET
    missed: _Count = 0


class SignalRequest(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One signal and its targets, which are named as those of a notification.

    `collapse_key` names what changed, such as an order: of several signals with one type and key, a client that
    takes too little gets the newest. Without it, signals with the same `data` count as one.
    """

    type: str
    data: msgspec.Raw | UnsetType = UNSET
    collapse_key: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    user_id: UserId | None = None
    account_id: AccountId | None = None
    user_ids: Annotated[list[UserId], msgspec.Meta(min_length=1, max_length=MAX_USERS)] | None = None
    everyone: bool = False


class SignalReceipt(msgspec.Struct, kw_only=True):
    """The signal was handed over, and is not kept: it has no id and no cursor, and nobody gets it later.

    `connections` is how many connections it was handed to, or is held for until they take more. In a cluster it is the
    sum of the nodes that answered in time, as `nodes` says; a hub alone leaves `nodes` out.
    """

    ephemeral: bool
    connections: _Count
    nodes: NodesAnswered | UnsetType = UNSET
    warnings: list[FieldWarning] | UnsetType = UNSET
