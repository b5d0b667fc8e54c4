"""Every route of the hub, as the API document tells it; a test holds it against the routes that are served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.closing import CloseCode, may_return
from hub import errors, routes
from hub.errors import HubError

__all__ = ["OPERATIONS", "Answer", "Operation"]


class Answer(msgspec.Struct, frozen=True):
    """A good answer: `schema` is a component's name, or a schema of its own."""

    status: int
    description: str
    schema: str | Mapping[str, Any] | None = None
    media_type: str = "application/json"


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one route; `security` names the schemes of which one is needed, none for nobody."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    description: str
    security: tuple[str, ...] = ()
    parameters: tuple[Mapping[str, Any], ...] = ()
    body: str | None = None
    answers: tuple[Answer, ...]
    failures: tuple[type[HubError], ...] = ()


_SERVICE = ("serviceKey",)
_USER = ("userToken", "urlToken")

_SERVICE_FAILURES = (errors.Unauthenticated, errors.InvalidToken, errors.Forbidden)
_BODY_FAILURES = (
    errors.BadRequest,
    errors.InvalidJson,
    errors.TooDeep,
    errors.InvalidField,
    errors.RequestTimeout,
    errors.BodyTooLarge,
    errors.UnsupportedMediaType,
    errors.UnsupportedContentEncoding,
)
_PUBLISH_FAILURES = (
    errors.UnknownType,
    errors.ReservedType,
    errors.NoTarget,
    errors.ConflictingTargets,
    errors.UnknownTarget,
    errors.IdempotencyConflict,
)
_STORE_FAILURES = (errors.StorageUnavailable, errors.Overloaded)
_USER_FAILURES = (
    errors.Unauthenticated,
    errors.InvalidToken,
    errors.TokenExpired,
    errors.OriginNotAllowed,
    errors.UserNotAllowed,
    errors.AccountInactive,
    errors.DirectoryUnavailable,
    errors.KeysUnavailable,
    errors.TokenNotYetValid,
)
_PAGE_FAILURES = (
    errors.BadRequest,
    errors.InvalidCursor,
    *_USER_FAILURES,
    errors.Forbidden,
    errors.Draining,
    errors.StorageUnavailable,
)
_CONNECT_FAILURES = (
    errors.BadRequest,
    errors.InvalidCursor,
    *_USER_FAILURES,
    errors.Forbidden,
    errors.HubFull,
    errors.Draining,
)

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
    "cannot use is answered with a `gap` frame.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}
_LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The cursor, as `EventSource` sends it by itself when it comes back; it wins over `cursor`.",
    "schema": {"type": "string", "examples": ["k3v9q2m7xa-1z8"]},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Makes a repeat harmless: for 24 hours the same key with the same body gets the first receipt "
    "again, with `duplicate: true`. Each service has keys of its own; in a batch each notification's key is this and "
    "its index.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}

