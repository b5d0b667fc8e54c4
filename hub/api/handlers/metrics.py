"""`/metrics`, on the hub's own port with a key or on a port of its own: the counters in what the scraper reads best."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from hub import routes
from hub.api.request import find_service
from hub.asgi import Send
from hub.auth.credentials import find_bearer
from hub.auth.service_keys import ServiceKeys
from hub.errors import HubError, InvalidToken, MethodNotAllowed, NotFound, Unauthenticated
from hub.header_fields import join_lines, list_tokens
from hub.transports.response import is_read, respond, respond_problem

__all__ = ["MetricsApp", "make_metrics_routes"]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]


def make_metrics_routes(registry: CollectorRegistry, keys: ServiceKeys, *, key_digest: str) -> list[ASGIRouteHandler]:
    """Return the handler of `/metrics` on the hub's own port.

    `key_digest` (sha256 hex) is of the one key that may read it; empty: any service key that may read statistics.
    """
    expected = key_digest.lower()

    @asgi(routes.METRICS, copy_scope=False)
    async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
        if await _respond_other_method(scope, send):
            return
        _check_key(scope["headers"], keys, expected)
        await _respond(scope, registry, send)

    return [metrics]


class MetricsApp:
    """The ASGI application of a port that serves nothing else, to everybody who can reach it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"].rstrip("/") not in {"", routes.METRICS}:
                raise NotFound
            if await _respond_other_method(scope, send):
                return
        except HubError as error:
            await respond_problem(send, error, [])
            return
        await _respond(scope, self._registry, send)


async def _respond_other_method(scope: Scope, send: Send) -> bool:
    """Respond to OPTIONS, and return whether it was that.

    Raises:
        MethodNotAllowed: it is not a GET or a HEAD either.
    """
    if is_read(scope):
        return False
    if scope["method"] != "OPTIONS":
        raise MethodNotAllowed
    await respond(send, 204, [(b"allow", b"GET, HEAD, OPTIONS")], b"")
    return True


def _check_key(headers: Headers, keys: ServiceKeys, expected: str) -> None:
    if expected:
        given = find_bearer(headers)
        if given is None:
            raise Unauthenticated("The key for metrics is required: Authorization: Bearer ...")
        if not hmac.compare_digest(hashlib.sha256(given.encode("latin-1")).hexdigest(), expected):
            raise InvalidToken
    else:
        service = find_service(headers, keys)
        service.require_operation("stats")
        service.require_all_accounts()


async def _respond(scope: Scope, registry: CollectorRegistry, send: Send) -> None:
    encode, kind = choose_encoder(join_lines(scope["headers"], b"accept").decode("latin-1"))
    body = encode(registry)
    headers = [(b"content-type", kind.encode()), (b"cache-control", b"no-store"), (b"vary", b"Accept, Accept-Encoding")]
    if _takes_gzip(scope["headers"]):
        body = gzip.compress(body, compresslevel=1)
        headers.append((b"content-encoding", b"gzip"))
    await respond(send, 200, headers, body)


def _takes_gzip(headers: Headers) -> bool:
    for coding in list_tokens(headers, b"accept-encoding"):
        name, _, weight = coding.lower().replace(b" ", b"").partition(b";q=")
        if name in {b"gzip", b"x-gzip"}:
            return weight.strip(b"0.") != b"" or not weight
    return False
