"""The composition root: every room put together, opened in order and closed in reverse."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import msgspec
from litestar import Litestar

from contracts.frame import FEATURES
from hub import routes
from hub.allowance import Allowance
from hub.api.handlers.health import ReadinessCheck
from hub.api.handlers.metrics import MetricsApp
from hub.api.prometheus import make_registry
from hub.api.router import make_router
from hub.auth.opening import open_auth
from hub.cluster.alone import Alone
from hub.cluster.local import SharedLog
from hub.cluster.port import Cluster
from hub.deadlines.clock import SteadyClock
from hub.deadlines.keeper import DeadlineKeeper
from hub.delivery.connections import Connections
from hub.delivery.link import ConnectionHandlers
from hub.delivery.opening import Delivery, open_delivery
from hub.delivery.subscribers import Subscribers
from hub.direct import DirectHandler
from hub.directory import open_directory
from hub.directory.probe import DirectoryProbe
from hub.edge import fanout
from hub.edge.metrics_port import serve_metrics
from hub.inbox.forgetting import Forgetter
from hub.inbox.inboxes import Inboxes
from hub.language import TEXTS
from hub.log.engine import open_log
from hub.log.inbox import InboxLog
from hub.log.port import Log
from hub.log.traced import TracedLog
from hub.metrics import Metrics
from hub.nats.opening import open_hub_nats
from hub.node import claim_node, start_node
from hub.observe.confirmation_trace import ConfirmationTracer
from hub.observe.connection_board import ConnectionBoard
from hub.observe.explainer import Explainer
from hub.observe.stats_board import StatsBoard
from hub.observe.tracer import Tracer
from hub.operator_log import OperatorLog
from hub.publish.publisher import Publisher
from hub.publish.registry import TypeRegistry, load_type_registry
from hub.publish.signaller import Signaller
from hub.publish.traced import TracedPublisher
from hub.push.opening import Push, open_push
from hub.settings import Settings, summarize_settings
from hub.tasks import Tasks
from hub.transports.cors import Cors
from hub.transports.durable_streams.endpoint import StreamEndpoint
from hub.transports.poll import PollEndpoint
from hub.transports.sse import EventStreamEndpoint
from hub.transports.websocket import WebSocketEndpoint
from hub.webhooks.desk import WebhookDesk
from hub.webhooks.endpoint import read_endpoints

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["Hub", "open_hub"]

logger = logging.getLogger("hub.app")

DAY_S = 86_400
_TRUST = (
    "HUB_DIRECTORY_URL is not set, or off: what a token claims is trusted, and a user who is suspended or"
    " deactivated stays until the token expires or POST /api/internal/disconnect ends it"
)


class Hub(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The rooms of one running hub, for those that need more than its ASGI application.

    `direct` and `handlers` are what the edge may call past ASGI, by path. `bodies` is what requests hold of theirs.
    """

    http: Litestar
    direct: Mapping[str, DirectHandler]
    handlers: ConnectionHandlers
    cors: Cors
    websocket: WebSocketEndpoint
    events: EventStreamEndpoint
    poll: PollEndpoint
    streams: StreamEndpoint
    delivery: Delivery
    push: Push | None
    log: Log
    metrics: Metrics
    bodies: Allowance
    deadlines: DeadlineKeeper
    webhooks: WebhookDesk

    @property
    def connections(self) -> Connections:
        """What the transports ask for each connection."""
        return self.delivery.connections

    @property
    def subscribers(self) -> Subscribers:
        """Every registered connection."""
        return self.delivery.subscribers

    def is_alive(self) -> bool:
        """Whether notifications are dispatched and connections looked after; only a fault of ours ends that."""
        return self.delivery.is_alive()


