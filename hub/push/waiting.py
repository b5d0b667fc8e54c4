"""Messages that wait in the log for their next attempt, so that they outlive the process and need no memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import msgspec

from hub.backoff import choose_delay_s
from hub.bounds import Bounds
from hub.log.port import Change, Log
from hub.push.job import WAITING, Job, due_key, put_waiting, read_waiting, remove_waiting
from hub.push.subscriptions import store_changes

__all__ = ["GIVE_UP_S", "Waiting"]

#: A message that no attempt has delivered is dropped after this, however long its notification lasts.
GIVE_UP_S = 86_400.0
_PAGE = 1_000
#: How many are tried at one time, beside those that are being tried.
_DUE = 256


class Waiting:
    """The waiting messages, at most `push_waiting` of them."""

    def __init__(self, log: Log, bounds: Bounds, *, now: Callable[[], float]) -> None:
        self._log = log
        self._limit = bounds.push_waiting
        self._base_s, self._cap_s = bounds.push_backoff_base_s, bounds.push_backoff_cap_s
        self._now = now
        self._count = 0
        #: The rows of those that are being tried, which wait all the same.
        self._trying: set[str] = set()

    def __len__(self) -> int:
        return self._count

    async def count(self) -> None:
        """Count what waits already.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        after = ""
        while entries := await self._log.list_state(WAITING, after=after, limit=_PAGE):
            self._count += len(entries)
            after = entries[-1].key

    async def find_due(self) -> list[Job]:
        """Return messages that are due, and that nobody tries.

        Raises:
            StorageUnavailable: the log cannot be read.
        """
        if not self._count:
            return []
        upto, limit = due_key(self._now()), _DUE + len(self._trying)
        jobs = []
        for entry in await self._log.list_state(WAITING, upto=upto, limit=limit):
            if entry.key not in self._trying:
                try:
                    jobs.append(read_waiting(entry))
                except (msgspec.MsgspecError, UnicodeDecodeError):  # written by a newer hub
                    continue
        return jobs

    def begin(self, job: Job) -> None:
        """Note that a message that waits is being tried."""
        self._trying.add(job.row)

    def end(self, job: Job) -> None:
        """Note that it is not being tried any more."""
        self._trying.discard(job.row)

    async def put(self, jobs: Sequence[Job], *, failed: bool, retry_after_s: float | None = None) -> list[Job]:
        """Let messages wait for their next attempt; return those that are dropped: too old, or too many.

        `failed`: an attempt has, so each waits for longer than before.

        Raises:
            StorageUnavailable, Overloaded: nothing waits that did not before.
        """
        now_s = self._now()
        changes: list[Change] = []
        dropped: list[Job] = []
        room = self._limit - self._count
        for job in jobs:
            failures = job.failures + int(failed)
            delay_s = choose_delay_s(
                max(1, failures),
                base_s=self._base_s,
                cap_s=self._cap_s,
                retry_after_s=retry_after_s,
                random=random.random,
            )
            if now_s + delay_s > job.since_s + GIVE_UP_S or (not job.row and room <= 0):
                dropped.append(job)
                changes += remove_waiting(job)
                continue
            room -= not job.row
            changes += put_waiting(msgspec.structs.replace(job, failures=failures), now_s + delay_s)
        if changes:
            await store_changes(self._log, changes)
        self._count += sum(not job.row for job in jobs) - sum(1 for job in dropped)
        return dropped

    async def remove(self, job: Job) -> None:
        """End the wait of a message that has an outcome; nothing for one that never waited.

        Raises:
            StorageUnavailable, Overloaded: it waits on, and will be tried again.
        """
        if job.row:
            await store_changes(self._log, remove_waiting(job))
            self._count -= 1
