"""Plain HTTP answers of the doors that are no routes of the framework: who may read them, and refusals."""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from hub.asgi import Scope, Send
from hub.auth.origin import find_origin
from hub.cursor import Cursor, parse_cursor
from hub.errors import BadRequest, HubError, InvalidCursor, OriginNotAllowed
from hub.errors.problem import write_problem
from hub.header_fields import Headers, find_single

__all__ = [
    "allow_origin",
    "answer_preflight",
    "find_cursor",
    "forget_request",
    "is_read",
    "respond",
    "respond_problem",
]


#: No client of ours sends more than three.
MAX_QUERY_FIELDS = 32

#: What the clients here ask for; a preflight's answer names it whatever was asked.
_CLIENT_HEADERS = b"authorization, cache-control, last-event-id"
#: Field names (RFC 9110 section 5.6.2) in a list, as a browser writes one.
_FIELD_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]+")


def allow_origin(headers: Headers, allowed: frozenset[str]) -> Headers:
    """Return the headers that let the page at the request's origin read the answer.

    Raises:
        OriginNotAllowed: it is not one of the allowed ones.
    """
    origin = find_origin(headers)
    if origin is None:
        return [(b"vary", b"Origin")]
    if origin not in allowed:
        raise OriginNotAllowed(reason="the page's Origin is not one of HUB_ALLOWED_ORIGINS")
    return [
        (b"vary", b"Origin"),
        (b"access-control-allow-origin", origin.encode("latin-1")),
        # For pages that send `credentials: "include"` everywhere. No cookie means anything to the hub, so it grants
        # nothing; without it the browser keeps the answer from the page.
        (b"access-control-allow-credentials", b"true"),
        # Without this a page cannot see when to come back.
        (b"access-control-expose-headers", b"retry-after"),
    ]


async def answer_preflight(send: Send, headers: Headers, cors: Headers) -> None:
    """Allow the headers that a page of an allowed origin asks for (Fetch standard, CORS preflight).

    Its origin is what is checked. Tracing libraries add headers of their own to each request (`traceparent`,
    `baggage`, `sentry-trace`), and a list of the known ones would be short of the next one's.
    """
    asked = b", ".join(
        value for name, value in headers if name == b"access-control-request-headers" and _FIELD_NAMES.fullmatch(value)
    )
    allowed = b", ".join(names for names in (_CLIENT_HEADERS, asked) if names)
    preflight: Headers = [
        *cors,
        (b"allow", b"GET, HEAD, OPTIONS"),
        (b"access-control-allow-methods", b"GET, HEAD"),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"600"),
    ]
    await respond(send, 204, preflight, b"")


def is_read(scope: Scope) -> bool:
    """Whether a request is a GET, or a HEAD, which is answered like one; the server leaves its body away."""
    return scope["method"] in {"GET", "HEAD"}


def find_cursor(headers: Headers, query: bytes) -> Cursor | None:
    """Return the cursor a client comes back with: its `Last-Event-ID`, else the query's `cursor`; an empty one is none.

    Raises:
        InvalidCursor: what came in either place is not a cursor.
        BadRequest: there are two, or the query has more fields than anybody reads; passing over its cursor would lose
            what was missed.
    """
    told = find_single(headers, b"last-event-id", refuse=lambda: BadRequest("There are two Last-Event-ID headers"))
    place, text = "Last-Event-ID", (told or "").strip(" \t")
    if not text and b"cursor=" in query:
        place, text = "cursor", _find_query_cursor(query)
    if not text:
        return None
    cursor = parse_cursor(text)
    if cursor is None:
        raise InvalidCursor(f"`{place}` is not a cursor of a hub; without one a client goes on from now")
    return cursor


def _find_query_cursor(query: bytes) -> str:
    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS).get("cursor")
    except ValueError:
        raise BadRequest(f"A query may have {MAX_QUERY_FIELDS} fields") from None
    return values[-1].strip() if values else ""


async def respond(send: Send, status: int, headers: Headers, body: bytes, *, waits: bool = False) -> None:
    """Send a whole answer; with `waits`, return only when the peer has taken most of it, or left."""
    if body or status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": waits})
    if waits:
        # A server takes no further part of an answer while much of the last one is unsent.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def respond_problem(send: Send, error: HubError, cors: Headers) -> None:
    """Send the problem that tells a client of `error`."""
    status, headers, body = write_problem(error)
    await respond(send, status, [*cors, *headers], body)


def forget_request(scope: Scope) -> None:
    """Let go of the headers and the query of a connection that may stay for days: of kilobytes, and of its token."""
    scope["headers"].clear()
    scope["query_string"] = b""