@contextlib.asynccontextmanager
async def open_hub(
    settings: Settings,
    *,
    now: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Hub]:
    """Open every room, begin to dispatch, and close all in reverse order.

    Raises:
        SettingsError: a setting cannot be used.
        StorageUnavailable: the log cannot be opened.
    """
    async with contextlib.AsyncExitStack() as stack:
        bounds = settings.bounds
        types = load_type_registry(settings.contracts)
        metrics = Metrics(started_at_s=now())
        directory = open_directory(settings, now=now, query_durations=metrics.directory_query)
        stack.push_async_callback(directory.close)
        nats = await open_hub_nats(settings) if settings.log_url else None
        if nats is not None:
            stack.push_async_callback(nats.close)
        node = None if nats is None else await claim_node(settings, nats, metrics, now=now)
        cluster: Cluster = node or Alone()
        auth = open_auth(settings, directory=directory, node=cluster.node, redeem_elsewhere=cluster.redeem, now=now)
        stack.push_async_callback(auth.close)
        log = engine = await open_log(settings, now=now, nats=nats)
        stack.push_async_callback(log.close)
        tracing = _make_tracing(settings) if settings.tracing else None
        if tracing is not None:
            log = TracedLog(log, tracing)
        clock = SteadyClock(now, monotonic)
        desk = WebhookDesk(
            read_endpoints(auth.service_keys),
            log=log,
            metrics=metrics,
            bounds=bounds,
            keep_s=settings.retention_days * DAY_S,
            wall_s=now,
            now_s=clock.now_s,
        )
        stack.push_async_callback(desk.close)
        deadlines = DeadlineKeeper(log=log, desk=desk, metrics=metrics, clock=clock, bounds=bounds)
        delivery = await open_delivery(
            settings,
            log=log,
            directory=directory,
            auth=auth,
            sockets=fanout,
            metrics=metrics,
            policies=types.policies,
            features=_list_features(settings),
            awaiting=deadlines,
            cluster=cluster,
            tracing=tracing,
            now=now,
        )
        stack.push_async_callback(delivery.close)
        push = open_push(
            settings,
            log=log,
            delivery=delivery,
            directory=directory,
            auth=auth,
            metrics=metrics,
            policies=types.policies,
            cluster=cluster,
            now=now,
        )
        if push is not None:
            stack.push_async_callback(push.close)
        probe, background = DirectoryProbe(directory, bounds), Tasks()
        stack.push_async_callback(background.stop)
        background.start("directory probe", probe.run())
        background.start("deadlines", deadlines.run())
        desk.start()
        lines = OperatorLog(logger)
        if directory.trusts_claims:
            lines.write(logging.WARNING, "claims_trusted", _TRUST)

        inboxes = _make_inboxes(settings, types, log, delivery) if settings.inbox else None
        if inboxes is not None:
            inboxes.also.append(deadlines)
        make_publisher = Publisher if tracing is None else partial(TracedPublisher, tracing)
        publisher = make_publisher(
            registry=types,
            directory=directory,
            log=log,
            subscribers=delivery.subscribers,
            metrics=metrics,
            counts=delivery.counts,
            deadlines=deadlines,
            reach=cluster.reach,
            retention_s=settings.retention_days * DAY_S,
            link_origins=frozenset(settings.link_origins),
            keeps_inbox=settings.inbox,
            checks_targets=settings.directory_targets,
            now=now,
        )
        registry = make_registry(
            metrics,
            delivery.subscribers,
            delivery.progress,
            log,
            probe,
            push,
            cluster=cluster,
            version=version("notification-hub"),
        )
        if settings.metrics_port:
            await stack.enter_async_context(
                serve_metrics(MetricsApp(registry), settings, port=settings.metrics_port, variable="HUB_METRICS_PORT")
            )
        bodies, cors = Allowance(settings.body_budget_bytes), Cors(frozenset(settings.allowed_origins))
        responses = Allowance(bounds.poll_total_bytes, each_bytes=bounds.poll_user_bytes)
        stats = StatsBoard(delivery.subscribers, metrics, now=now)
        readiness = ReadinessCheck(log=log, delivery=delivery, probe=probe, cluster=cluster)
        forgetter = Forgetter(
            log=log,
            directory=directory,
            subscribers=delivery.subscribers,
            ends=delivery.endings,
            erasures=delivery.erasures,
            also=[] if push is None else [push.subscriptions, delivery.taken],
            now=now,
        )
        board = ConnectionBoard(delivery.subscribers, cluster, epoch=log.epoch, place=delivery.progress.place)
        tracer = Tracer(
            log=log,
            counts=delivery.counts,
            progress=delivery.progress,
            started_at_s=metrics.started_at_s,
            now=now,
            confirmations=ConfirmationTracer(log, desk),
            cluster=cluster,
            find_pushes=None if push is None else push.work.trace,
            find_trace_id=None if tracing is None else tracing.find_trace_id,
        )
        router = make_router(
            settings,
            auth=auth,
            delivery=delivery,
            push=push,
            publisher=publisher,
            explainer=Explainer(
                publisher=publisher,
                policies=types.policies,
                keys=auth.service_keys,
                directory=directory,
                board=board,
            ),
            signaller=Signaller(
                registry=types, publisher=publisher, signals=delivery.signals, cluster=cluster, now=now
            ),
            tracer=tracer,
            connections=board,
            inboxes=inboxes,
            desk=desk,
            forgetter=forgetter,
            types=types,
            bodies=bodies,
            readiness=readiness,
            cluster=cluster,
            stats=stats,
            registry=registry,
            metrics=metrics,
            tracing=tracing,
            log=log,
            now=now,
        )
        if node is not None and isinstance(engine, SharedLog):
            stack.push_async_callback(node.close)
            await start_node(
                settings,
                node,
                log=log,
                shared=engine,
                auth=auth,
                delivery=delivery,
                deadlines=deadlines,
                stats=stats,
                board=board,
                tracer=tracer,
                check=readiness.check,
                forget=forgetter.drop,
                tasks=background,
                now=now,
                monotonic=monotonic,
            )
        _log_start(lines, settings, log)
        websocket = WebSocketEndpoint(delivery.connections, cors, close_timeout_s=bounds.close_timeout_s)
        events = EventStreamEndpoint(delivery.connections, cors, close_timeout_s=bounds.close_timeout_s)
        yield Hub(
            http=router.http,
            direct=router.direct,
            handlers=ConnectionHandlers(
                websockets={routes.WEBSOCKET: websocket.begin},
                streams={routes.EVENT_STREAM: events.begin},
            ),
            cors=cors,
            websocket=websocket,
            events=events,
            poll=PollEndpoint(
                delivery.connections,
                delivery.pages,
                cors,
                responses=responses,
                texts=TEXTS[settings.language],
                now=now,
            ),
            streams=StreamEndpoint(
                delivery.connections,
                delivery.pages,
                cors,
                bounds=bounds,
                responses=responses,
                now=now,
            ),
            delivery=delivery,
            push=push,
            log=log,
            metrics=metrics,
            bodies=bodies,
            deadlines=deadlines,
            webhooks=desk,
        )
    lines.write(logging.INFO, "ended", "ended: the log and the directory are closed")


def _make_tracing(settings: Settings) -> Tracing:
    # OpenTelemetry is installed only where it is wanted, and takes its time to load.
    from hub.tracing import Tracing

    return Tracing(max_origins=settings.bounds.traced_origins)


def _list_features(settings: Settings) -> list[str]:
    """Return what clients that speak `hub.v1` are told that this hub can do."""
    off = {"inbox": not settings.inbox, "push": settings.push_key_file is None}
    return [name for name in FEATURES if not off.get(name)]


def _make_inboxes(settings: Settings, types: TypeRegistry, log: InboxLog, delivery: Delivery) -> Inboxes:
    return Inboxes(
        log,
        hidden=[tag for tag, policy in types.policies.items() if not policy.inbox],
        find_muted=delivery.subscribers.mutes.find,
        page_bytes=settings.bounds.inbox_page_bytes,
    )


def _log_start(lines: OperatorLog, settings: Settings, log: Log) -> None:
    number, shown = version("notification-hub"), summarize_settings(settings)
    words = ", ".join(f"{name}={value}" for name, value in shown.items())
    message = f"started: version {number}, the log at position {log.head}, {words}"
    lines.write(logging.INFO, "started", message, version=number, position=log.head, settings=shown)
