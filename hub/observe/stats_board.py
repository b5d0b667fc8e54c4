"""What this hub counts of itself, as `GET /api/internal/ws-stats` and the other nodes of a cluster are told it."""

from __future__ import annotations

from collections.abc import Callable

from contracts.stats import ConnectionCounts, Stats, Totals
from hub.delivery.subscribers import Subscribers
from hub.metrics import Metrics

__all__ = ["StatsBoard"]


class StatsBoard:
    """Reads the counters of this hub."""

    def __init__(self, subscribers: Subscribers, metrics: Metrics, *, now: Callable[[], float]) -> None:
        self._subscribers = subscribers
        self._metrics = metrics
        self._now = now

    def count_connections(self) -> ConnectionCounts:
        """Return how many connections are open now, by transport."""
        counts = self._subscribers.count_all()
        return ConnectionCounts(
            total=counts.connections,
            websocket=counts.websocket,
            sse=counts.sse,
            durable_streams=counts.durable_streams,
        )

    def count_users(self) -> int:
        """Return how many users are connected now."""
        return self._subscribers.count_all().unique_users

    def uptime_s(self) -> float:
        """Return for how long the hub has run."""
        return round(max(0.0, self._now() - self._metrics.started_at_s), 3)

    def collect(self) -> Stats:
        """Return the statistics of this moment."""
        metrics, connections = self._metrics, self.count_connections()
        return Stats(
            total_connections=connections.total,
            connections_by_account=dict(sorted(self._subscribers.count_by_account().items())),
            connections=connections,
            unique_users=self.count_users(),
            uptime_seconds=self.uptime_s(),
            totals=Totals(
                connected=metrics.connects.total(),
                disconnected=metrics.closes.total(),
                refused=metrics.refusals.total(),
                published=metrics.published.total(),
                duplicates=metrics.duplicates,
                deliveries=metrics.deliveries.total(),
                replays=metrics.resumes["replayed"] + metrics.resumes["gap"],
                gaps=metrics.resumes["gap"],
                drops=metrics.drops,
            ),
            refusals=dict(sorted(metrics.refusals.items())),
        )
