"""`POST /api/internal/notify` and `/notify/batch`: where a notification comes in.

Both are plain ASGI handlers: they read the request from its scope and send the response themselves. The framework
routes them, allows origins and turns what they raise into problems; its requests, responses and signature models
would cost a publish nearly as much as all the rest of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from hub import routes
from hub.allowance import Allowance, Share
from hub.api.problems import LOGGED
from hub.api.publish_log import PublishLog
from hub.api.request import Receive, find_idempotency_key, find_service, read_json_body
from hub.asgi import Message, Send
from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys
from hub.errors import HubError, MethodNotAllowed
from hub.publish.publisher import Publisher
from hub.transports.response import respond

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["make_notify_routes"]

Scope: TypeAlias = MutableMapping[str, Any]
Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: A batch may have this many times the bytes of one notification.
BATCH_BODY_FACTOR = 16

_encode = msgspec.json.Encoder().encode


def make_notify_routes(
    publisher: Publisher,
    keys: ServiceKeys,
    bodies: Allowance,
    *,
    max_body_bytes: int,
    body_timeout_s: float,
    tracing: Tracing | None = None,
) -> list[ASGIRouteHandler]:
    """Return the handlers that publish; each answers 202 only after the record is on disk.

    `bodies` is what all requests may hold from their first byte to their response. `tracing`: makes a span of each
    publish, if there is one.
    """

    lines = PublishLog()

    async def read(scope: Scope, receive: Receive, limit_bytes: int, share: Share) -> tuple[bytes, str | None]:
        headers = scope["headers"]
        key = find_idempotency_key(headers)
        body = await read_json_body(headers, receive, limit_bytes=limit_bytes, timeout_s=body_timeout_s, share=share)
        return body, key

    def log_refusal(scope: Scope, error: HubError, service: ServiceGrant) -> None:
        lines.log_refusal(error, service.name)
        scope[LOGGED] = True

    async def notify(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _respond_other_method(scope["method"], send)
            return
        service = find_service(scope["headers"], keys)
        try:
            with bodies.share() as share:
                body, key = await read(scope, receive, max_body_bytes, share)
                receipt = await publisher.publish(body, service, key)
        except HubError as error:
            log_refusal(scope, error, service)
            raise
        if receipt.warnings:
            lines.log_receipts([receipt], service.name)
        await _accept(send, receipt)

    async def notify_batch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await _respond_other_method(scope["method"], send)
            return
        service = find_service(scope["headers"], keys)
        try:
            with bodies.share() as share:
                body, key = await read(scope, receive, max_body_bytes * BATCH_BODY_FACTOR, share)
                receipt = await publisher.publish_batch(body, service, key, max_item_bytes=max_body_bytes)
        except HubError as error:
            log_refusal(scope, error, service)
            raise
        lines.log_results(receipt.results, service.name)
        await _accept(send, receipt)

    return [
        asgi(path, copy_scope=False)(handler if tracing is None else _trace(handler, tracing))
        for path, handler in ((routes.NOTIFY, notify), (routes.NOTIFY_BATCH, notify_batch))
    ]


def _trace(handler: Handler, tracing: Tracing) -> Handler:
    """Return the handler with a span around each publish, whose response names it."""

    async def traced(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            await handler(scope, receive, send)
            return
        with tracing.trace_publish(scope["headers"]) as traceresponse:

            async def send_traced(message: Message) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], (b"traceresponse", traceresponse)]
                await send(message)

            await handler(scope, receive, send_traced)

    return traced


async def _respond_other_method(method: str, send: Send) -> None:
    # A plain ASGI handler is given every method.
    if method != "OPTIONS":
        raise MethodNotAllowed(allow=("OPTIONS", "POST"))
    await respond(send, 204, [(b"allow", b"OPTIONS, POST")], b"")


async def _accept(send: Send, receipt: msgspec.Struct) -> None:
    await respond(send, 202, [(b"content-type", b"application/json")], _encode(receipt))
