"""`POST /api/internal/explain`: what a publish would do, without doing it."""

from __future__ import annotations

from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.explanation import Explanation
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, find_idempotency_key, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.observe.explainer import Explainer

__all__ = ["make_explain_routes"]


def make_explain_routes(
    explainer: Explainer, keys: ServiceKeys, bodies: Allowance, *, max_body_bytes: int, body_timeout_s: float
) -> list[HTTPRouteHandler]:
    """Return the handler that explains a publish to a service key with the right `observe`."""

    @post(routes.EXPLAIN, status_code=200, operation_id="explainNotification", response_headers=NO_STORE)
    async def explain(request: AnyRequest) -> Explanation:
        headers = request.scope["headers"]
        service = find_service(headers, keys)
        service.require_operation("observe")
        key = find_idempotency_key(headers)
        with bodies.share() as share:
            body = await read_json_body(
                headers, request.receive, limit_bytes=max_body_bytes, timeout_s=body_timeout_s, share=share
            )
            return await explainer.explain(body, service, key)

    return [explain]
