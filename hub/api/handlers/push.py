"""`/api/push`: the browsers in which a user wants to be told while no page is open; and its figures, for operators."""

from __future__ import annotations

import msgspec
from litestar import delete, get, put
from litestar.handlers import HTTPRouteHandler

from contracts.push import PushFigures, PushKey, PushSubscription, PushUnsubscribe
from hub import routes
from hub.allowance import Allowance
from hub.api.options import make_options_route
from hub.api.request import NO_STORE, AnyRequest, find_service, read_json_body
from hub.auth.admission import Admission
from hub.auth.grant import Grant
from hub.auth.service_keys import ServiceKeys
from hub.errors import PushOff
from hub.publish.json_body import decode_body, strip_bom
from hub.push.opening import Push
from hub.target import user_target

__all__ = ["make_push_routes"]

_subscription = msgspec.json.Decoder(PushSubscription)
_unsubscribe = msgspec.json.Decoder(PushUnsubscribe)


def make_push_routes(
    push: Push | None,
    admission: Admission,
    keys: ServiceKeys,
    bodies: Allowance,
    *,
    max_body_bytes: int,
    body_timeout_s: float,
) -> list[HTTPRouteHandler]:
    """Return the handlers by which a browser subscribes and unsubscribes; without `push` they say that it is off."""

    async def admit(request: AnyRequest) -> tuple[Push, Grant]:
        grant = await admission.admit(request.scope["headers"], request.scope["query_string"])
        if push is None:
            raise PushOff
        return push, grant

    async def read(request: AnyRequest, grant: Grant) -> bytes:
        with bodies.share(user_target(grant.account_id, grant.user_id)) as share:
            body = await read_json_body(
                request.scope["headers"],
                request.receive,
                limit_bytes=max_body_bytes,
                timeout_s=body_timeout_s,
                share=share,
            )
        return strip_bom(body)

    @get(routes.PUSH, operation_id="getPushKey", response_headers=NO_STORE)
    async def show(request: AnyRequest) -> PushKey:
        running, _ = await admit(request)
        return running.key

    @put(routes.PUSH, status_code=204, operation_id="subscribeToPush")
    async def subscribe(request: AnyRequest) -> None:
        running, grant = await admit(request)
        await running.subscriptions.put(decode_body(_subscription, await read(request, grant)), grant)

    @delete(routes.PUSH, status_code=204, operation_id="unsubscribeFromPush")
    async def unsubscribe(request: AnyRequest) -> None:
        running, grant = await admit(request)
        ended = decode_body(_unsubscribe, await read(request, grant))
        await running.subscriptions.remove_endpoint(ended.endpoint, grant)

    @get(routes.PUSH_FIGURES, operation_id="getPushFigures", response_headers=NO_STORE)
    async def figures(request: AnyRequest) -> PushFigures:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("observe")
        service.require_all_accounts()
        if push is None:
            raise PushOff
        return push.collect()

    options = make_options_route(routes.PUSH, "DELETE", "GET", "HEAD", "PUT")
    return [options, show, subscribe, unsubscribe, figures]
