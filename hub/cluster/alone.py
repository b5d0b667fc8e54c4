"""A hub without a cluster: there is nobody to ask, and all work is its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from contracts.health import NodeReadiness
from contracts.stats import NodeStats, Stats
from hub.auth.grant import Grant
from hub.cluster.operator import Asked, OperatorQuestion
from hub.cluster.port import Reach, Reached
from hub.cursor import Cursor
from hub.errors import InvalidToken
from hub.target import Target

__all__ = ["Alone"]


class Alone:
    """Implements `hub.cluster.port.Cluster` for a hub alone."""

    @property
    def node(self) -> str | None:
        """It has no name."""
        return None

    @property
    def reach(self) -> Reach | None:
        """Its own connections are all there are."""
        return None

    async def redeem(self, ticket: str, origin: str | None) -> Grant:
        """Refuse it: no other node has issued any."""
        raise InvalidToken(reason="the ticket is of a node of a cluster, and this hub is alone")

    async def disconnect(self, revocation: bytes, *, revoke: bool) -> Reached | None:
        """Ask nobody."""
        return None

    async def sum_stats(self, own: Stats) -> Stats:
        """Return its own."""
        return own

    async def ask_nodes(self, question: OperatorQuestion) -> Asked | None:
        """Ask nobody."""
        return None

    def list_nodes(self) -> list[NodeStats]:
        """Return nothing: there are no nodes."""
        return []

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> Reached | None:
        """Hand it to nobody else."""
        return None

    async def has_taken(self, user: Target, position: int) -> bool:
        """There is no other connection."""
        return False

    def tell_acknowledged(self, user: Target, cursor: Cursor) -> None:
        """Tell nobody."""

    async def lead(self, work: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run it: nobody else does."""
        await run()

    def check(self) -> NodeReadiness | None:
        """Add nothing to its readiness."""
        return None
