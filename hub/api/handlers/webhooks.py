"""`/api/internal/webhooks`: the webhooks that wait and the dead letters, and sending one of them again."""

from __future__ import annotations

from litestar import get, post
from litestar.handlers import HTTPRouteHandler

from contracts.webhook import WebhookPage, WebhookRepeated
from hub import routes
from hub.api.request import NO_STORE, AnyRequest, find_service
from hub.auth.service_keys import ServiceKeys
from hub.errors import BadRequest, NotFound
from hub.observe.webhook_view import view_webhook
from hub.webhooks.desk import WebhookDesk

__all__ = ["make_webhook_routes"]

_MAX_ID_LENGTH = 64
_MAX_LIMIT = 1_000


def make_webhook_routes(desk: WebhookDesk, keys: ServiceKeys) -> list[HTTPRouteHandler]:
    """Return the handlers by which an operator sees webhooks (`observe`), and has them sent again (`webhooks`)."""

    @get(routes.WEBHOOKS, operation_id="listWebhooks", response_headers=NO_STORE)
    async def list_webhooks(request: AnyRequest) -> WebhookPage:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("observe")
        service.require_all_accounts()
        state = _find_single(request, "state")
        state = "waiting" if state is None else state
        if state not in {"waiting", "dead"}:
            raise BadRequest("A state is `waiting` or `dead`", field="state")
        limit_text = _find_single(request, "limit") or "100"
        if not (limit_text.isascii() and limit_text.isdigit() and 1 <= int(limit_text[:9]) <= _MAX_LIMIT):
            raise BadRequest(f"A limit is a number from 1 to {_MAX_LIMIT}", field="limit")
        named = _find_single(request, "service")
        services = await desk.list_services() if named is None else [named]
        list_state = desk.list_waiting if state == "waiting" else desk.list_dead
        found, more = await list_state(services, limit=int(limit_text))
        return WebhookPage(webhooks=[view_webhook(webhook, service) for webhook in found], more=more)

    @post(
        routes.WEBHOOK_REPEAT.replace("{id}", "{id:str}"),
        status_code=202,
        operation_id="repeatWebhook",
        response_headers=NO_STORE,
    )
    async def repeat_webhook(request: AnyRequest) -> WebhookRepeated:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("webhooks")
        service.require_all_accounts()
        webhook_id = str(request.path_params["id"])
        webhook = await desk.find(webhook_id) if len(webhook_id) <= _MAX_ID_LENGTH and webhook_id.isascii() else None
        if webhook is None:
            raise NotFound("There is no such webhook")
        repeated = await desk.repeat(webhook)
        return WebhookRepeated(id=repeated.id, state=repeated.state)

    return [list_webhooks, repeat_webhook]


def _find_single(request: AnyRequest, name: str) -> str | None:
    values: list[str] = request.query_params.getall(name, [])
    if len(values) > 1:
        raise BadRequest(f"There are two of `{name}`", field=name)
    return values[0] if values else None
