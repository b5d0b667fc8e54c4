"""Makes messages of the notifications that are due, and sends them: at least once, also over a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from contracts.trace import Pushes
from hub.bounds import Bounds
from hub.cursor import write_cursor
from hub.errors import DirectoryUnavailable, Overloaded, StorageUnavailable
from hub.log.inbox import find_readers
from hub.log.port import Log, Record
from hub.metrics import Metrics
from hub.operator_log import OperatorLog
from hub.push.eligibility import Eligibility
from hub.push.job import Job
from hub.push.lanes import Lanes
from hub.push.push_counts import PushCounts
from hub.push.response import Outcome
from hub.push.schedule import Due, Schedule
from hub.push.sender import Attempt, Sender, find_origin
from hub.push.subscription import Subscription, targets_of
from hub.push.subscriptions import MOST_FOUND, Subscriptions
from hub.push.waiting import Waiting
from hub.target import Target

__all__ = ["Pusher"]

_T = TypeVar("_T")

logger = logging.getLogger("hub.push")

#: After so many failures in a row, what is due for a push service waits in the log, too.
_FAILING = 3
#: Messages that are written down in one record.
_WRITTEN = 500
#: When the log is asked again that could not be read or written.
_STORAGE_S = 1.0
_READ_BYTES = 1_048_576


class Pusher:
    """Pushes what `schedule` has, once it is due; what a push service does not take waits in the log."""

    def __init__(
        self,
        *,
        log: Log,
        subscriptions: Subscriptions,
        schedule: Schedule,
        eligibility: Eligibility,
        sender: Sender,
        metrics: Metrics,
        bounds: Bounds,
        retention_s: float,
        now: Callable[[], float],
    ) -> None:
        self._log = log
        self._subscriptions = subscriptions
        self._schedule = schedule
        self._eligibility = eligibility
        self._sender = sender
        self._counts = PushCounts(start=log.head, notifications=bounds.counted_pushes)
        self._metrics = metrics
        self._retention_s = retention_s
        self._tick_s = bounds.push_tick_s
        self._now = now
        self._lines = OperatorLog(logger)
        self._preparing = asyncio.Semaphore(bounds.push_prepared)
        #: The messages that are sent now.
        self.lanes = Lanes(self._send, each=bounds.outbound_requests_each, limit=bounds.push_messages)
        #: Those that wait for another attempt.
        self.waiting = Waiting(log, bounds, now=now)

    async def run(self) -> None:
        """Push what is due until cancelled.

        Raises:
            StorageUnavailable: the log cannot be read at the start.
        """
        await self.waiting.count()
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    while entry := self._schedule.take(clock()):
                        await self._preparing.acquire()
                        group.create_task(self._prepare(entry), name="push preparation")
                    with contextlib.suppress(StorageUnavailable):
                        await self._retry()
                    await asyncio.sleep(self._tick_s)
        finally:
            await self.lanes.close()

    def trace(self, position: int) -> Pushes | str:
        """Return what became of the messages of a notification, or why that is not known."""
        if (counts := self._counts.find(position)) is None:
            return "It was pushed before this node of the hub began to push, or is not among the newest"
        outcomes, pending = counts
        if not outcomes and not pending and self._schedule.is_open(position):
            return "It is not due yet: a connection may take it first"
        return Pushes(outcomes=outcomes, pending=pending)

    async def _prepare(self, entry: Due) -> None:
        try:
            jobs = await self._repeat(partial(self._make_jobs, entry))
            self._counts.begin(entry.position, len(jobs))
            left = [job for job in jobs if not self._put(job)]
            for start in range(0, len(left), _WRITTEN):
                await self._postpone(left[start : start + _WRITTEN], failed=False)
        except Exception as error:  # whatever one notification makes of the hub, the others are pushed
            self._fail(error)
        finally:
            self._schedule.finish(entry.position)
            self._preparing.release()

    async def _make_jobs(self, entry: Due) -> list[Job]:
        """Return the messages of a notification: for each user who has not got it, and each of their browsers."""
        jobs: list[Job] = []
        record = await self._read(entry.position, entry.users[0])
        if record is None or self._eligibility.find_urgency(record) is None:
            return jobs
        for start in range(0, len(entry.users), MOST_FOUND):
            users = entry.users[start : start + MOST_FOUND]
            readers = await find_readers(self._log, users, record.position)
            due = [user for user in users if await self._is_due(user, record, has_read=user in readers)]
            for each in await self._subscriptions.find_of(due):
                origin = find_origin(each.endpoint)
                since_s = self._now()
                jobs.append(Job(position=entry.position, user=each.user, key=each.key, origin=origin, since_s=since_s))
        return jobs

    async def _is_due(self, user: Target, record: Record, *, has_read: bool) -> bool:
        """Whether a user has not got a notification, and wants it; if not, that is counted."""
        outcome = await self._find_outcome(user, record, has_read=has_read)
        if outcome is None:
            return True
        self._metrics.push[outcome] += 1
        self._counts.skip(record.position, outcome)
        return False

    async def _find_outcome(self, user: Target, record: Record, *, has_read: bool) -> str | None:
        """Return why a user needs no push of a notification; None for one who does."""
        if has_read:
            return "read"
        if await self._eligibility.has_taken(user, record.position):
            return "confirmed"
        return "muted" if self._eligibility.is_muted(user, record) else None

    def _put(self, job: Job) -> bool:
        if not self.lanes.put(job):
            return False
        self._schedule.begin(job.position)
        return True

    async def _retry(self) -> None:
        for job in await self.waiting.find_due():
            # Another service's lane may have room where this one's has none.
            if self.lanes.put(job):
                self.waiting.begin(job)

    async def _send(self, job: Job) -> None:
        try:
            subscription = await self._repeat(partial(self._subscriptions.find_one, job.user, job.key))
            record = await self._repeat(partial(self._read, job.position, job.user))
            if subscription is None or record is None:
                await self._finish(job, "gone" if subscription is None else "expired")
                return
            readers = await self._repeat(partial(find_readers, self._log, [job.user], job.position))
            outcome = await self._find_outcome(job.user, record, has_read=job.user in readers)
            if outcome is not None:
                await self._finish(job, outcome)
            elif (attempt := await self._push(subscription, record)) is None:
                await self._finish(job, "not_allowed")
            else:
                await self._settle(job, attempt)
        except Exception as error:  # whatever one message makes of the hub, the others are sent
            self._fail(error)
            self._counts.end(job.position, "failed")
        finally:
            self._release(job)

    async def _push(self, subscription: Subscription, record: Record) -> Attempt | None:
        """Send a notification to one browser; None where its user may not have it now."""
        urgency = self._eligibility.find_urgency(record)
        try:
            if urgency is None or not await self._eligibility.may_have(subscription):
                return None
        except DirectoryUnavailable:
            return Attempt(Outcome.RETRY, "directory")
        ttl_s = self._retention_s if record.expires_at_s is None else record.expires_at_s - self._now()
        cursor = write_cursor(self._log.epoch, record.position)
        return await self._sender.send(subscription, record.payload, cursor, ttl_s=ttl_s, urgency=urgency)

    async def _settle(self, job: Job, attempt: Attempt) -> None:
        outcome = attempt.outcome
        failures = self.lanes.note(job.origin, takes=outcome is not Outcome.RETRY)
        if outcome is not Outcome.SENT:
            self._metrics.push_failures[attempt.reason] += 1
        if outcome is Outcome.RETRY:
            await self._postpone([job], retry_after_s=attempt.retry_after_s)
            if failures >= _FAILING:
                await self._make_room(job.origin, attempt.retry_after_s)
            return
        if outcome is Outcome.GONE:
            await self._repeat(partial(self._subscriptions.remove, job.key, job.user))
        elif outcome is not Outcome.SENT:
            message = f"a push service refuses messages: {attempt.reason}"
            self._lines.write_limited(logging.WARNING, "push_refused", message, reason=attempt.reason)
        await self._finish(job, outcome.value)

    async def _make_room(self, origin: str, retry_after_s: float | None) -> None:
        """Let everything that is due for a push service wait in the log: it takes nothing now."""
        while due := self.lanes.drain(origin, _WRITTEN):
            try:
                await self._postpone(due, failed=False, retry_after_s=retry_after_s)
            finally:
                for job in due:
                    self._release(job)

    async def _postpone(self, jobs: Sequence[Job], *, failed: bool = True, retry_after_s: float | None = None) -> None:
        put = partial(self.waiting.put, jobs, failed=failed, retry_after_s=retry_after_s)
        if dropped := await self._repeat(put):
            self._metrics.push["given_up"] += len(dropped)
            for job in dropped:
                self._counts.end(job.position, "given_up")
            message = "push messages were given up: no attempt has delivered them, or too many wait"
            self._lines.write_limited(logging.WARNING, "push_given_up", message, count=len(dropped))

    async def _finish(self, job: Job, outcome: str) -> None:
        self._metrics.push[outcome] += 1
        self._counts.end(job.position, outcome)
        await self._repeat(partial(self.waiting.remove, job))

    def _release(self, job: Job) -> None:
        """A message is not on its way any more: it has an outcome, or waits in the log."""
        if job.row:
            self.waiting.end(job)
        else:
            self._schedule.finish(job.position)

    def _fail(self, error: Exception) -> None:
        self._metrics.push["failed"] += 1
        message = f"a push message failed: {type(error).__name__}"
        self._lines.write_limited(logging.ERROR, "push_failed", message)

    async def _read(self, position: int, user: Target) -> Record | None:
        """Return the notification at a position that is for this user; None where it is over."""
        reading = await self._log.read(
            targets_of(user), after=position - 1, upto=position, limit=1, limit_bytes=_READ_BYTES
        )
        record = reading.records[0] if reading.records else None
        return None if record is None or record.is_damaged else record

    async def _repeat(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do what needs the log, again and again while it cannot be read or written."""
        while True:
            try:
                return await work()
            except (StorageUnavailable, Overloaded):
                await asyncio.sleep(_STORAGE_S)
