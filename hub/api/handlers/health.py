"""`/health/live` and `/health/ready`: what an operator's machines ask."""

from __future__ import annotations

from collections.abc import Callable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from contracts.health import Liveness, Readiness
from hub import routes
from hub.api.request import NO_STORE

__all__ = ["make_health_routes"]


def make_health_routes(check: Callable[[], Readiness]) -> list[HTTPRouteHandler]:
    """Return the handlers of liveness (the event loop answers) and readiness (new work is welcome)."""

    @get(routes.LIVE, operation_id="checkLive", response_headers=NO_STORE)
    async def live() -> Liveness:
        return Liveness(live=True)

    @get(routes.READY, operation_id="checkReady", response_headers=NO_STORE)
    async def ready() -> Response[Readiness]:
        readiness = check()
        return Response(readiness, status_code=200 if readiness.ready else 503)

    return [live, ready]
