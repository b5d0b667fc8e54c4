"""`PUT /api/internal/relay`: what a relay of an outbox tells of itself, for the operators who watch the hub."""

from __future__ import annotations

import msgspec
from litestar import put
from litestar.handlers import HTTPRouteHandler

from contracts.relay import RelayReport
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.observe.relays import RelayBoard
from hub.publish.json_body import decode_body, strip_bom

__all__ = ["make_relay_routes"]

_decoder = msgspec.json.Decoder(RelayReport)


def make_relay_routes(
    board: RelayBoard, keys: ServiceKeys, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler that takes reports of services that may publish."""

    @put(routes.RELAY, status_code=204, operation_id="reportRelay", response_headers=NO_STORE)
    async def report(request: AnyRequest) -> None:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        service.require_operation("publish")
        with bodies.share() as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            board.take(decode_body(_decoder, strip_bom(body)), service)

    return [report]
