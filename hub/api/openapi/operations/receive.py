"""How frontends receive, for the API document."""

from __future__ import annotations

from contracts.closing import CloseCode, may_return
from contracts.inbox import DEFAULT_INBOX_PAGE, MAX_INBOX_PAGE
from hub import errors, routes
from hub.api.openapi.operations.failures import (
    BODY_FAILURES,
    CONNECT_FAILURES,
    INBOX_FAILURES,
    PAGE_FAILURES,
    STORE_FAILURES,
    STREAM_FAILURES,
    USER_FAILURES,
)
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
_SIGNALS = {
    "name": "signals",
    "in": "query",
    "description": "The types of signals that the client wants, separated by commas; without it, it gets none. Over "
    "`/ws` only clients of `hub.v1` get any. `/poll` has none.",
    "schema": {"type": "string", "examples": ["orders:updated,customers:updated"]},
}
_PROTOCOL = {
    "name": "protocol",
    "in": "query",
    "description": "`hub.v1`: the client knows every control frame, and gets those that tell of the user's state, such "
    "as `inbox`. Any other value counts as none. A WebSocket says so by its subprotocol.",
    "schema": {"type": "string", "examples": ["hub.v1"]},
}
_INBOX_PARAMETERS = (
    {
        "name": "limit",
        "in": "query",
        "description": "How many notifications the page has at most.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_INBOX_PAGE, "default": DEFAULT_INBOX_PAGE},
    },
    {
        "name": "before",
        "in": "query",
        "description": "The `next` of the page before, or any cursor: older ones than this.",
        "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
    },
    {
        "name": "unread",
        "in": "query",
        "description": "Unread ones alone.",
        "schema": {"type": "boolean", "default": False},
    },
    {
        "name": "type",
        "in": "query",
        "description": "Those of this type alone.",
        "schema": {"type": "string", "maxLength": 64, "examples": ["newsletter"]},
    },
    {
        "name": "archived",
        "in": "query",
        "description": "The archived ones, which no other page has.",
        "schema": {"type": "boolean", "default": False},
    },
)
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The cursor, as `EventSource` sends it by itself when it reconnects; it wins over `cursor`.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}

