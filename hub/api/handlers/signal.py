"""`POST /api/internal/signal`: a signal to who is connected now."""

from __future__ import annotations

from typing import Any, cast

from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.signal import SignalReceipt
from hub import routes
from hub.allowance import Allowance
from hub.api.problems import LOGGED
from hub.api.publish_log import PublishLog
from hub.api.request import AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.errors import HubError
from hub.publish.signaller import Signaller

__all__ = ["make_signal_routes"]


def make_signal_routes(
    signaller: Signaller, keys: ServiceKeys, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler that sends signals; it responds once they are handed over, and nothing is stored."""
    lines = PublishLog()

    @post(routes.SIGNAL, status_code=202, operation_id="sendSignal")
    async def send_signal(request: AnyRequest) -> SignalReceipt:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        try:
            with bodies.share() as share:
                body = await read_json_body(
                    headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
                )
                return await signaller.send(body, service)
        except HubError as error:
            lines.log_refusal(error, service.name)
            cast("dict[str, Any]", request.scope)[LOGGED] = True
            raise

    return [send_signal]
