"""`POST /api/internal/connections`: the connections of one user, asked for by the exact id.

The id is in the body: what stands in a URL is written to logs.
"""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from msgspec import UNSET

from contracts.observation import ConnectionsFound, ConnectionsRequest
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.masking import mask_id
from hub.observe.connection_board import ConnectionBoard
from hub.publish.json_body import decode_body, strip_bom

__all__ = ["make_connections_routes"]

_decoder = msgspec.json.Decoder(ConnectionsRequest)


def make_connections_routes(
    board: ConnectionBoard,
    keys: ServiceKeys,
    bodies: Allowance,
    *,
    max_body_bytes: int,
    body_timeout_s: float,
) -> list[HTTPRouteHandler]:
    """Return the handler that describes one user's connections."""

    @post(routes.CONNECTIONS, status_code=200, operation_id="findConnections", response_headers=NO_STORE)
    async def find_connections(request: AnyRequest) -> ConnectionsFound:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        service.require_operation("observe")
        with bodies.share() as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            asked = decode_body(_decoder, strip_bom(body))
        if asked.account_id is not None:
            service.require_account(asked.account_id)
        else:
            service.require_all_accounts()
        found, nodes = await board.find_everywhere(asked.user_id, asked.account_id)
        if asked.account_id is None and "observe_ids" not in service.operations:
            for each in found.connections:
                each.account_id = mask_id(each.account_id)
        return ConnectionsFound(
            total=found.total, connections=found.connections, nodes=UNSET if nodes is None else nodes
        )

    return [find_connections]
