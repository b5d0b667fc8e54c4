"""`/health/live` and `/health/ready`: what an operator's machines ask."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET

from contracts.health import Liveness, Readiness
from hub import routes
from hub.api.request import NO_STORE
from hub.cluster.port import Cluster
from hub.delivery.opening import Delivery
from hub.directory.probe import DirectoryProbe
from hub.log.port import Log

__all__ = ["ReadinessCheck", "make_health_routes"]


class ReadinessCheck:
    """Asks each part of the hub whether it takes new work."""

    def __init__(self, *, log: Log, delivery: Delivery, probe: DirectoryProbe, cluster: Cluster) -> None:
        self._log = log
        self._delivery = delivery
        self._probe = probe
        self._cluster = cluster

    def check(self) -> Readiness:
        """Return what each part says now."""
        alive, draining = self._delivery.is_alive(), self._delivery.connections.draining
        return Readiness(
            ready=alive and self._log.writable and self._probe.answered and not draining,
            draining=draining,
            log="writable" if self._log.writable else "unavailable",
            dispatcher="running" if alive else "stopped",
            directory=self._probe.state,
            cluster=self._cluster.check() or UNSET,
        )


def make_health_routes(readiness: ReadinessCheck) -> list[HTTPRouteHandler]:
    """Return the handlers of liveness (the event loop answers) and readiness (new work is welcome)."""

    @get(routes.LIVE, operation_id="checkLive", response_headers=NO_STORE)
    async def live() -> Liveness:
        return Liveness(live=True)

    @get(routes.READY, operation_id="checkReady", response_headers=NO_STORE)
    async def ready() -> Response[Readiness]:
        found = readiness.check()
        return Response(found, status_code=200 if found.ready else 503)

    return [live, ready]
