"""`POST /api/internal/forget`: erase what the hub has of a user."""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.receipt import ForgetReceipt
from contracts.request import ForgetRequest
from hub import routes
from hub.allowance import Allowance
from hub.api.request import AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.inbox.forgetting import Forgetter
from hub.publish.json_body import decode_body, strip_bom

__all__ = ["make_forget_routes"]

_decoder = msgspec.json.Decoder(ForgetRequest)


def make_forget_routes(
    forgetter: Forgetter, keys: ServiceKeys, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler by which an operator erases a user."""

    @post(routes.FORGET, status_code=200, operation_id="forgetUser")
    async def forget(request: AnyRequest) -> ForgetReceipt:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        service.require_operation("forget")
        with bodies.share() as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            asked = decode_body(_decoder, strip_bom(body))
        if asked.account_id is None:
            service.require_all_accounts()
        else:
            service.require_account(asked.account_id)
        return await forgetter.forget(asked)

    return [forget]
