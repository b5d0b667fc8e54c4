"""Puts the way out together, from the bottom up: no part knows one that is made after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from contracts.policy import Policy
from hub.auth.opening import Auth
from hub.cluster.port import Cluster
from hub.delivery.acknowledgements import Acknowledgements
from hub.delivery.catch_up import CatchUp
from hub.delivery.confirmation import Confirmation
from hub.delivery.connections import Connections
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.disconnect import Disconnector
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.endings import Endings
from hub.delivery.erasures import Erasures
from hub.delivery.feed import Feed
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.pages import Pages
from hub.delivery.ports import Sockets, TakesAcknowledgements
from hub.delivery.preferences import Preferences
from hub.delivery.progress import Progress
from hub.delivery.recheck import Recheck
from hub.delivery.replay import Replay
from hub.delivery.resume_points import RESUME_POINTS_NAME, ResumePoints
from hub.delivery.resumption import Resumption
from hub.delivery.signals import Signals
from hub.delivery.subscribers import Subscribers
from hub.delivery.taken import Taken
from hub.delivery.traced import TracedDispatcher, TracedReplay
from hub.directory.directory import Directory
from hub.language import TEXTS
from hub.log.port import Log
from hub.metrics import Metrics
from hub.settings import Settings
from hub.tasks import Tasks

if TYPE_CHECKING:
    from hub.tracing import Tracing

__all__ = ["Delivery", "open_delivery"]


class Delivery(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The way out, running: the parts that others ask, and the tasks."""

    subscribers: Subscribers
    progress: Progress
    connections: Connections
    pages: Pages
    disconnector: Disconnector
    endings: Endings
    catch_up: CatchUp
    feed: Feed
    counts: DeliveryCounts
    dispatcher: Dispatcher
    signals: Signals
    preferences: Preferences
    acknowledgements: Acknowledgements
    taken: Taken
    erasures: Erasures
    tasks: Tasks

    def is_alive(self) -> bool:
        """Whether notifications are dispatched and connections looked after."""
        return self.tasks.is_running("dispatcher", "heartbeat")

    async def wait_end(self) -> None:
        """Return once `is_alive` is False; only a fault of ours, or `close`, ends it."""
        await self.tasks.wait_end("dispatcher", "heartbeat")

    async def close(self) -> None:
        """Stop every task; connections that are still open get nothing more."""
        await self.catch_up.close()
        await self.tasks.stop()


