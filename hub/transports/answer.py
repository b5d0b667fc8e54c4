"""Plain HTTP answers of the doors that are no routes of the framework: who may read them, and refusals."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from hub.admission import find_origin
from hub.errors import BadRequest, HubError, OriginNotAllowed
from hub.problem import encode_problem

__all__ = [
    "PREFLIGHT",
    "Headers",
    "Send",
    "allow_origin",
    "find_last_event_id",
    "forget_request",
    "respond",
    "respond_problem",
]

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET"),
    (b"access-control-allow-headers", b"authorization, cache-control, last-event-id"),
    (b"access-control-max-age", b"600"),
]


def allow_origin(headers: Headers, allowed: frozenset[str]) -> Headers:
    """Return the headers that let the page at the request's origin read the answer.

    Raises:
        OriginNotAllowed: it is none of the allowed ones.
    """
    origin = find_origin(headers)
    if origin is None:
        return [(b"vary", b"Origin")]
    if origin not in allowed:
        raise OriginNotAllowed
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin.encode("latin-1")),
        # Without this a page cannot see when to come back.
        (b"access-control-expose-headers", b"retry-after"),
    ]


def find_last_event_id(headers: Headers) -> str | None:
    """Return the one `Last-Event-ID` header, if there is one.

    Raises:
        BadRequest: there are two.
    """
    values = [value for name, value in headers if name == b"last-event-id"]
    if len(values) > 1:
        raise BadRequest("There are two Last-Event-ID headers")
    return values[0].decode("latin-1") if values else None


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer."""
    if body or status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def respond_problem(send: Send, error: HubError, cors: Headers) -> None:
    """Send the problem that tells a client of `error`."""
    headers = [*cors, (b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    if error.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status == 405:
        headers.append((b"allow", b"GET, OPTIONS"))
    if error.status == 503:
        headers.append((b"retry-after", str(error.retry_after_s or 5).encode()))
    await respond(send, error.status, headers, encode_problem(error))


def forget_request(scope: MutableMapping[str, Any]) -> None:
    """Let go of the headers and the query of a connection that may stay for days: of kilobytes, and of its token."""
    scope["headers"].clear()
    scope["query_string"] = b""
