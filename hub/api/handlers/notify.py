"""`POST /api/internal/notify` and `/notify/batch`: where a notification comes in.

The edge calls them with whole requests, past ASGI, whose tasks and messages would cost a publish as much as all the
rest of it. What they leave to it, and everything under another server, comes to a plain ASGI handler, which reads the
request from its scope. The framework routes that, allows origins and turns what it raises into problems.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import msgspec
from litestar import asgi
from litestar.handlers import ASGIRouteHandler

from contracts.receipt import BatchReceipt, Receipt
from hub.allowance import Allowance, Share
from hub.api.media_type import check_json
from hub.api.problems import LOGGED, Problems
from hub.api.publish_log import PublishLog
from hub.api.request import Receive, find_idempotency_key, find_service, read_json_body
from hub.asgi import Message, Send
from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys
from hub.direct import Pending, Response
from hub.errors import HubError, MethodNotAllowed
from hub.header_fields import Headers
from hub.publish.publisher import Publisher
from hub.transports.response import respond

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["NotifyEndpoint", "make_notify_endpoints"]

#: What the publisher returns.
R = TypeVar("R", bound=msgspec.Struct)

Scope: TypeAlias = MutableMapping[str, Any]
Handler: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

#: A batch may have this many times the bytes of one notification.
BATCH_BODY_FACTOR = 16

_encode = msgspec.json.Encoder().encode


class NotifyEndpoint(Generic[R]):
    """One of the two paths: as a handler that the edge calls past ASGI, and as a route, which answers everything.

    `publish` and `begin_publish` are the publisher's; `log_receipt` logs what an operator should read of a receipt.
    `bodies` is what all requests may hold from their first byte to their response. `tracing`: makes a span of each
    publish, if there is one; then the route alone responds.
    """

    def __init__(
        self,
        publish: Callable[[bytes, ServiceGrant, str | None], Awaitable[R]],
        begin_publish: Callable[[bytes, ServiceGrant, str | None], Pending[R] | None],
        *,
        keys: ServiceKeys,
        bodies: Allowance,
        problems: Problems,
        lines: PublishLog,
        log_receipt: Callable[[R, str], None],
        limit_bytes: int,
        body_timeout_s: float,
        tracing: Tracing | None,
    ) -> None:
        self._publish = publish
        self._begin_publish = begin_publish
        self._keys = keys
        self._bodies = bodies
        self._problems = problems
        self._lines = lines
        self._log_receipt = log_receipt
        self._limit_bytes = limit_bytes
        self._body_timeout_s = body_timeout_s
        self._tracing = tracing

    def begin(self, headers: Headers, body: bytes) -> Pending[Response] | None:
        """Begin to publish the body of a whole `POST`; None where the route has to respond: nothing was begun then.

        It takes what is stored, and leaves to the route what is refused before, what a web page sent, and what has to
        be looked up first.
        """
        if self._tracing is not None or len(body) > self._limit_bytes or b"origin" in dict(headers):
            return None
        share, pending = self._bodies.share(), None
        try:
            service, key = find_service(headers, self._keys), find_idempotency_key(headers)
            check_json(headers)
            share.take(len(body))
            pending = self._begin_publish(body, service, key)
            return None if pending is None else Pending(pending.outcome, partial(self._finish, pending, service, share))
        except HubError:
            return None
        finally:
            if pending is None:
                share.release()

    def make_route(self, path: str) -> ASGIRouteHandler:
        """Return the handler for the framework; it answers 202 only after what came is on disk."""

        async def notify(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "POST":
                await _respond_other_method(scope["method"], send)
                return
            headers = scope["headers"]
            service = find_service(headers, self._keys)
            try:
                with self._bodies.share() as share:
                    key = find_idempotency_key(headers)
                    body = await read_json_body(
                        headers, receive, limit_bytes=self._limit_bytes, timeout_s=self._body_timeout_s, share=share
                    )
                    receipt = await self._publish(body, service, key)
            except HubError as error:
                self._lines.log_refusal(error, service.name)
                scope[LOGGED] = True
                raise
            await respond(send, *self._accept(receipt, service))

        return asgi(path, copy_scope=False)(notify if self._tracing is None else _trace(notify, self._tracing))

    def _finish(self, pending: Pending[R], service: ServiceGrant, share: Share) -> Response:
        with share:
            try:
                return self._accept(pending.finish(), service)
            except HubError as error:
                self._lines.log_refusal(error, service.name)
                return self._problems.write(error, is_logged=True)
            except Exception as error:
                return self._problems.write(error)

    def _accept(self, receipt: R, service: ServiceGrant) -> Response:
        self._log_receipt(receipt, service.name)
        return Response(202, [(b"content-type", b"application/json")], _encode(receipt))


def make_notify_endpoints(
    publisher: Publisher,
    keys: ServiceKeys,
    bodies: Allowance,
    problems: Problems,
    *,
    max_body_bytes: int,
    body_timeout_s: float,
    tracing: Tracing | None = None,
) -> tuple[NotifyEndpoint[Receipt], NotifyEndpoint[BatchReceipt]]:
    """Return the endpoints for one notification and for a batch of them."""
    lines = PublishLog()
    shared: dict[str, Any] = {
        "keys": keys,
        "bodies": bodies,
        "problems": problems,
        "lines": lines,
        "body_timeout_s": body_timeout_s,
        "tracing": tracing,
    }
    return (
        NotifyEndpoint(
            publisher.publish, publisher.begin, log_receipt=lines.log_receipt, limit_bytes=max_body_bytes, **shared
        ),
        NotifyEndpoint(
            partial(publisher.publish_batch, max_item_bytes=max_body_bytes),
            partial(publisher.begin_batch, max_item_bytes=max_body_bytes),
            log_receipt=lines.log_batch,
            limit_bytes=max_body_bytes * BATCH_BODY_FACTOR,
            **shared,
        ),
    )


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
