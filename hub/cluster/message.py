"""What nodes say to each other, as bytes: versioned, bounded, and read with suspicion.

All that may publish to these subjects could write such a message. So one that cannot be right is dropped with the
reason, and counted.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

import msgspec

from contracts.stats import ConnectionCounts, Stats
from hub.auth.grant import Grant
from hub.cluster.operator import OperatorAnswer, OperatorQuestion

__all__ = [
    "MAX_BYTES",
    "NODE_PATTERN",
    "VERSION",
    "AckMessage",
    "AnswerMessage",
    "AskClock",
    "AskClose",
    "AskName",
    "AskSignal",
    "AskStats",
    "AskTaken",
    "AskTicket",
    "BadMessage",
    "CountsMessage",
    "HeadMessage",
    "PresenceMessage",
    "Question",
    "QuestionMessage",
    "Reader",
    "Sender",
    "encode",
]

VERSION = 1
#: What one message may weigh; answers with statistics are the largest. NATS itself takes 1 MiB.
MAX_BYTES = 524_288
NODE_PATTERN = r"^[A-Za-z0-9_-]{1,64}$(?!\n)"
#: The largest integer that JSON readers agree on.
_MAX = 2**53 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MAX)]
_Position = Annotated[int, msgspec.Meta(ge=0, le=_MAX)]
_Node = Annotated[str, msgspec.Meta(pattern=NODE_PATTERN)]
_Life = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{16}$")]
_Text = Annotated[str, msgspec.Meta(max_length=65_536)]

encode = msgspec.json.Encoder().encode


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who says it: a node by its name, and one run of it by `life`. `v` is the version of this form."""

    v: Literal[1] = 1
    node: _Node
    life: _Life


class HeadMessage(Sender, frozen=True, kw_only=True):
    """The newest position of the log that the node knows of, in the log of this epoch."""

    epoch: Annotated[str, msgspec.Meta(max_length=64)]
    head: _Position


class PresenceMessage(Sender, frozen=True, kw_only=True):
    """What a node tells of itself; `state` is `leaving` in its last one. `at_s` is its clock (Unix time)."""

    state: Literal["ready", "not_ready", "draining", "leaving"]
    version: Annotated[str, msgspec.Meta(max_length=64)]
    connections: ConnectionCounts
    users: _Count
    applied: _Position
    lag: _Count
    uptime_s: Annotated[float, msgspec.Meta(ge=0)]
    at_s: float


class CountsMessage(Sender, frozen=True, kw_only=True):
    """How many connections notifications met that the reader appended: positions and counts."""

    counts: Annotated[list[tuple[_Position, _Count]], msgspec.Meta(max_length=10_000)]


class AckMessage(Sender, frozen=True, kw_only=True):
    """A client of this user has got everything up to a position of the log of this epoch, from any of the nodes."""

    user: Annotated[str, msgspec.Meta(max_length=600)]
    epoch: Annotated[str, msgspec.Meta(max_length=64)]
    position: _Position


class AskName(msgspec.Struct, frozen=True, tag="name"):
    """Is there another run of this node?"""


class AskClock(msgspec.Struct, frozen=True, tag="clock"):
    """What does its clock say?"""


class AskTicket(msgspec.Struct, frozen=True, tag="ticket"):
    """Redeem a ticket, by its digest (hex)."""

    digest: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    origin: Annotated[str, msgspec.Meta(max_length=2048)] | None


class AskClose(msgspec.Struct, frozen=True, tag="close"):
    """Close what a revocation names; `revoke`: it is in the log, too."""

    revocation: _Text
    revoke: bool


class AskStats(msgspec.Struct, frozen=True, tag="stats"):
    """Count everything."""


class AskTaken(msgspec.Struct, frozen=True, tag="taken"):
    """Has a connection of this user taken the notification at this position?"""

    user: Annotated[str, msgspec.Meta(max_length=600)]
    position: _Position


class AskSignal(msgspec.Struct, frozen=True, tag="signal"):
    """Hand over a signal."""

    targets: Annotated[list[Annotated[str, msgspec.Meta(max_length=600)]], msgspec.Meta(max_length=1_000)]
    kind: Annotated[str, msgspec.Meta(max_length=128)]
    key: Annotated[str, msgspec.Meta(max_length=1024)]
    prefix: Annotated[str, msgspec.Meta(max_length=MAX_BYTES)]


Question: TypeAlias = AskName | AskClock | AskTicket | AskClose | AskStats | AskTaken | AskSignal | OperatorQuestion


class QuestionMessage(Sender, frozen=True, kw_only=True):
    """A question; its answer goes to the message's reply subject."""

    ask: Question


class AnswerMessage(Sender, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a question: the one field that it asked for. `refused`: the code of an error, for a ticket."""

    running: bool = False
    at_s: float | None = None
    count: _Count | None = None
    taken: bool | None = None
    grant: Grant | None = None
    refused: Literal["invalid_token", "token_expired"] | None = None
    stats: Stats | None = None
    told: OperatorAnswer | None = None


class BadMessage(Exception):
    """A message that cannot be right; its text is the reason, a word for a metric."""


S = TypeVar("S", bound=Sender)


class _Version(msgspec.Struct):
    v: Any = None


_read_version = msgspec.json.Decoder(_Version).decode


class Reader(Generic[S]):
    """Reads messages of one kind."""

    def __init__(self, kind: type[S]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def read(self, payload: bytes) -> S:
        """Return the message.

        Raises:
            BadMessage: it is too large, of another version, or not one at all.
        """
        if len(payload) > MAX_BYTES:
            raise BadMessage("too_large")
        try:
            return self._decode(payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise BadMessage("version" if _has_other_version(payload) else "unreadable") from None


def _has_other_version(payload: bytes) -> bool:
    try:
        version = _read_version(payload).v
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(version, int) and version != VERSION
