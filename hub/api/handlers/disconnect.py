"""`POST /api/internal/disconnect`: close somebody's connections and, if asked, refuse their tokens."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.receipt import DisconnectReceipt
from hub import routes
from hub.allowance import Allowance
from hub.api.disconnect_body import parse_disconnect
from hub.api.request import AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.delivery.disconnect import Disconnector

__all__ = ["make_disconnect_routes"]


def make_disconnect_routes(
    disconnector: Disconnector, keys: ServiceKeys, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler by which an operator closes connections."""

    @post(routes.DISCONNECT, status_code=200, operation_id="disconnect")
    async def disconnect(request: AnyRequest) -> DisconnectReceipt:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        service.require_operation("disconnect")
        with bodies.share() as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            asked = parse_disconnect(body)
        if asked.account_id is not None:
            service.require_account(asked.account_id)
        else:
            service.require_all_accounts()
        return await disconnector.disconnect(asked)

    return [disconnect]
