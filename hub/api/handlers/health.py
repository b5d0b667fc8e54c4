"""`/health/live` and `/health/ready`: what an operator's machines ask."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from hub import routes

__all__ = ["Readiness", "make_health_routes"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether new work should be sent here, and what each part says.

    A `directory` that is `down` stops nothing, except where it has not answered once since the start.
    """

    ready: bool
    draining: bool
    log: str
    dispatcher: str
    directory: str


def make_health_routes(check: Callable[[], Readiness]) -> list[HTTPRouteHandler]:
    """Return the handlers of liveness (the loop answers) and readiness (work is welcome)."""

    @get(routes.LIVE, operation_id="checkLive")
    async def live() -> Response[bytes]:
        return _answer(b'{"live":true}', 200)

    @get(routes.READY, operation_id="checkReady")
    async def ready() -> Response[bytes]:
        readiness = check()
        return _answer(msgspec.json.encode(readiness), 200 if readiness.ready else 503)

    return [live, ready]


def _answer(body: bytes, status: int) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    return Response(body, status_code=status, media_type="application/json", headers=headers)
