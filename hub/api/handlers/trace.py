"""`GET /api/internal/notifications/{id}`: what became of one notification."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler

from contracts.trace import Trace
from hub import routes
from hub.api.request import NO_STORE, AnyRequest, find_service
from hub.auth.service_keys import ServiceKeys
from hub.errors import BadRequest, NotFound
from hub.observe.tracer import Tracer

__all__ = ["make_trace_routes"]

_MAX_ID_LENGTH = 128


def make_trace_routes(tracer: Tracer, keys: ServiceKeys) -> list[HTTPRouteHandler]:
    """Return the handler that traces a notification for a service key with the right `observe`."""

    @get(routes.TRACE.replace("{id}", "{id:str}"), operation_id="traceNotification", response_headers=NO_STORE)
    async def trace(request: AnyRequest) -> Trace:
        service = find_service(request.scope["headers"], keys)
        service.require_operation("observe")
        notification_id = str(request.path_params["id"])
        if len(notification_id) > _MAX_ID_LENGTH or not (notification_id.isascii() and notification_id.isprintable()):
            raise NotFound
        cursors = request.query_params.getall("cursor", [])
        if len(cursors) > 1:
            raise BadRequest("There are two cursors", field="cursor")
        return await tracer.trace(notification_id, cursors[0] if cursors else None, service)

    return [trace]
