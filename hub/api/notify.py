"""`POST /api/internal/notify` and `/notify/batch`: where a notification comes in."""

from __future__ import annotations

import msgspec
from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from hub.api.request import AnyRequest, find_idempotency_key, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.publisher import Publisher

__all__ = ["BATCH_BODY_FACTOR", "make_notify_routes"]

#: A batch may have this many times the bytes of one notification.
BATCH_BODY_FACTOR = 16

_encode = msgspec.json.Encoder().encode


def make_notify_routes(publisher: Publisher, keys: ServiceKeys, *, max_body_bytes: int) -> list[HTTPRouteHandler]:
    """Return the handlers that publish; each answers 202 only after the record is on disk."""

    @post("/api/internal/notify", status_code=202, operation_id="publishNotification")
    async def notify(request: AnyRequest) -> Response[bytes]:
        service = find_service(request, keys)
        key = find_idempotency_key(request)
        body = await read_json_body(request, limit_bytes=max_body_bytes)
        return _accepted(await publisher.publish(body, service, key))

    @post("/api/internal/notify/batch", status_code=202, operation_id="publishBatch")
    async def notify_batch(request: AnyRequest) -> Response[bytes]:
        service = find_service(request, keys)
        key = find_idempotency_key(request)
        body = await read_json_body(request, limit_bytes=max_body_bytes * BATCH_BODY_FACTOR)
        return _accepted(await publisher.publish_batch(body, service, key, max_item_bytes=max_body_bytes))

    return [notify, notify_batch]


def _accepted(receipt: msgspec.Struct) -> Response[bytes]:
    return Response(_encode(receipt), status_code=202, media_type="application/json")
