"""What an operator asks about connections and notifications, put to every node, and what a node answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from contracts.observation import UserConnection
from contracts.receipt import NodesAnswered
from contracts.stats import ConnectionCounts
from contracts.trace import Acceptance, Dispatch, Pushes, Replays

__all__ = [
    "AskConnections",
    "AskCounted",
    "AskMatching",
    "Asked",
    "Counted",
    "FoundConnections",
    "Matching",
    "OperatorAnswer",
    "OperatorQuestion",
]

_Id = Annotated[str, msgspec.Meta(max_length=600)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class AskConnections(msgspec.Struct, frozen=True, tag="connections"):
    """Which connections has this user, in this account or in all?"""

    user_id: _Id
    account_id: _Id | None


class AskMatching(msgspec.Struct, frozen=True, tag="matching"):
    """How many connections match these targets and have not muted the type, and how is this user connected?"""

    targets: Annotated[list[_Id], msgspec.Meta(max_length=1_000)]
    kind: Annotated[str, msgspec.Meta(max_length=128)]
    user: _Id | None


class AskCounted(msgspec.Struct, frozen=True, tag="counted"):
    """What was counted of the notification at this position?"""

    position: _Count


OperatorQuestion: TypeAlias = AskConnections | AskMatching | AskCounted


class FoundConnections(msgspec.Struct, frozen=True, tag="connections"):
    """A user's connections; `total` of them, of which at most 100 are described."""

    total: _Count
    connections: Annotated[list[UserConnection], msgspec.Meta(max_length=100)]


class Matching(msgspec.Struct, frozen=True, tag="matching"):
    """What matches; and of the user, the connections, whether one is live, and whether the type is muted."""

    users: _Count
    connections: ConnectionCounts
    user_connections: ConnectionCounts
    is_live: bool
    is_muted: bool


class Counted(msgspec.Struct, frozen=True, tag="counted"):
    """What was counted of a notification; None where this node knows nothing of it."""

    accepted: Acceptance | None = None
    dispatched: Dispatch | None = None
    replayed: Replays | None = None
    pushed: Pushes | None = None


OperatorAnswer: TypeAlias = FoundConnections | Matching | Counted


class Asked(msgspec.Struct, frozen=True):
    """The answers of the other nodes, by their names, and how many of all nodes these are."""

    answers: Mapping[str, OperatorAnswer]
    nodes: NodesAnswered
