"""What a hub asks of the other nodes of its cluster: one port, which a hub alone implements as well.

No question waits longer than its deadline, and a node that does not answer is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from contracts.health import NodeReadiness
from contracts.receipt import NodesAnswered
from contracts.stats import NodeStats, Stats
from hub.auth.grant import Grant
from hub.cluster.operator import Asked, OperatorQuestion
from hub.cursor import Cursor
from hub.errors import IdempotencyConflict
from hub.log.port import Appended
from hub.target import Target

__all__ = ["Cluster", "Reach", "Reached", "Result"]

#: What the log says of one draft.
Result: TypeAlias = Appended | IdempotencyConflict


class Reached(msgspec.Struct, frozen=True):
    """A number that the other nodes told, summed, and how many of all nodes it is of."""

    count: int
    nodes: NodesAnswered


class Reach(Protocol):
    """Learns how many connections of the other nodes a notification met."""

    def follow(self, stored: asyncio.Future[list[Result]]) -> asyncio.Future[list[Result]]:
        """Return what ends as `stored` does: then, or once the other nodes told of it, or their time is over."""

    def take(self, appended: Appended) -> Reached:
        """Return what the other nodes told of a notification, once; this node counts as one that answered."""


class Cluster(Protocol):
    """The other nodes. Alone there is none: then `node` and `reach` are None, and nobody is asked."""

    @property
    def node(self) -> str | None:
        """The name of this node."""

    @property
    def reach(self) -> Reach | None:
        """Who learns how many connections of other nodes a notification met."""

    async def redeem(self, ticket: str, origin: str | None) -> Grant:
        """Return the grant behind a ticket of another node, which voids it.

        Raises:
            InvalidToken, TokenExpired: as `Tickets.redeem`; or that node is gone, or does not answer.
        """

    async def disconnect(self, revocation: bytes, *, revoke: bool) -> Reached | None:
        """Have the other nodes close what a revocation names; return how many they closed, None where there is none.

        `revoke`: it is in the log as well, so a node that does not answer will close them all the same.
        """

    async def sum_stats(self, own: Stats) -> Stats:
        """Return the statistics of all nodes together; `own` are this node's."""

    async def ask_nodes(self, question: OperatorQuestion) -> Asked | None:
        """Return what the other nodes answer an operator, as far as they do in time; None alone."""

    def list_nodes(self) -> list[NodeStats]:
        """Return a row for each node that told of itself lately, this one included; nothing alone."""

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> Reached | None:
        """Hand a signal to the other nodes; return how many of their connections it is for."""

    async def has_taken(self, user: Target, position: int) -> bool:
        """Whether a connection of this user to another node has taken a notification; False where that is not known."""

    def tell_acknowledged(self, user: Target, cursor: Cursor) -> None:
        """Tell the other nodes that a client of this user has got everything up to a cursor, of what they handed it."""

    async def lead(self, work: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run this work where no other node does, for as long as that is so, again and again until cancelled."""

    def check(self) -> NodeReadiness | None:
        """Return this node's part in the cluster, for its readiness."""
