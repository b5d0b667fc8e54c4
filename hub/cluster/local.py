"""What a node answers when another one asks: the hub's own parts, as the cluster sees them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from contracts.stats import ConnectionCounts, Stats
from hub.auth.grant import Grant
from hub.cluster.operator import OperatorAnswer, OperatorQuestion
from hub.cursor import Cursor, Epoch
from hub.log.port import Erased, Health
from hub.target import Target

__all__ = ["Local", "SharedLog"]


@runtime_checkable
class SharedLog(Protocol):
    """The log of a node: of a stream that several nodes share."""

    @property
    def epoch(self) -> Epoch:
        """The random id of the log's life."""

    @property
    def health(self) -> Health:
        """How it is: what this node has, and the newest position that it has heard of."""

    def learn_head(self, position: int) -> None:
        """Take note that the stream reaches this position."""

    def follow_erasures(self, listener: Callable[[str, str | None, Erased], None]) -> None:
        """Have each erasure told to `listener` that this node has done: of a user, of one account or of all."""


class Local(Protocol):
    """This node, asked by others."""

    def redeem(self, digest: bytes, origin: str | None) -> Grant:
        """Return the grant behind a ticket of this node, and void it.

        Raises:
            InvalidToken, TokenExpired: as `Tickets.redeem_digest`.
        """

    def close_for(self, payload: bytes, *, revoke: bool) -> int:
        """Close what a revocation names; return how many.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError: it is not a revocation.
        """

    def collect_stats(self) -> Stats:
        """Return this node's statistics."""

    def answer_operator(self, question: OperatorQuestion) -> OperatorAnswer:
        """Return what this node knows of it."""

    def count_connections(self) -> tuple[ConnectionCounts, int]:
        """Return how many connections and users there are."""

    def count_met(self, position: int) -> int | None:
        """Return how many connections a notification met that was dispatched; None where that is not known any more."""

    def has_taken(self, user: Target, position: int) -> bool:
        """Whether a connection of this user has taken a notification."""

    def take_acknowledged(self, user: Target, cursor: Cursor) -> None:
        """Take what a client of this user said to another node; it counts for what this one handed over."""

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> int:
        """Hand a signal to connections; return how many."""

    def find_state(self) -> str:
        """Return `ready`, `not_ready` or `draining`."""
