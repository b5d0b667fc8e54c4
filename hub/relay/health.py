"""What the relay says to machines that watch it: whether it lives, whether it is ready, its metrics."""

from __future__ import annotations

from collections.abc import Callable

from hub import routes
from hub.asgi import Application, Receive, Scope, Send
from hub.relay.metrics import Metrics

__all__ = ["make_health_app"]

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def make_health_app(metrics: Metrics, *, is_ready: Callable[[], bool]) -> Application:
    """Return the ASGI application of `/health/live`, `/health/ready` and `/metrics`; it needs no lifespan."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
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
