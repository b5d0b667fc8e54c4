"""`GET /api/internal/ws-stats`: who is connected and what happened since the start, on every node of a cluster."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from contracts.stats import Stats
from hub import routes
from hub.api.request import NO_STORE, AnyRequest, find_service
from hub.auth.service_keys import ServiceKeys
from hub.cluster.port import Cluster
from hub.observe.stats_board import StatsBoard

__all__ = ["make_stats_routes"]


def make_stats_routes(board: StatsBoard, cluster: Cluster, keys: ServiceKeys) -> list[HTTPRouteHandler]:
    """Return the handler of the statistics."""

    @get(routes.STATS, operation_id="readStats", response_headers=NO_STORE)
    async def ws_stats(request: AnyRequest) -> Stats:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("stats")
        # The totals are everybody's, and a key bound to some accounts may not even know how busy the others are.
        service.require_all_accounts()
        return await cluster.sum_stats(board.collect())

    return [ws_stats]