_CODES = "\n".join(
    f"- `{int(code)}` {code.name.lower().replace('_', ' ')}: {'come back' if may_return(code) else 'stop'}"
    for code in CloseCode
)
_STREAM_EXAMPLE = (
    "retry: 3000\n\n"
    'data: {"type":"connection_established","title":"Conectado","message":"Conexão estabelecida com o hub de '
    'notificações","data":{"connectionId":"pVb2yS0lq9xw","resume":"live","cursor":"k3v9q2m7xa-1z7",'
    '"heartbeatSeconds":30},"timestamp":"2026-11-22T14:03:05.001Z"}\n\n'
    "id: k3v9q2m7xa-1z8\n"
    'data: {"type":"cart_updated","title":"Carrinho atualizado","message":"Seu carrinho tem 2 itens.",'
    '"timestamp":"2026-11-22T14:03:07.125Z","id":"0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77","cursor":"k3v9q2m7xa-1z8"}\n\n'
)
_OBJECT = {"type": "object", "additionalProperties": True}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="post",
        path=routes.NOTIFY,
        id="publishNotification",
        tag="Publish",
        summary="Publish one notification",
        description="Answers 202 once the notification is on disk; delivery no longer depends on the caller. Fields of "
        "`data` the type does not name are passed on as they came. So are those of another shape than the type "
        "declares, which the receipt names in `warnings`; a type that is declared strict refuses them with 400. Give "
        "at least one target: `user_id`, `user_ids`, `account_id` or `everyone`.",
        security=_SERVICE,
        parameters=(_IDEMPOTENCY_KEY,),
        body="PublishRequest",
        answers=(Answer(202, "The notification is stored and on its way.", "Receipt"),),
        failures=(
            *_SERVICE_FAILURES,
            *_BODY_FAILURES,
            *_PUBLISH_FAILURES,
            *_STORE_FAILURES,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
    Operation(
        method="post",
        path=routes.NOTIFY_BATCH,
        id="publishBatch",
        tag="Publish",
        summary="Publish up to 1,000 notifications",
        description="All that can be taken are stored in one transaction, in order. One that cannot be taken gets its "
        "own problem and spoils no other.",
        security=_SERVICE,
        parameters=(_IDEMPOTENCY_KEY,),
        body="BatchRequest",
        answers=(Answer(202, "A receipt or a problem for each notification.", "BatchReceipt"),),
        failures=(
            *_SERVICE_FAILURES,
            *_BODY_FAILURES,
            *_STORE_FAILURES,
            errors.DirectoryUnavailable,
            errors.Internal,
        ),
    ),
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
        f"Close codes, to be answered with the last cursor:\n{_CODES}",
        security=_USER,
        parameters=(_TOKEN, _CURSOR),
        answers=(Answer(101, "The connection is a WebSocket from here on."),),
        failures=(*_CONNECT_FAILURES, errors.UpgradeRequired),
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
        security=_USER,
        parameters=(_TOKEN, _CURSOR, _LAST_EVENT_ID),
        answers=(Answer(200, "The stream.", {"type": "string", "examples": [_STREAM_EXAMPLE]}, "text/event-stream"),),
        failures=_CONNECT_FAILURES,
    ),
    Operation(
        method="get",
        path=routes.POLL,
        id="pollFrames",
        tag="Receive",
        summary="Fetch frames, where nothing can be kept open",
        description="The last resort. Answers at once with what was addressed to the user since the cursor, each frame "
        "byte for byte what a connection carries, and the cursor for the next request. At most 200 frames or 1 MiB: "
        "after an answer with frames ask again at once, after an empty one wait. Without a cursor only the log's head "
        "comes; with one the hub cannot use, a `gap` frame.",
        security=_USER,
        parameters=(_TOKEN, _CURSOR, _LAST_EVENT_ID),
        answers=(Answer(200, "What was missed, in order.", "Page"),),
        failures=_PAGE_FAILURES,
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
        answers=(Answer(201, "The ticket.", "Ticket"),),
        failures=(*_USER_FAILURES, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.STATS,
        id="readStats",
        tag="Operate",
        summary="Count connections, users and totals",
        description="The numbers are exact. A key bound to some accounts sees only those under `connectionsByAccount`.",
        security=_SERVICE,
        answers=(Answer(200, "The numbers at this moment.", "Stats"),),
        failures=(*_SERVICE_FAILURES, errors.Internal),
    ),
    Operation(
        method="post",
        path=routes.DISCONNECT,
        id="disconnect",
        tag="Operate",
        summary="Close somebody's connections",
        description="Closes the connections of a user, an account or one token with code 4502. With `revoke` the "
        "tokens issued until now are refused until they expire; that is on disk before the answer.",
        security=_SERVICE,
        body="DisconnectRequest",
        answers=(Answer(200, "How many connections were closed.", "DisconnectReceipt"),),
        failures=(
            *_SERVICE_FAILURES,
            *_BODY_FAILURES,
            errors.NoTarget,
            errors.ConflictingTargets,
            *_STORE_FAILURES,
            errors.Internal,
        ),
    ),
    Operation(
        method="get",
        path=routes.LIVE,
        id="checkLive",
        tag="Operate",
        summary="Ask whether the process answers",
        description="Never looks at anything else, so that a full disk restarts nothing.",
        answers=(Answer(200, "It answers.", "Liveness"),),
        failures=(errors.Internal,),
    ),
    Operation(
        method="get",
        path=routes.READY,
        id="checkReady",
        tag="Operate",
        summary="Ask whether new work is welcome",
        description="Not ready: the log cannot be written, the dispatcher stopped, or the hub is draining.",
        answers=(
            Answer(200, "Work is welcome.", "Readiness"),
            Answer(503, "Send work elsewhere; each part says how it is.", "Readiness"),
        ),
        # A 500 is not told here: a second form of failure beside the 503 is more than Rust's progenitor can read.
    ),
    Operation(
        method="get",
        path=routes.METRICS,
        id="readMetrics",
        tag="Operate",
        summary="Read the metrics",
        description="Prometheus text. Not here where `HUB_METRICS_PORT` gives the metrics a port of their own.",
        security=_SERVICE,
        answers=(Answer(200, "The metrics.", {"type": "string"}, "text/plain"),),
        failures=(*_SERVICE_FAILURES, errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.FRONT,
        id="showHub",
        tag="Describe",
        summary="See what this is",
        description="A small page with links to this document and to the state.",
        answers=(Answer(200, "The page.", {"type": "string"}, "text/html"),),
        failures=(errors.Internal,),
    ),
    Operation(
        method="get",
        path=routes.SCHEMA,
        id="showSchema",
        tag="Describe",
        summary="Read this document as a page",
        description="One page that loads nothing from elsewhere. Not here where `HUB_SCHEMA` is off.",
        answers=(Answer(200, "The page.", {"type": "string"}, "text/html"),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.OPENAPI,
        id="readOpenApi",
        tag="Describe",
        summary="Read this document",
        description="OpenAPI 3.1, with the company's own notification types.",
        answers=(Answer(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.OPENAPI_30,
        id="readOpenApi30",
        tag="Describe",
        summary="Read this document as OpenAPI 3.0",
        description="For generators that read no later version, or read it better: OpenAPI 3.0.3, the same otherwise.",
        answers=(Answer(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.ASYNCAPI,
        id="readAsyncApi",
        tag="Describe",
        summary="Read what goes over the connections",
        description="AsyncAPI 3: `/ws`, `/sse` and `/poll`, the frames, `auth` and the close codes.",
        answers=(Answer(200, "The document.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
    Operation(
        method="get",
        path=routes.FRAMES_SCHEMA,
        id="readFramesSchema",
        tag="Describe",
        summary="Read the JSON Schema of the frames",
        description="Everything a connection carries, over either transport.",
        answers=(Answer(200, "The schema.", _OBJECT),),
        failures=(errors.NotFound, errors.Internal),
    ),
)