async def open_delivery(
    settings: Settings,
    *,
    log: Log,
    directory: Directory,
    auth: Auth,
    sockets: Sockets,
    metrics: Metrics,
    policies: Mapping[str, Policy],
    features: Iterable[str],
    awaiting: TakesAcknowledgements,
    cluster: Cluster,
    tracing: Tracing | None = None,
    now: Callable[[], float],
) -> Delivery:
    """Return the way out, which follows the log from here on and dispatches what comes.

    `policies` are those of all types. `features`: what clients that speak `hub.v1` are told that this hub can do.
    `awaiting`: who wants to know what clients have got. `cluster`: the other nodes, if there are any.
    `tracing`: makes spans of dispatches and replays, if there is one.

    Raises:
        StorageUnavailable: the log's revocations or preferences cannot be read.
    """
    texts = TEXTS[settings.language]
    subscribers = Subscribers(limit=settings.max_connections, limit_per_user=settings.max_connections_per_user)
    progress = Progress(log.head)
    counts = DeliveryCounts(start=log.head, records=settings.bounds.counted_notifications)
    ahead_wait_s = settings.bounds.ahead_wait_s if settings.log_url else 0.0
    resumption = Resumption(log, metrics, ahead_wait_s=ahead_wait_s)
    heartbeat = Heartbeat(progress, log, interval_s=settings.heartbeat_s, lags=metrics.loop_lag, now=now)
    confirmation = _make_confirmation(settings, log, progress, resumption)
    taken = Taken(subscribers)
    acknowledgements = Acknowledgements(
        subscribers, progress, awaiting, taken, tell=cluster.tell_acknowledged, epoch=log.epoch, start=log.head
    )
    endings = Endings(
        subscribers=subscribers,
        progress=progress,
        heartbeat=heartbeat,
        confirmation=confirmation,
        acknowledgements=acknowledgements,
        metrics=metrics,
        texts=texts,
        now=now,
    )
    erasures = Erasures()
    disconnector = Disconnector(
        log=log,
        revocations=auth.revocations,
        directory=directory,
        subscribers=subscribers,
        erasures=erasures,
        ends=endings,
        cluster=cluster,
        now=now,
    )
    make_replay = Replay if tracing is None else partial(TracedReplay, tracing)
    make_dispatcher = Dispatcher if tracing is None else partial(TracedDispatcher, tracing)
    replay = make_replay(
        log,
        metrics,
        endings,
        counts=counts,
        link_budget_bytes=settings.link_budget_bytes,
        take_timeout_s=settings.heartbeat_s,
        now=now,
        cache_bytes=settings.bounds.replay_cache_bytes,
    )
    catch_up = CatchUp(replay, endings)
    feed = Feed(log, subscribers, now=now)
    dispatcher = make_dispatcher(
        log,
        subscribers,
        metrics,
        progress,
        sockets=sockets,
        ends=endings,
        catch_up=catch_up,
        control=disconnector,
        feed=feed,
        counts=counts,
        link_budget_bytes=settings.link_budget_bytes,
        now=now,
    )
    # The dispatcher follows the log already, so no revocation falls between the two.
    await disconnector.rebuild()
    preferences = Preferences(log, subscribers, progress, policies, effect_timeout_s=settings.bounds.effect_timeout_s)
    dispatcher.user_takers.append(preferences)
    await preferences.rebuild()
    connections = Connections(
        admission=auth.admission,
        subscribers=subscribers,
        resumption=resumption,
        confirmation=confirmation,
        acknowledgements=acknowledgements,
        replay=replay,
        catch_up=catch_up,
        heartbeat=heartbeat,
        endings=endings,
        erasures=erasures,
        metrics=metrics,
        texts=texts,
        features=features,
        now=now,
    )
    signals = Signals(
        subscribers,
        metrics,
        endings,
        room_bytes=settings.link_budget_bytes // 4,
        held_bytes=settings.bounds.held_signals_bytes,
        tick_s=settings.bounds.signal_tick_s,
    )
    tasks = Tasks()
    tasks.start("signals", signals.run())
    tasks.start("dispatcher", dispatcher.run())
    tasks.start("heartbeat", heartbeat.run(endings))
    if not directory.trusts_claims:
        recheck = Recheck(
            directory=directory,
            subscribers=subscribers,
            ends=endings,
            ttl_s=settings.directory_ttl_s,
            min_interval_s=settings.bounds.min_recheck_interval_s,
        )
        tasks.start("directory recheck", recheck.run())
    if confirmation is not None:
        tasks.start("confirmation", confirmation.run(endings))
    return Delivery(
        subscribers=subscribers,
        progress=progress,
        connections=connections,
        pages=Pages(log, metrics, counts, subscribers.mutes, erasures),
        disconnector=disconnector,
        endings=endings,
        catch_up=catch_up,
        feed=feed,
        counts=counts,
        dispatcher=dispatcher,
        signals=signals,
        preferences=preferences,
        acknowledgements=acknowledgements,
        taken=taken,
        erasures=erasures,
        tasks=tasks,
    )


def _make_confirmation(settings: Settings, log: Log, progress: Progress, resumption: Resumption) -> Confirmation | None:
    if not settings.legacy_resume_s:
        return None
    # The log is open, so the hub before this one has ended: what it left is complete.
    points = ResumePoints(
        settings.data_dir / RESUME_POINTS_NAME,
        epoch=log.epoch,
        connections=settings.max_connections,
        keep_s=settings.legacy_resume_s,
        monotonic=time.monotonic,
    )
    return Confirmation(progress, resumption, points)
