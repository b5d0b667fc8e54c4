"""`/health/live`, `/health/ready` and `/metrics`: what an operator's machines ask."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from hub.api.request import AnyRequest, find_service
from hub.auth.service_keys import ServiceKeys
from hub.errors import InvalidToken

__all__ = ["Readiness", "make_health_routes", "make_metrics_routes"]


class Readiness(msgspec.Struct, frozen=True):
    """Whether new work should be sent here, and what each part says; `directory` alone stops nothing."""

    ready: bool
    draining: bool
    log: str
    dispatcher: str
    directory: str


def make_health_routes(check: Callable[[], Readiness]) -> list[HTTPRouteHandler]:
    """Return the handlers of liveness (the loop answers) and readiness (work is welcome)."""

    @get("/health/live", operation_id="checkLive")
    async def live() -> Response[bytes]:
        return _answer(b'{"live":true}', 200)

    @get("/health/ready", operation_id="checkReady")
    async def ready() -> Response[bytes]:
        readiness = check()
        return _answer(msgspec.json.encode(readiness), 200 if readiness.ready else 503)

    return [live, ready]


def make_metrics_routes(registry: CollectorRegistry, keys: ServiceKeys, *, key_digest: str) -> list[HTTPRouteHandler]:
    """Return the handler of `/metrics` on the hub's own port.

    `key_digest` (sha256 hex) is of the one key that may read it; empty: any service key that may read statistics.
    """

    @get("/metrics", operation_id="readMetrics")
    async def metrics(request: AnyRequest) -> Response[bytes]:
        if key_digest:
            given = request.headers.get("authorization", "").partition(" ")[2]
            if not hmac.compare_digest(hashlib.sha256(given.encode()).hexdigest(), key_digest):
                raise InvalidToken
        else:
            service = find_service(request.scope["headers"], keys)
            service.require_operation("stats")
            service.require_all_accounts()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [metrics]


def _answer(body: bytes, status: int) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    return Response(body, status_code=status, media_type="application/json", headers=headers)
