"""How frontends receive, for the API document."""

from __future__ import annotations

from contracts.closing import CloseCode, may_return
from hub import errors, routes
from hub.api.openapi.operations.failures import CONNECT_FAILURES, PAGE_FAILURES, USER_FAILURES
from hub.api.openapi.operations.operation import USER, Operation, Response
from hub.delivery.page_reader import PAGE_BYTES, PAGE_RECORDS

__all__ = ["RECEIVE_OPERATIONS"]

_TOKEN = {
    "name": "token",
    "in": "query",
    "description": "A one-use ticket, or a user token, where no header can be set. A token in a URL ends up in logs.",
    "schema": {"type": "string"},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "The last cursor seen; everything addressed to the user since then comes first. One the hub "
    "cannot use gets a `gap` frame.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The cursor, as `EventSource` sends it by itself when it comes back; it wins over `cursor`.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}

_CODES = "\n".join(
    f"- `{int(code)}` {code.name.lower().replace('_', ' ')}: {'come back' if may_return(code) else 'stop'}"
    for code in CloseCode
)

RECEIVE_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path=routes.WEBSOCKET,
        id="openWebSocket",
        tag="Receive",
        summary="Receive frames over WebSocket",
        description="Each text frame is one `Frame` (`/schema/frames.json`); the first is `connection_established`. "
        "The token may also come as subprotocol `hub.bearer.<base64url>`. A client that offers subprotocol `hub.v1` "
        "gets heartbeats it can see, may send `auth` with a newer token, and is refused by a close code it can read; "
        "any other client is refused before the accept.\n\n"
        f"Close codes; a client that comes back gives its last cursor:\n{_CODES}",
        security=USER,
        parameters=(_TOKEN, _CURSOR),
        responses=(Response(101, "The connection is a WebSocket from here on."),),
        failures=(*CONNECT_FAILURES, errors.UpgradeRequired),
    ),
    Operation(
        method="get",
        path=routes.EVENT_STREAM,
        id="openEventStream",
        tag="Receive",
        summary="Receive frames as Server-Sent Events",
        description="Each event's `data` is one `Frame`, byte for byte what a WebSocket carries, and its `id` is the "
        "cursor; a client may leave one transport and go on over the other. The stream ends after a `closing` frame, "
        "or when the hub restarts.",
        security=USER,
        parameters=(_TOKEN, _CURSOR, _LAST_EVENT_ID),
        responses=(Response(200, "The stream.", {"type": "string"}, "text/event-stream"),),
        failures=CONNECT_FAILURES,
    ),
    Operation(
        method="get",
        path=routes.POLL,
        id="pollFrames",
        tag="Receive",
        summary="Fetch frames, where nothing can be kept open",
        description="The last resort. Responds at once with what was addressed to the user since the cursor, each "
        "frame byte for byte what a connection carries, and the cursor for the next request. At most "
        f"{PAGE_RECORDS} frames or {PAGE_BYTES // 1024} KiB, or one frame that is larger: after a response with frames "
        "ask again at once, after an empty one wait. Without a cursor only the log's head comes; with one the hub "
        "cannot use, a `gap` frame.",
        security=USER,
        parameters=(_TOKEN, _CURSOR, _LAST_EVENT_ID),
        responses=(Response(200, "What was missed, in order.", "Page"),),
        failures=PAGE_FAILURES,
    ),
    Operation(
        method="post",
        path=routes.TICKET,
        id="issueTicket",
        tag="Receive",
        summary="Get a one-use ticket for a URL",
        description="Browsers cannot set headers on a WebSocket or an `EventSource`. A ticket stands in for the token "
        "in `?token=`, once, for a few seconds, so that no token stands in a URL.",
        security=("userToken",),
        responses=(Response(201, "The ticket.", "Ticket"),),
        failures=(*USER_FAILURES, errors.Internal),
    ),
)