_OFFSET = {
    "name": "offset",
    "in": "query",
    "description": "Where to read from: a `Stream-Next-Offset` of the hub or any cursor; `-1`, or none, for the oldest "
    "notification that the log keeps; `now` for what comes from now on. Needed for a live read.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-00000000001z8", "-1", "now"]},
}
_LIVE = {
    "name": "live",
    "in": "query",
    "description": "How to wait for more: `sse` for a response that stays, `long-poll` for one that comes when there "
    "is something, or after a while with 204.",
    "schema": {"type": "string", "enum": ["sse", "long-poll"]},
}
_STREAM_CURSOR = {
    "name": "cursor",
    "in": "query",
    "description": "The last `Stream-Cursor` of a live read. It is a number that keeps responses of different times "
    "apart, and not a cursor of the hub.",
    "schema": {"type": "string", "examples": ["3361240"]},
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
        parameters=(_TOKEN, _CURSOR, _SIGNALS),
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
        parameters=(_TOKEN, _CURSOR, _SIGNALS, _PROTOCOL, _LAST_EVENT_ID),
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
        parameters=(_TOKEN, _CURSOR, _PROTOCOL, _LAST_EVENT_ID),
        responses=(Response(200, "What was missed, in order.", "Page"),),
        failures=PAGE_FAILURES,
    ),
    Operation(
        method="get",
        path=routes.STREAM,
        id="readStream",
        tag="Receive",
        summary="Read frames as a stream of the Durable Streams protocol",
        description="The read side of the open protocol [Durable Streams](https://github.com/durable-streams/"
        "durable-streams), for its clients in any language. The stream has the notifications for the user, in JSON "
        "mode: a read returns an array of frames, with the same bytes that a connection carries, and the place behind "
        f"them as `Stream-Next-Offset`. It has at most {PAGE_RECORDS} frames or {PAGE_BYTES // 1024} KiB, or one frame "
        "that is larger; `Stream-Up-To-Date: true` says that nothing more is there. HEAD returns the tail. An offset "
        "that the log can no longer serve gets 410, with the offset to go on from as `Stream-Next-Offset`. With "
        "`live=sse` the response is a stream of `data` and `control` events.",
        security=USER,
        parameters=(_TOKEN, _OFFSET, _LIVE, _STREAM_CURSOR),
        responses=(
            Response(
                200,
                "The frames after the offset, in order.",
                {"type": "array", "items": {"$ref": "#/components/schemas/Frame"}},
            ),
            Response(204, "Nothing came while a long-poll waited."),
            Response(304, "The client has this content: its `If-None-Match` names the `ETag`."),
        ),
        failures=STREAM_FAILURES,
    ),
    Operation(
        method="get",
        path=routes.INBOX,
        id="getInbox",
        tag="Receive",
        summary="Get the notifications of the user, newest first, with what has been read",
        description="The inbox is what the log has for the user: the same on all devices, for as long as the log keeps "
        "notifications. Types whose policy says `inbox: false` are not in it, nor is what has expired.",
        security=USER,
        parameters=(_TOKEN, *_INBOX_PARAMETERS),
        responses=(Response(200, "A page of the inbox.", "InboxNotifications"),),
        failures=INBOX_FAILURES,
    ),
    Operation(
        method="post",
        path=routes.INBOX,
        id="changeInbox",
        tag="Receive",
        summary="Mark notifications as read or unread, or archive them",
        description="The change is on disk before the response, and reaches all of the user's `hub.v1` connections as "
        "a control frame `inbox`. All of a request is done, or nothing: an id that is not that of a notification for "
        "this user is refused with 422, and the problem's `field` names its index.",
        security=USER,
        parameters=(_TOKEN,),
        body="InboxChange",
        responses=(Response(200, "How many are unread now.", "InboxCount"),),
        failures=(*INBOX_FAILURES, *BODY_FAILURES, errors.UnknownNotification, errors.Overloaded),
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
    Operation(
        method="get",
        path=routes.PREFERENCES,
        id="getPreferences",
        tag="Receive",
        summary="See which types the user has muted",
        description="Every type that the hub knows, and whether the user has muted it. Notifications of a muted type "
        "do not reach the user's connections and polls, and are listed in the inbox like all others.",
        security=USER,
        parameters=(_TOKEN,),
        responses=(Response(200, "What the user has muted.", "Preferences"),),
        failures=(errors.BadRequest, *USER_FAILURES, errors.Forbidden),
    ),
    Operation(
        method="put",
        path=routes.PREFERENCES,
        id="setPreferences",
        tag="Receive",
        summary="Mute types",
        description="The user mutes these types and no others. It is stored, holds for all devices of the user, and "
        "has an effect on open connections when the response comes; those that speak `hub.v1` get a `preferences` "
        "frame. A type whose policy is `mandatory` cannot be muted.",
        security=USER,
        parameters=(_TOKEN,),
        body="PreferencesRequest",
        responses=(Response(200, "What the user has muted now.", "Preferences"),),
        failures=(
            *BODY_FAILURES,
            errors.UnknownType,
            errors.MandatoryType,
            *USER_FAILURES,
            errors.Forbidden,
            *STORE_FAILURES,
        ),
    ),
    Operation(
        method="get",
        path=routes.PUSH,
        id="getPushKey",
        tag="Receive",
        summary="Get the key that a browser subscribes to Web Push with",
        description="The `applicationServerKey` of `pushManager.subscribe()` (RFC 8292). With Web Push, a user gets "
        "notifications while no page is open. 404 with the code `push_off`: this hub has none.",
        security=USER,
        parameters=(_TOKEN,),
        responses=(Response(200, "The public key.", "PushKey"),),
        failures=(*USER_FAILURES, errors.PushOff, errors.Internal),
    ),
    Operation(
        method="put",
        path=routes.PUSH,
        id="subscribeToPush",
        tag="Receive",
        summary="Subscribe a browser to Web Push",
        description="The body is the browser's `PushSubscription.toJSON()`. The hub pushes what no connection of the "
        "user has taken, if the type's policy has `push`, encrypted for this browser (RFC 8291): a message is a "
        "`PushMessage`. The same again is a renewal, and an endpoint that another user had registered is this user's "
        "from now on. A user has at most 10; the oldest goes.",
        security=USER,
        parameters=(_TOKEN,),
        body="PushSubscription",
        responses=(Response(204, "The browser is subscribed."),),
        failures=(*USER_FAILURES, *BODY_FAILURES, errors.PushOff, *STORE_FAILURES, errors.Internal),
    ),
    Operation(
        method="delete",
        path=routes.PUSH,
        id="unsubscribeFromPush",
        tag="Receive",
        summary="End a browser's subscription to Web Push",
        description="The response is the same where the user has no such subscription.",
        security=USER,
        parameters=(_TOKEN,),
        body="PushUnsubscribe",
        responses=(Response(204, "The user has no such subscription."),),
        failures=(*USER_FAILURES, *BODY_FAILURES, errors.PushOff, *STORE_FAILURES, errors.Internal),
    ),
)
