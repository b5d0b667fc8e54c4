"""This hub as a node of a cluster, put together: what it tells the others, and what it does when it is cut off."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from contracts.health import Readiness
from hub.auth.opening import Auth
from hub.cluster.isolation import Isolation
from hub.cluster.local import SharedLog
from hub.cluster.nats_cluster import NatsCluster
from hub.deadlines.keeper import DeadlineKeeper
from hub.delivery.opening import Delivery
from hub.log.port import Erased, Log
from hub.metrics import Metrics
from hub.nats.opening import name_node
from hub.nats.port import Nats
from hub.observe.answering import NodeAnswers
from hub.observe.connection_board import ConnectionBoard
from hub.observe.stats_board import StatsBoard
from hub.observe.tracer import Tracer
from hub.settings import Settings
from hub.tasks import Tasks

__all__ = ["claim_node", "start_node"]

#: Why a node cannot go on, by the health of its log.
_REASONS = {
    "isolated": "this node has been cut off from NATS",
    "missing": "NATS has had no stream for this node",
    "replaced": "the stream has been another one than this node began with",
    "failing": "this node could not write its mirror, since its disk is full or fails",
}


async def claim_node(settings: Settings, nats: Nats, metrics: Metrics, *, now: Callable[[], float]) -> NatsCluster:
    """Return this node, whose name no other one has.

    Raises:
        SettingsError: another one has it, or NATS cannot be asked.
    """
    cluster = NatsCluster(
        nats,
        node=name_node(settings),
        stream=settings.log_stream,
        version=version("notification-hub"),
        metrics=metrics,
        bounds=settings.bounds,
        receipt_wait_s=settings.receipt_wait_s,
        now=now,
    )
    await cluster.claim_name()
    return cluster


async def start_node(
    settings: Settings,
    cluster: NatsCluster,
    *,
    log: Log,
    shared: SharedLog,
    auth: Auth,
    delivery: Delivery,
    deadlines: DeadlineKeeper,
    stats: StatsBoard,
    board: ConnectionBoard,
    tracer: Tracer,
    check: Callable[[], Readiness],
    forget: Callable[[str, str | None, Erased], None],
    tasks: Tasks,
    now: Callable[[], float],
    monotonic: Callable[[], float],
) -> None:
    """Answer the other nodes from here on, and watch whether this one is cut off; `check` says whether it is ready.

    `forget` drops what this node holds of a user whom any node was asked to erase.

    Raises:
        NatsError: nothing can be subscribed.
    """

    def find_reason() -> tuple[str, str] | None:
        state = shared.health.state
        return (state, _REASONS[state]) if state in _REASONS else None

    isolation = Isolation(
        delivery.connections,
        find_reason=find_reason,
        after_s=settings.isolation_s,
        window_s=settings.drain_s,
        monotonic=monotonic,
    )
    cluster.is_isolated = lambda: isolation.is_isolated
    answers = NodeAnswers(delivery, auth.tickets, stats, board=board, tracer=tracer, check=check, now=now)
    await cluster.start(answers, log, shared, dispatched=lambda: delivery.progress.position)
    shared.follow_erasures(forget)
    delivery.dispatcher.listeners += [cluster.tell_dispatched, deadlines.note]
    tasks.start("isolation", isolation.run())
