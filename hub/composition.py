"""The composition root: every room put together, opened in order and closed in reverse."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from litestar import Litestar
from litestar.config.cors import CORSConfig

from contracts.health import Readiness
from hub.allowance import Allowance
from hub.api.handlers.disconnect import make_disconnect_routes
from hub.api.handlers.front import make_front_routes
from hub.api.handlers.health import make_health_routes
from hub.api.handlers.metrics import MetricsApp, make_metrics_routes
from hub.api.handlers.notify import make_notify_routes
from hub.api.handlers.schema import make_schema_routes
from hub.api.handlers.stats import make_stats_routes
from hub.api.handlers.ticket import make_ticket_routes
from hub.api.problems import make_exception_handlers
from hub.api.prometheus import make_registry
from hub.auth.admission import Admission
from hub.auth.revocations import Revocations
from hub.auth.service_keys import read_service_keys
from hub.auth.tickets import Tickets
from hub.auth.tokens import make_verifier
from hub.delivery.connections import Connections
from hub.delivery.opening import open_delivery
from hub.delivery.subscribers import Subscribers
from hub.directory import open_directory
from hub.directory.probe import DirectoryProbe
from hub.edge import fanout
from hub.edge.side_door import serve_beside
from hub.language import TEXTS
from hub.log.engine import open_log
from hub.log.port import Log
from hub.metrics import Metrics
from hub.publish.publisher import Publisher
from hub.publish.registry import load_type_registry
from hub.settings import Settings
from hub.tasks import Tasks
from hub.transports.poll import PollEndpoint
from hub.transports.sse import EventStreamEndpoint
from hub.transports.websocket import WebSocketEndpoint

__all__ = ["Hub", "open_hub"]

logger = logging.getLogger("hub.app")

DAY_S = 86_400


class Hub:
    """The rooms of one running hub, for those who need more than its ASGI face."""

    def __init__(
        self,
        *,
        http: Litestar,
        websocket: WebSocketEndpoint,
        events: EventStreamEndpoint,
        poll: PollEndpoint,
        connections: Connections,
        subscribers: Subscribers,
        metrics: Metrics,
        log: Log,
        bodies: Allowance,
        is_alive: Callable[[], bool],
    ) -> None:
        self.http = http
        self.websocket = websocket
        self.events = events
        self.poll = poll
        self.connections = connections
        self.subscribers = subscribers
        self.metrics = metrics
        self.log = log
        #: What requests hold of their bodies.
        self.bodies = bodies
        #: False once the dispatcher or the clock has ended, which only a fault of ours makes them do.
        self.is_alive = is_alive


@contextlib.asynccontextmanager
async def open_hub(settings: Settings, *, now: Callable[[], float] = time.time) -> AsyncIterator[Hub]:
    """Open every room, run the dispatcher and the clock, and close all in reverse order.

    Raises:
        SettingsError: a setting cannot be used.
        StorageUnavailable: the log cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        types = load_type_registry(settings.contracts)
        keys = read_service_keys(settings)
        verifier = make_verifier(settings)
        stack.push_async_callback(verifier.close)
        verifier.begin(now())
        directory = open_directory(settings, now=now)
        stack.push_async_callback(directory.close)
        log = await open_log(settings, now=now)
        stack.push_async_callback(log.close)

        metrics = Metrics(started_at_s=now())
        revocations = Revocations(max_lifetime_s=settings.jwt_max_lifetime_s, leeway_s=settings.jwt_leeway_s)
        origins = frozenset(settings.allowed_origins)
        admission = Admission(
            verifier=verifier,
            tickets=Tickets(ttl_s=settings.ticket_ttl_s),
            revocations=revocations,
            directory=directory,
            allowed_origins=origins,
            now=now,
        )
        delivery = await open_delivery(
            settings,
            log=log,
            directory=directory,
            admission=admission,
            revocations=revocations,
            sockets=fanout,
            metrics=metrics,
            now=now,
        )
        subscribers, connections = delivery.subscribers, delivery.connections
        probe = DirectoryProbe(directory)
        if directory.trusts_claims:
            logger.warning(
                "HUB_DIRECTORY_URL is not set, or off: what a token claims is trusted, and whoever is suspended or"
                " deactivated stays until the token expires or POST /api/internal/disconnect ends it"
            )
        tasks = Tasks()
        delivery.start(tasks)
        tasks.start("directory probe", probe.run())
        stack.push_async_callback(tasks.stop)
        stack.push_async_callback(delivery.catch_up.close)

        def is_alive() -> bool:
            return tasks.is_running("dispatcher", "heartbeat")

        def check() -> Readiness:
            alive = is_alive()
            return Readiness(
                ready=alive and log.writable and probe.answered and not connections.draining,
                draining=connections.draining,
                log="writable" if log.writable else "unavailable",
                dispatcher="running" if alive else "stopped",
                directory=probe.state,
            )

        registry = make_registry(
            metrics,
            subscribers,
            log,
            version=version("notification-hub"),
            lag=lambda: log.head - delivery.progress.position,
            is_directory_up=lambda: probe.state == "up",
        )
        bodies = Allowance(settings.body_budget_bytes)
        routes = [
            *make_notify_routes(
                Publisher(
                    registry=types,
                    directory=directory,
                    log=log,
                    subscribers=subscribers,
                    metrics=metrics,
                    retention_s=settings.retention_days * DAY_S,
                    checks_targets=settings.directory_targets,
                    now=now,
                ),
                keys,
                bodies,
                max_body_bytes=settings.max_body_bytes,
            ),
            *make_stats_routes(subscribers, metrics, keys, now=now),
            *make_disconnect_routes(delivery.disconnector, keys, bodies, max_body_bytes=settings.max_body_bytes),
            *make_ticket_routes(admission, ttl_s=settings.ticket_ttl_s),
            *make_health_routes(check),
            *make_front_routes(has_schema=settings.schema_public),
        ]
        if settings.metrics_port:
            await stack.enter_async_context(serve_beside(MetricsApp(registry), settings))
        else:
            routes += make_metrics_routes(registry, keys, key_digest=settings.metrics_key)
        if settings.schema_public:
            routes += make_schema_routes(types, version=version("notification-hub"), language=settings.language)
        yield Hub(
            http=Litestar(
                routes,
                exception_handlers=make_exception_handlers(metrics, tell_refusal=admission.tell_refusal),
                openapi_config=None,
                logging_config=None,
                cors_config=CORSConfig(
                    allow_origins=list(settings.allowed_origins),
                    allow_methods=["GET", "HEAD", "POST"],
                    # The origin is what is checked: tracing libraries add headers of their own to each request.
                    allow_headers=["*"],
                    allow_credentials=True,
                    expose_headers=["retry-after"],
                ),
            ),
            websocket=WebSocketEndpoint(connections, origins),
            events=EventStreamEndpoint(connections, origins),
            poll=PollEndpoint(connections, delivery.pages, origins, texts=TEXTS[settings.language], now=now),
            connections=connections,
            subscribers=subscribers,
            metrics=metrics,
            log=log,
            bodies=bodies,
            is_alive=is_alive,
        )
