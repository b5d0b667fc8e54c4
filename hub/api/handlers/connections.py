"""`POST /api/internal/connections`: the connections of one user, asked for by the exact id.

The id is in the body: what stands in a URL is written to logs.
"""

from __future__ import annotations

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler

from contracts.observation import MAX_FOUND, ConnectionsFound, ConnectionsRequest, UserConnection
from hub import routes
from hub.allowance import Allowance
from hub.api.request import NO_STORE, AnyRequest, find_service, read_json_body
from hub.auth.service_keys import ServiceKeys
from hub.cursor import Cursor
from hub.delivery.progress import Progress
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.log.port import Log
from hub.masking import mask_id
from hub.publish.json_body import decode_body, strip_bom
from hub.target import user_target
from hub.timestamp import format_time

__all__ = ["make_connections_routes"]

_decoder = msgspec.json.Decoder(ConnectionsRequest)


def make_connections_routes(
    subscribers: Subscribers,
    keys: ServiceKeys,
    bodies: Allowance,
    *,
    log: Log,
    progress: Progress,
    max_body_bytes: int,
    body_timeout_s: float,
) -> list[HTTPRouteHandler]:
    """Return the handler that describes one user's connections."""

    def find(asked: ConnectionsRequest) -> list[Subscriber]:
        if asked.account_id is not None:
            return subscribers.match([user_target(asked.account_id, asked.user_id)])
        return [each for each in subscribers.everyone() if each.user_id == asked.user_id]

    def describe(subscriber: Subscriber, *, shows_account: bool) -> UserConnection:
        return UserConnection(
            id=subscriber.id,
            account_id=subscriber.account_id if shows_account else mask_id(subscriber.account_id),
            role=subscriber.grant.role,
            transport=subscriber.transport,
            protocol="hub.v1" if subscriber.speaks_hub_v1 else "plain",
            state=subscriber.session.phase.value,
            cursor=str(Cursor(log.epoch, progress.place(subscriber))),
            waiting_bytes=max(0, subscriber.link.waiting_bytes),
            expires_at=format_time(subscriber.session.expires_at_s),
        )

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
        found = find(asked)
        shows_account = asked.account_id is not None or "observe_ids" in service.operations
        described = [describe(each, shows_account=shows_account) for each in found[:MAX_FOUND]]
        return ConnectionsFound(total=len(found), connections=described)

    return [find_connections]
