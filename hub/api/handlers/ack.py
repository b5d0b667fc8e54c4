"""`POST /api/ack`: a user's client has got everything up to a cursor; for transports that carry nothing to the hub."""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.request import AckRequest
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, read_json_body
from hub.cursor import parse_cursor
from hub.delivery.acknowledgements import Acknowledgements
from hub.delivery.connections import Connections
from hub.errors import InvalidCursor
from hub.publish.json_body import decode_body, strip_bom
from hub.target import user_target

__all__ = ["make_ack_routes"]

_decoder = msgspec.json.Decoder(AckRequest)


def make_ack_routes(
    connections: Connections,
    acknowledgements: Acknowledgements,
    bodies: Allowance,
    *,
    max_body_bytes: int,
    body_timeout_s: float,
) -> list[HTTPRouteHandler]:
    """Return the handler by which a user's client acknowledges."""

    @post(routes.ACK, status_code=204, operation_id="acknowledge", response_headers=NO_STORE)
    async def acknowledge(request: AnyRequest) -> None:
        headers = request.scope["headers"]
        grant = await connections.admit(headers, request.scope["query_string"])
        user = user_target(grant.account_id, grant.user_id)
        with bodies.share(user) as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            asked = decode_body(_decoder, strip_bom(body))
        cursor = parse_cursor(asked.cursor)
        if cursor is None:
            raise InvalidCursor(field="$.cursor")
        acknowledgements.acknowledge_all(user, cursor)

    return [acknowledge]
