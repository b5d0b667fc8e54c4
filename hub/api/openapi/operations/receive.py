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
    "description": "A one-use ticket, or a user token, if the client cannot set a header. A token in a URL ends up in "
    "logs.",
    "schema": {"type": "string"},
}
_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "The last cursor that the client has processed; everything for the user since then comes first. "
    "If the log can no longer serve this cursor, a `gap` frame comes first.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The cursor, as `EventSource` sends it by itself when it reconnects; it wins over `cursor`.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}

_CODES = "\n".join(
    f"- `{int(code)}` {code.name.lower().replace('_', ' ')}: {'reconnect' if may_return(code) else 'stop'}"
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
        "gets heartbeats that it can see, may send `auth` with a newer token, and is refused with a close code that it "
        "can read; every other client is refused before the accept.\n\n"
        f"Close codes, and what a client does after them (reconnect with the last cursor, or stop):\n{_CODES}",
        security=USER,
        parameters=(_TOKEN, _CURSOR),
        responses=(Response(101, "The connection is now a WebSocket."),),
        failures=(*CONNECT_FAILURES, errors.UpgradeRequired),
    ),
    Operation(
        method="get",
        path=routes.EVENT_STREAM,
        id="openEventStream",
        tag="Receive",
        summary="Receive frames as Server-Sent Events",
        description="Each event's `data` is one `Frame`, the same bytes that a WebSocket carries, and its `id` is the "
        "cursor. A client may switch from one transport to the other. The stream ends after a `closing` frame, "
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
        summary="Poll for frames, if no connection can stay open",
        description="The last resort. The response comes at once. It has the frames for the user since the cursor, "
        "with the same bytes that a connection carries, and the cursor for the next request. It has at most "
        f"{PAGE_RECORDS} frames or {PAGE_BYTES // 1024} KiB, or one frame that is larger: after a response with frames "
        "request again at once, after an empty one wait. Without a cursor it has only the log's head. If the log can "
        "no longer serve the cursor, it has a `gap` frame.",
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
        description="Browsers cannot set headers on a WebSocket or an `EventSource`. A ticket replaces the token "
        "in `?token=`, once, for a few seconds, so that no token is in a URL.",
        security=("userToken",),
        responses=(Response(201, "The ticket.", "Ticket"),),
        failures=(*USER_FAILURES, errors.Internal),
    ),
)
