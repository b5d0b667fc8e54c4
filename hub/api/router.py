"""The routes of the framework, put together: everything but what clients receive by, which `hub.app` routes itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from litestar import Litestar
from prometheus_client import CollectorRegistry

from hub import routes
from hub.allowance import Allowance
from hub.api.figures import FigureBoard
from hub.api.handlers.ack import make_ack_routes
from hub.api.handlers.connections import make_connections_routes
from hub.api.handlers.console import make_console_routes
from hub.api.handlers.disconnect import make_disconnect_routes
from hub.api.handlers.explain import make_explain_routes
from hub.api.handlers.forget import make_forget_routes
from hub.api.handlers.front import make_front_routes
from hub.api.handlers.health import ReadinessCheck, make_health_routes
from hub.api.handlers.inbox import make_inbox_routes
from hub.api.handlers.metrics import make_metrics_routes
from hub.api.handlers.notify import make_notify_endpoints
from hub.api.handlers.observe import make_observe_routes
from hub.api.handlers.preferences import make_preferences_routes
from hub.api.handlers.push import make_push_routes
from hub.api.handlers.relay import make_relay_routes
from hub.api.handlers.schema import make_schema_routes
from hub.api.handlers.signal import make_signal_routes
from hub.api.handlers.stats import make_stats_routes
from hub.api.handlers.ticket import make_ticket_routes
from hub.api.handlers.trace import make_trace_routes
from hub.api.handlers.webhooks import make_webhook_routes
from hub.api.problems import Problems, make_exception_handlers
from hub.auth.opening import Auth
from hub.cluster.port import Cluster
from hub.delivery.opening import Delivery
from hub.direct import DirectHandler
from hub.inbox.forgetting import Forgetter
from hub.inbox.inboxes import Inboxes
from hub.log.port import Log
from hub.metrics import Metrics
from hub.observe.connection_board import ConnectionBoard
from hub.observe.explainer import Explainer
from hub.observe.relays import RelayBoard
from hub.observe.stats_board import StatsBoard
from hub.observe.tracer import Tracer
from hub.publish.publisher import Publisher
from hub.publish.registry import TypeRegistry
from hub.publish.signaller import Signaller
from hub.push.opening import Push
from hub.settings import Settings
from hub.webhooks.desk import WebhookDesk

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["Router", "make_router"]


class Router(NamedTuple):
    """The ASGI application of these routes, and by path what the edge may call past it."""

    http: Litestar
    direct: Mapping[str, DirectHandler]


def make_router(
    settings: Settings,
    *,
    auth: Auth,
    delivery: Delivery,
    push: Push | None,
    publisher: Publisher,
    explainer: Explainer,
    tracer: Tracer,
    connections: ConnectionBoard,
    signaller: Signaller,
    inboxes: Inboxes | None,
    desk: WebhookDesk,
    forgetter: Forgetter,
    types: TypeRegistry,
    bodies: Allowance,
    readiness: ReadinessCheck,
    cluster: Cluster,
    stats: StatsBoard,
    registry: CollectorRegistry,
    metrics: Metrics,
    tracing: Tracing | None = None,
    log: Log,
    now: Callable[[], float],
) -> Router:
    """Return the handlers of these routes; which ones there are depends on the settings."""
    keys, problems = auth.service_keys, Problems(metrics, log_refusal=auth.admission.log_refusal)
    user_bodies = Allowance(settings.bounds.all_user_bodies_bytes, each_bytes=settings.bounds.user_bodies_bytes)
    relays = RelayBoard(most=settings.bounds.relays, now=now)
    board = FigureBoard(
        metrics=metrics,
        subscribers=delivery.subscribers,
        progress=delivery.progress,
        log=log,
        readiness=readiness,
        relays=relays,
        cluster=cluster,
        now=now,
    )
    notify, notify_batch = make_notify_endpoints(
        publisher,
        keys,
        bodies,
        problems,
        max_body_bytes=settings.max_body_bytes,
        body_timeout_s=settings.bounds.body_timeout_s,
        tracing=tracing,
    )
    handlers = [
        notify.make_route(routes.NOTIFY),
        notify_batch.make_route(routes.NOTIFY_BATCH),
        *make_signal_routes(
            signaller,
            keys,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_explain_routes(
            explainer,
            keys,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_trace_routes(tracer, keys),
        *make_webhook_routes(desk, keys),
        *make_stats_routes(stats, cluster, keys),
        *make_disconnect_routes(
            delivery.disconnector,
            keys,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_forget_routes(
            forgetter,
            keys,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_observe_routes(
            delivery, board, keys, started_at_s=metrics.started_at_s, max_watchers=settings.bounds.watchers
        ),
        *make_connections_routes(
            connections,
            keys,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_ack_routes(
            delivery.connections,
            delivery.acknowledgements,
            user_bodies,
            max_body_bytes=settings.bounds.user_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_relay_routes(
            relays,
            keys,
            bodies,
            max_body_bytes=settings.bounds.user_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_inbox_routes(
            inboxes,
            auth.admission,
            bodies,
            max_body_bytes=settings.max_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_preferences_routes(
            delivery.preferences,
            auth.admission,
            user_bodies,
            max_body_bytes=settings.bounds.user_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_push_routes(
            push,
            auth.admission,
            keys,
            user_bodies,
            max_body_bytes=settings.bounds.user_body_bytes,
            body_timeout_s=settings.bounds.body_timeout_s,
        ),
        *make_ticket_routes(auth.admission, ttl_s=settings.ticket_ttl_s),
        *make_health_routes(readiness),
        *make_front_routes(has_schema=settings.schema_public, has_console=settings.console),
    ]
    if not settings.metrics_port:
        handlers += make_metrics_routes(registry, keys, key_digest=settings.metrics_key)
    if settings.console:
        handlers += make_console_routes()
    if settings.schema_public:
        handlers += make_schema_routes(types, version=version("notification-hub"), language=settings.language)
    http = Litestar(
        handlers, exception_handlers=make_exception_handlers(problems), openapi_config=None, logging_config=None
    )
    direct = {routes.NOTIFY: notify.begin, routes.NOTIFY_BATCH: notify_batch.begin}
    return Router(http, {f"{path}{slash}": begin for path, begin in direct.items() for slash in ("", "/")})
