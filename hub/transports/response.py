"""What the endpoints that are not routes of the framework share: responses, refusals, and the cursor of a request."""

from __future__ import annotations

from urllib.parse import parse_qs

import msgspec

from contracts.frame import MAX_LISTENED
from contracts.identifier import SignalType
from hub.asgi import Scope, Send
from hub.cursor import Cursor, parse_cursor
from hub.delivery.connections import SUBPROTOCOL
from hub.errors import BadRequest, HubError, InvalidCursor
from hub.errors.problem import write_problem
from hub.header_fields import Headers, find_single

__all__ = [
    "asks_for_hub_v1",
    "find_cursor",
    "find_signals",
    "forget_request",
    "is_read",
    "respond",
    "respond_problem",
]


#: No client of ours sends more than four.
MAX_QUERY_FIELDS = 32
_NO_SIGNALS: frozenset[str] = frozenset()


def is_read(scope: Scope) -> bool:
    """Whether a request is a GET, or a HEAD, which gets the same response; the server drops the body."""
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
        place, text = "cursor", _find_last(query, "cursor")
    if not text:
        return None
    cursor = parse_cursor(text)
    if cursor is None:
        raise InvalidCursor(f"`{place}` is not a cursor of a hub; without one a client goes on from now")
    return cursor


def asks_for_hub_v1(query: bytes) -> bool:
    """Whether the query's `protocol` is `hub.v1`: this client knows every control frame.

    A WebSocket says so with its subprotocol, and other transports have none.

    Raises:
        BadRequest: the query has more fields than anybody reads.
    """
    return b"protocol=" in query and _find_last(query, "protocol") == SUBPROTOCOL


def find_signals(query: bytes) -> frozenset[str]:
    """Return the types of signals that the query's `signals` asks for, separated by commas.

    Raises:
        BadRequest: one is not a type's name, or there are too many.
    """
    if b"signals=" not in query:
        return _NO_SIGNALS
    named = [name for name in _find_last(query, "signals").split(",") if name]
    if len(named) > MAX_LISTENED:
        raise BadRequest(f"A connection may ask for {MAX_LISTENED} types of signals", field="signals")
    try:
        return frozenset(msgspec.convert(named, list[SignalType]))
    except msgspec.ValidationError:
        raise BadRequest("`signals` names types of signals, such as orders:updated", field="signals") from None


def _find_last(query: bytes, name: str) -> str:
    try:
        values = parse_qs(query.decode("latin-1"), max_num_fields=MAX_QUERY_FIELDS).get(name)
    except ValueError:
        raise BadRequest(f"A query may have {MAX_QUERY_FIELDS} fields") from None
    return values[-1].strip() if values else ""


async def respond(send: Send, status: int, headers: Headers, body: bytes, *, waits: bool = False) -> None:
    """Send a whole response; with `waits`, return only when the peer has taken most of it, or left."""
    if body or status != 204:
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": waits})
    if waits:
        # A server takes no further part of a response while much of the last one is unsent.
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def respond_problem(send: Send, error: HubError, cors: Headers) -> None:
    """Send the problem that tells a client of `error`."""
    status, headers, body = write_problem(error)
    await respond(send, status, [*cors, *headers], body)


def forget_request(scope: Scope) -> None:
    """Drop the headers and the query of a connection that may stay for days: kilobytes, and its token."""
    scope["headers"].clear()
    scope["query_string"] = b""
