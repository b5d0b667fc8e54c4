"""What ASGI tells an app of a request: its scope."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from hub.asgi import Scope
from hub.edge.context import ServerContext
from hub.edge.links import is_encrypted
from hub.edge.request_reader import Request

__all__ = ["Endpoints", "find_endpoints", "make_http_scope", "make_websocket_scope"]


class Endpoints(NamedTuple):
    """The two ends of a connection; a Unix socket has a path and no port, and no name at its other end."""

    server: tuple[str, int | None] | None
    client: tuple[str, int] | None
    is_encrypted: bool


def find_endpoints(transport: asyncio.Transport) -> Endpoints:
    """Return the ends of a transport: asked once, since each question is a system call."""
    server, client = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
    if isinstance(server, str):
        server = (server, None)
    return Endpoints(
        # The first two: of IPv6 there are four.
        server[:2] if isinstance(server, tuple) else None,
        client[:2] if isinstance(client, tuple) else None,
        is_encrypted(transport),
    )


def make_http_scope(request: Request, endpoints: Endpoints, context: ServerContext, opener: object) -> Scope:
    """Return the scope of an HTTP request; `opener` is what the app finds as `hub.link`."""
    scope = _make_scope(request, endpoints, context)
    scope["type"] = "http"
    scope["asgi"] = {"version": "3.0", "spec_version": "2.3"}
    scope["method"] = request.method
    scope["scheme"] = "https" if endpoints.is_encrypted else "http"
    scope["extensions"] = {"hub.link": opener}
    return scope


def make_websocket_scope(
    request: Request,
    endpoints: Endpoints,
    context: ServerContext,
    opener: object,
    subprotocols: list[str],
) -> Scope:
    """Return the scope of a WebSocket; an app may refuse it with a response of its own."""
    scope = _make_scope(request, endpoints, context)
    scope["type"] = "websocket"
    scope["asgi"] = {"version": "3.0", "spec_version": "2.4"}
    scope["scheme"] = "wss" if endpoints.is_encrypted else "ws"
    scope["subprotocols"] = subprotocols
    scope["extensions"] = {"websocket.http.response": {}, "hub.link": opener}
    return scope


def _make_scope(request: Request, endpoints: Endpoints, context: ServerContext) -> Scope:
    root = context.root_path
    return {
        "http_version": request.http_version,
        "path": root + request.path,
        "raw_path": root.encode("ascii") + request.raw_path,
        "query_string": request.query,
        "root_path": root,
        "headers": request.headers,
        "server": endpoints.server,
        "client": endpoints.client,
        "state": context.app_state.copy(),
    }
