"""What every handler asks of a request before it looks at the content: who sends it, and how much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from litestar import Request

from hub.allowance import Share
from hub.api.media_type import check_json
from hub.auth.credentials import find_bearer
from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys
from hub.errors import BadRequest, BodyTooLarge, RequestTimeout, Unauthenticated
from hub.header_fields import find_single

__all__ = ["NO_STORE", "AnyRequest", "Headers", "Receive", "find_idempotency_key", "find_service", "read_json_body"]

AnyRequest: TypeAlias = Request[Any, Any, Any]
Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
Receive: TypeAlias = Callable[[], Awaitable[Mapping[str, Any]]]

#: The header of responses that hold for one moment, or for one caller.
NO_STORE = {"cache-control": "no-store"}


def find_service(headers: Headers, keys: ServiceKeys) -> ServiceGrant:
    """Return the grant of the service key in `Authorization: Bearer`; no other place is looked at.

    Raises:
        Unauthenticated: there is none.
        InvalidToken: it is not one of ours, or there are two.
    """
    key = find_bearer(headers)
    if key is None:
        raise Unauthenticated("A service key is required: Authorization: Bearer hubk_...")
    return keys.verify(key)


def find_idempotency_key(headers: Headers) -> str | None:
    """Return the `Idempotency-Key` header.

    Raises:
        BadRequest: there are two.
    """
    return find_single(
        headers,
        b"idempotency-key",
        refuse=lambda: BadRequest("There are two Idempotency-Key headers", field="Idempotency-Key"),
    )


async def read_json_body(
    headers: Headers, receive: Receive, *, limit_bytes: int, timeout_s: float, share: Share
) -> bytes:
    """Return the whole body, which says it is JSON.

    Raises:
        UnsupportedMediaType, UnsupportedContentEncoding: it says it is something else, or compressed.
        BodyTooLarge: it is longer than `limit_bytes`, or says so.
        Overloaded: it is more than its share may hold beside all others.
        RequestTimeout: it took longer than `timeout_s` to arrive.
        BadRequest: the peer left before it was complete.
    """
    check_json(headers)
    said = [value for name, value in headers if name == b"content-length"]
    if said and said[0].isdigit() and int(said[0]) > limit_bytes:
        raise BodyTooLarge(f"A body may have {limit_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    # Nobody reads the response.
                    raise BadRequest("The body ended early")
                part = message.get("body", b"")
                share.take(len(part))
                body += part
                if len(body) > limit_bytes:
                    raise BodyTooLarge(f"A body may have {limit_bytes} bytes")
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise RequestTimeout from None
