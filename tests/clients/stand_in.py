"""A server in the place of a hub that fails as a test asks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

__all__ = ["Responder", "Seen", "StandIn", "accept", "accept_but", "refuse", "reply", "reset", "stall"]

#: How long a response is delayed, unless the stand-in is closed first.
STALL_S = 10.0


class Seen(NamedTuple):
    """A request as the stand-in received it."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_s: float


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one segment: apart, the second waits 40 ms for the first one's acknowledgement.
    wbufsize = -1
    stand_in: ClassVar[StandIn]

    #: The body of the present request.
    body = b""

    def do_POST(self) -> None:
        self.body = body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.stand_in.pick(Seen(self.path, headers, body, time.monotonic()))(self)

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Write no log line."""


Responder = Callable[[_Handler], None]


class StandIn:
    """Responds to the nth request by the nth responder, and to all later ones by the last."""

    def __init__(self, *responders: Responder) -> None:
        self._responders = responders
        self._lock = threading.Lock()
        self.seen: list[Seen] = []
        self.closed = threading.Event()
        handler = type("Handler", (_Handler,), {"stand_in": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def pick(self, seen: Seen) -> Responder:
        """Keep a request and return what responds to it."""
        with self._lock:
            self.seen.append(seen)
            return self._responders[min(len(self.seen), len(self._responders)) - 1]

    @property
    def keys(self) -> list[str]:
        """The Idempotency-Key of each request."""
        return [seen.headers["idempotency-key"] for seen in self.seen]

    def fields(self, name: str) -> list[Any]:
        """A field of each notification that was sent, alone or in batches; a repeat counts again."""
        bodies = [json.loads(seen.body) for seen in self.seen]
        return [notification[name] for body in bodies for notification in body.get("notifications", [body])]


def reply(
    status: int, body: object, headers: dict[str, str] | None = None, kind: str = "application/json"
) -> Responder:
    """Return what responds with this JSON, or these bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def respond(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return respond


def refuse(status: int, headers: dict[str, str] | None = None, code: str = "overloaded") -> Responder:
    """Return what responds with a problem, as the hub does."""
    return reply(status, _problem(status, code), headers, "application/problem+json")


def _problem(status: int, code: str) -> dict[str, Any]:
    return {"type": f"urn:{code}", "title": code, "status": status, "detail": "No", "code": code}


_RECEIPT = {"id": "1", "cursor": "e-1", "duplicate": False, "connections": 0}


def accept(handler: _Handler) -> None:
    """Respond with a receipt, as a hub does, or with one for each notification of a batch."""
    (accept_but({}) if b'{"notifications":' in handler.body else reply(202, _RECEIPT))(handler)


def accept_but(problems: dict[int, tuple[int, str]]) -> Responder:
    """Return what responds to a batch: receipts, but for the indexes that have a problem's status and code here."""

    def result(index: int) -> dict[str, Any]:
        if index not in problems:
            return {"index": index, "receipt": _RECEIPT}
        return {"index": index, "problem": _problem(*problems[index])}

    def respond(handler: _Handler) -> None:
        count = len(json.loads(handler.body)["notifications"])
        reply(202, {"results": [result(index) for index in range(count)]})(handler)

    return respond


def stall(handler: _Handler) -> None:
    """Send no response."""
    handler.stand_in.closed.wait(STALL_S)
    handler.close_connection = True


def reset(handler: _Handler) -> None:
    """Close the connection without a response."""
    handler.close_connection = True
