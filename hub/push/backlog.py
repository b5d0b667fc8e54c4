"""Notes which notifications may have to be pushed: as they are dispatched, and from the log what came before."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

import msgspec

from hub.bounds import Bounds
from hub.delivery.progress import Progress
from hub.errors import Overloaded, StorageUnavailable
from hub.log.port import Change, Kind, Log, Record
from hub.operator_log import OperatorLog
from hub.push.schedule import Due, Schedule
from hub.push.subscription import targets_of
from hub.push.subscriptions import Subscriptions, store_changes
from hub.target import Target

__all__ = ["Backlog"]

logger = logging.getLogger("hub.push")

_MARK = "push-mark"
#: What is looked through at one time: positions, users of one reading, records of one reading.
_WINDOW, _USERS, _PAGE, _PAGE_BYTES = 5_000, 30, 500, 1_048_576
#: How often the mark is written while there is something to do, and at least while the hub runs.
_MARK_S, _MARK_AT_LEAST_S = 10.0, 3600.0
#: An older mark is of a hub that did not push for a while: what came meanwhile is old.
_NEWS_S = 86_400.0
_STORAGE_S = 1.0
#: Python 3.11 finds the member of an enum through a descriptor.
_NOTIFICATION = Kind.NOTIFICATION

_T = TypeVar("_T")


class _Mark(msgspec.Struct, frozen=True):
    """Up to where everything was done, and when (Unix time)."""

    position: int
    at_s: float


class Backlog:
    """Fills the schedule, in the order of positions, and keeps the mark of what is done."""

    def __init__(
        self,
        *,
        log: Log,
        progress: Progress,
        subscriptions: Subscriptions,
        schedule: Schedule,
        bounds: Bounds,
        after_s: float,
        now: Callable[[], float],
    ) -> None:
        self._log = log
        self._progress = progress
        self._subscriptions = subscriptions
        self._schedule = schedule
        self._after_s = after_s
        self._max_users = bounds.push_users
        self._tick_s = bounds.push_tick_s
        self._now = now
        self._lines = OperatorLog(logger)
        #: Everything up to this position is in the schedule, or done.
        self._seen = 0
        self._mark = _Mark(0, 0.0)
        #: Set while the log is read, and not what is dispatched.
        self._behind = asyncio.Event()
        self._behind.set()

    @property
    def is_behind(self) -> bool:
        """Whether notifications are read from the log."""
        return self._behind.is_set()

    def note(self, records: Sequence[Record]) -> None:
        """Note records that were just dispatched; never blocks."""
        if self._behind.is_set():
            return
        if not len(self._subscriptions):
            self._seen = records[-1].position
            return
        due_s = asyncio.get_running_loop().time() + self._after_s
        for record in records:
            if record.position <= self._seen:
                continue
            users = self._find(record) if record.kind is _NOTIFICATION else ()
            if users and not self._schedule.add(Due(due_s, record.position, users)):
                # They are in the log, and read from there once there is room.
                self._behind.set()
                return
            self._seen = record.position

    async def run(self) -> None:
        """Read from the log what was not noted, whenever there is something, until cancelled.

        Raises:
            msgspec.MsgspecError: the mark was written by a newer hub.
        """
        await self._repeat(self._begin)
        while True:
            await self._behind.wait()
            await self._catch_up()

    async def keep_mark(self) -> None:
        """Write the mark from time to time, until cancelled."""
        while True:
            await asyncio.sleep(_MARK_S)
            with contextlib.suppress(StorageUnavailable, Overloaded):
                await self.write_mark(due_s=_MARK_AT_LEAST_S)

    async def write_mark(self, *, due_s: float = 0.0) -> None:
        """Write down up to where everything is done, if something was or the last mark is `due_s` old.

        Raises:
            StorageUnavailable, Overloaded: it was not written, and more is pushed again after a restart.
        """
        now_s, position = self._now(), self._schedule.done_upto(self._seen)
        is_due = self._schedule.has_finished or now_s >= self._mark.at_s + due_s
        if position <= self._mark.position or not is_due:
            return
        mark = _Mark(position, now_s)
        self._schedule.has_finished = False
        await store_changes(self._log, [Change(_MARK, "", msgspec.json.encode(mark))])
        self._mark = mark

    async def _begin(self) -> None:
        await self._subscriptions.load()
        entry = await self._log.read_state(_MARK, "")
        head = self._progress.position
        mark = None if entry is None else msgspec.json.decode(entry.value, type=_Mark)
        if mark is None or mark.at_s < self._now() - _NEWS_S or mark.position > head:
            mark = _Mark(head, self._now())
        self._mark, self._seen = mark, max(mark.position, self._log.first - 1)

    async def _catch_up(self) -> None:
        while self._seen < self._progress.position:
            upto = min(self._progress.position, self._seen + _WINDOW)
            found = await self._repeat(partial(self._read, self._seen, upto))
            for position in sorted(found):
                users = tuple(found[position][: self._max_users])
                due_s = asyncio.get_running_loop().time() + self._after_s
                while not self._schedule.add(Due(due_s, position, users)):  # noqa: ASYNC110  # it is pure: no event
                    await asyncio.sleep(self._tick_s)
                self._seen = position
            self._seen = max(self._seen, upto)
        # Nothing is dispatched between that comparison and this.
        self._behind.clear()

    async def _read(self, after: int, upto: int) -> dict[int, list[Target]]:
        """Return the notifications in `(after, upto]` that users with subscriptions get, and these users."""
        found: dict[int, list[Target]] = {}
        users = self._subscriptions.users
        for start in range(0, len(users), _USERS):
            part = users[start : start + _USERS]
            wanted = frozenset(part)
            targets = list(dict.fromkeys(target for user in part for target in targets_of(user)))
            position = after
            while position < upto:
                reading = await self._log.read(targets, after=position, upto=upto, limit=_PAGE, limit_bytes=_PAGE_BYTES)
                for record in reading.records:
                    if mine := [user for user in self._find(record) if user in wanted]:
                        found.setdefault(record.position, []).extend(mine)
                position = reading.upto
        return found

    async def _repeat(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """Do what needs the log, again and again while it cannot be read."""
        while True:
            try:
                return await work()
            except StorageUnavailable:
                await asyncio.sleep(_STORAGE_S)

    def _find(self, record: Record) -> tuple[Target, ...]:
        users = self._subscriptions.find(record.targets)
        if len(users) > self._max_users:
            message = f"a notification has more than {self._max_users} users to push: the others are not pushed"
            self._lines.write_limited(logging.WARNING, "push_too_many", message)
            del users[self._max_users :]
        return tuple(users)
