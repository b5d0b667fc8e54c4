"""`GET /api/internal/ws-stats`: who is connected and what happened since the start."""

from __future__ import annotations

from collections.abc import Callable

from litestar import get
from litestar.handlers import HTTPRouteHandler

from contracts.stats import ConnectionCounts, Stats, Totals
from hub import routes
from hub.api.request import NO_STORE, AnyRequest, find_service
from hub.auth.service_keys import ServiceKeys
from hub.delivery.subscribers import Subscribers
from hub.metrics import Metrics

__all__ = ["make_stats_routes"]


def make_stats_routes(
    subscribers: Subscribers, metrics: Metrics, keys: ServiceKeys, *, now: Callable[[], float]
) -> list[HTTPRouteHandler]:
    """Return the handler of the statistics."""

    @get(routes.STATS, operation_id="readStats", response_headers=NO_STORE)
    async def ws_stats(request: AnyRequest) -> Stats:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("stats")
        # The totals are everybody's, and a key bound to some accounts may not even know how busy the others are.
        service.require_all_accounts()
        counts = subscribers.count_all()
        return Stats(
            total_connections=counts.connections,
            connections_by_account=dict(sorted(subscribers.count_by_account().items())),
            connections=ConnectionCounts(
                total=counts.connections,
                websocket=counts.websocket,
                sse=counts.sse,
                durable_streams=counts.durable_streams,
            ),
            unique_users=counts.unique_users,
            uptime_seconds=round(max(0.0, now() - metrics.started_at_s), 3),
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

    return [ws_stats]
