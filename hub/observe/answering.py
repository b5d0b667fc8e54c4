"""What a node of a cluster answers when another one asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from contracts.health import Readiness
from contracts.stats import ConnectionCounts, Stats
from hub.auth.grant import Grant
from hub.auth.tickets import Tickets
from hub.cluster.operator import AskConnections, AskMatching, OperatorAnswer, OperatorQuestion
from hub.cursor import Cursor
from hub.delivery.opening import Delivery
from hub.observe.connection_board import ConnectionBoard
from hub.observe.stats_board import StatsBoard
from hub.observe.tracer import Tracer
from hub.target import Target

__all__ = ["NodeAnswers"]


class NodeAnswers:
    """Implements `hub.cluster.local.Local`; `check` says whether this node is ready."""

    def __init__(
        self,
        delivery: Delivery,
        tickets: Tickets,
        stats: StatsBoard,
        *,
        board: ConnectionBoard,
        tracer: Tracer,
        check: Callable[[], Readiness],
        now: Callable[[], float],
    ) -> None:
        self._delivery = delivery
        self._tickets = tickets
        self._stats = stats
        self._board = board
        self._tracer = tracer
        self._check = check
        self._now = now

    def redeem(self, digest: bytes, origin: str | None) -> Grant:
        """Return the grant behind a ticket of this node, and void it.

        Raises:
            InvalidToken, TokenExpired: as `Tickets.redeem_digest`.
        """
        return self._tickets.redeem_digest(digest, origin=origin, now_s=self._now())

    def close_for(self, payload: bytes, *, revoke: bool) -> int:
        """Close what a revocation names; return how many.

        Raises:
            msgspec.MsgspecError, UnicodeDecodeError: it is not a revocation.
        """
        return self._delivery.disconnector.close_for(payload, revoke=revoke)

    def collect_stats(self) -> Stats:
        """Return this node's statistics."""
        return self._stats.collect()

    def answer_operator(self, question: OperatorQuestion) -> OperatorAnswer:
        """Return what this node knows of it."""
        if isinstance(question, AskConnections):
            return self._board.find(question)
        if isinstance(question, AskMatching):
            return self._board.match(question)
        return self._tracer.count(question.position)

    def count_connections(self) -> tuple[ConnectionCounts, int]:
        """Return how many connections and users there are."""
        return self._stats.count_connections(), self._stats.count_users()

    def count_met(self, position: int) -> int | None:
        """Return how many connections a notification met that was dispatched; None where that is not known any more."""
        counts = self._delivery.counts.find(position, dispatched_upto=position)
        if counts is None:
            return None
        return counts.websocket + counts.sse + counts.durable_streams + counts.deferred

    def has_taken(self, user: Target, position: int) -> bool:
        """Whether a connection of this user has taken a notification."""
        return self._delivery.taken.has(user, position)

    def take_acknowledged(self, user: Target, cursor: Cursor) -> None:
        """Take what a client of this user said to another node; it counts for what this one handed over."""
        self._delivery.acknowledgements.take_told(user, cursor)

    async def send_signal(self, targets: Sequence[Target], kind: str, key: str, prefix: bytes) -> int:
        """Hand a signal to connections; return how many."""
        return await self._delivery.signals.send(targets, kind, key, prefix)

    def find_state(self) -> str:
        """Return `ready`, `not_ready` or `draining`."""
        found = self._check()
        return "draining" if found.draining else "ready" if found.ready else "not_ready"
