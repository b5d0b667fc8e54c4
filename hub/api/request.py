"""What every handler asks of a request before it looks at the content: who sends it, and how much."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, TypeAlias

from litestar import Request
from litestar.exceptions import HTTPException

from hub.auth.grant import ServiceGrant
from hub.auth.service_keys import ServiceKeys
from hub.errors import BadRequest, BodyTooLarge, InvalidToken, RequestTimeout, Unauthenticated, UnsupportedMediaType

__all__ = ["AnyRequest", "find_idempotency_key", "find_service", "read_json_body"]

AnyRequest: TypeAlias = Request[Any, Any, Any]

#: From the end of the headers to the end of the body.
BODY_TIMEOUT_S = 15.0


def find_service(request: AnyRequest, keys: ServiceKeys) -> ServiceGrant:
    """Return the grant of the service key in `Authorization: Bearer`; no other place is looked at.

    Raises:
        Unauthenticated: there is none.
        InvalidToken: it is not one of ours, or there are two.
    """
    values = [value for name, value in request.scope["headers"] if name == b"authorization"]
    if not values:
        raise Unauthenticated("A service key is required: Authorization: Bearer hubk_...")
    scheme, _, key = values[0].decode("latin-1").partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer":
        raise InvalidToken
    return keys.verify(key.strip())


def find_idempotency_key(request: AnyRequest) -> str | None:
    """Return the `Idempotency-Key` header.

    Raises:
        BadRequest: there are two.
    """
    values = [value for name, value in request.scope["headers"] if name == b"idempotency-key"]
    if len(values) > 1:
        raise BadRequest("There are two Idempotency-Key headers", field="Idempotency-Key")
    return values[0].decode("latin-1") if values else None


async def read_json_body(request: AnyRequest, *, limit_bytes: int) -> bytes:
    """Return the whole body, which says it is JSON.

    Raises:
        UnsupportedMediaType: it says it is something else; a form on a foreign page can send no JSON type.
        BodyTooLarge: it is longer than `limit_bytes`, or says so.
        RequestTimeout: it took too long to arrive.
    """
    kinds = [value for name, value in request.scope["headers"] if name == b"content-type"]
    if len(kinds) != 1 or not _is_json(kinds[0]):
        raise UnsupportedMediaType
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit_bytes:
        raise BodyTooLarge(f"A body may have {limit_bytes} bytes")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                body += part
                if len(body) > limit_bytes:
                    raise BodyTooLarge(f"A body may have {limit_bytes} bytes")
    except TimeoutError:
        raise RequestTimeout from None
    except HTTPException as error:
        # Litestar has a cap of its own, the batch's.
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise BodyTooLarge(f"A body may have {limit_bytes} bytes") from None
        # Its word for a peer that left before the body was complete; nobody reads the answer.
        raise BadRequest("The body ended early") from None
    return bytes(body)


def _is_json(kind: bytes) -> bool:
    name, _, parameters = kind.decode("latin-1").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    return name.strip() == "application/json" and charset in {"", "charset=utf-8"}
