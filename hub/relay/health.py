"""The relay's port for machines that watch it: whether it lives, whether it is ready, its metrics."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import uvicorn

from hub import routes
from hub.errors import SettingsError
from hub.relay.metrics import Metrics

__all__ = ["serve_health"]

#: One machine that scrapes holds one connection.
_MAX_CONNECTIONS = 32
#: What a response that is on its way may take at the end.
_GRACE_S = 1
_TEXT = "text/plain; version=0.0.4; charset=utf-8"


class _Server(uvicorn.Server):
    """uvicorn, except that signals are the relay's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@contextlib.asynccontextmanager
async def serve_health(host: str, port: int, metrics: Metrics, *, is_ready: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve `/health/live`, `/health/ready` and `/metrics` on `port`, 0 for a free one; give the port.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"HUB_RELAY_PORT: cannot listen on {host} port {port} ({error.strerror or type(error).__name__})"
        ) from None
    config = uvicorn.Config(
        _make_app(metrics, is_ready),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_MAX_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="relay-health")
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
        listener.close()


def _make_app(metrics: Metrics, is_ready: Callable[[], bool]) -> Any:
    async def respond(scope: Any, receive: Any, send: Any) -> None:
        status, kind, body = 404, "text/plain", b"not found\n"
        if scope["type"] != "http":
            return
        if scope["method"] not in {"GET", "HEAD"}:
            status, body = 405, b"only GET and HEAD\n"
        elif scope["path"] == routes.LIVE:
            status, kind, body = 200, "application/json", b'{"live":true}'
        elif scope["path"] == routes.READY:
            ready = is_ready()
            status, kind = 200 if ready else 503, "application/json"
            body = b'{"ready":true}' if ready else b'{"ready":false}'
        elif scope["path"] == routes.METRICS:
            status, kind, body = 200, _TEXT, metrics.write()
        headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
        headers.append((b"cache-control", b"no-store"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return respond
