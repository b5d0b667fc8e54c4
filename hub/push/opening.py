"""Web Push put together, where the settings ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from contracts.policy import Policy
from contracts.push import PushFigures, PushKey, PushServiceFigures
from hub.auth.opening import Auth
from hub.cluster.port import Cluster
from hub.delivery.opening import Delivery
from hub.directory.directory import Directory
from hub.log.port import Log
from hub.metrics import Metrics
from hub.outbound.client import OutboundClient
from hub.push.backlog import Backlog
from hub.push.eligibility import Eligibility
from hub.push.pusher import Pusher
from hub.push.schedule import Schedule
from hub.push.sender import Sender
from hub.push.subscriptions import Subscriptions
from hub.push.vapid import Vapid, read_key
from hub.push.work import PushWork
from hub.settings import Settings
from hub.tasks import Tasks

__all__ = ["Push", "open_push"]

#: Push services of which an operator is shown something.
_SHOWN = 20
_DAY_S = 86_400.0


class Push(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Web Push, running: what its routes ask, and the tasks."""

    key: PushKey
    subscriptions: Subscriptions
    work: PushWork
    client: OutboundClient
    metrics: Metrics
    tasks: Tasks

    @property
    def pusher(self) -> Pusher:
        """What sends messages now, or did last."""
        return self.work.pusher

    @property
    def backlog(self) -> Backlog:
        """What finds notifications to push now, or did last."""
        return self.work.backlog

    def collect(self) -> PushFigures:
        """Return the figures of this moment."""
        lanes = sorted(self.pusher.lanes.measure().items(), key=lambda lane: -lane[1])
        return PushFigures(
            subscriptions=len(self.subscriptions),
            users=len(self.subscriptions.users),
            sending=sum(count for _, count in lanes),
            waiting=len(self.pusher.waiting),
            behind=self.backlog.is_behind,
            outcomes=dict(self.metrics.push),
            failures=dict(self.metrics.push_failures),
            services=[PushServiceFigures(origin=origin, sending=count) for origin, count in lanes[:_SHOWN]],
        )

    def measure(self) -> tuple[int, int, int]:
        """Return how many subscriptions there are, and messages that are on their way and that wait."""
        return len(self.subscriptions), len(self.pusher.lanes), len(self.pusher.waiting)

    async def close(self) -> None:
        """Stop; what has not been sent is sent after the next start."""
        await self.tasks.stop()
        await self.client.close()


def open_push(
    settings: Settings,
    *,
    log: Log,
    delivery: Delivery,
    directory: Directory,
    auth: Auth,
    metrics: Metrics,
    policies: Mapping[str, Policy],
    cluster: Cluster,
    now: Callable[[], float],
) -> Push | None:
    """Return Web Push, which pushes what is dispatched from here on, and what is left from before; None if it is off.

    Of the nodes of a `cluster` one pushes.

    Raises:
        SettingsError: the key cannot be used.
    """
    if settings.push_key_file is None:
        return None
    bounds = settings.bounds
    vapid = Vapid(read_key(settings.push_key_file), settings.push_subject)
    client = OutboundClient(what="push services", allow_private=settings.push_allow_private, bounds=bounds)
    subscriptions = Subscriptions(
        log, limit_each=bounds.push_subscriptions_each, allow_private=settings.push_allow_private, now=now
    )
    eligibility = Eligibility(
        policies=policies,
        subscribers=delivery.subscribers,
        taken=delivery.taken,
        directory=directory,
        revocations=auth.revocations,
        cluster=cluster,
        max_age_s=bounds.push_subscription_days * _DAY_S,
        now=now,
    )

    def make() -> tuple[Pusher, Backlog]:
        schedule = Schedule(limit_bytes=bounds.push_schedule_bytes)
        pusher = Pusher(
            log=log,
            subscriptions=subscriptions,
            schedule=schedule,
            eligibility=eligibility,
            sender=Sender(client, vapid, now=now),
            metrics=metrics,
            bounds=bounds,
            retention_s=settings.retention_days * _DAY_S,
            now=now,
        )
        backlog = Backlog(
            log=log,
            progress=delivery.progress,
            subscriptions=subscriptions,
            schedule=schedule,
            bounds=bounds,
            after_s=settings.push_after_s,
            now=now,
        )
        return pusher, backlog

    # A page may be closed before its notifications are due.
    delivery.taken.remembers = True
    work = PushWork(make, subscriptions, is_over=eligibility.is_over, sweep_s=bounds.push_sweep_s)
    delivery.dispatcher.listeners.append(work.note)
    tasks = Tasks()
    tasks.start("push work", cluster.lead("push", work.run))
    return Push(
        key=PushKey(public_key=vapid.public_key),
        subscriptions=subscriptions,
        work=work,
        client=client,
        metrics=metrics,
        tasks=tasks,
    )
