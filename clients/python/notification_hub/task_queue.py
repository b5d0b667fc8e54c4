"""The queue of `AsyncHub`: an outbox and the task that empties it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from notification_hub.address import Addressed
from notification_hub.failure import HubFailure, NotificationLost
from notification_hub.outbox import Entry, OnError, Outbox, QueueCounts, report

__all__ = ["TaskQueue"]

#: How long a cancelled request may take to let go.
_CANCEL_S = 1.0


class TaskQueue:
    """Sends in order, one at a time; its task lives as long as something waits."""

    def __init__(
        self, send: Callable[[bytes, str], Awaitable[object]], outbox: Outbox, on_error: OnError | None
    ) -> None:
        """Take how to send a body once, under a key."""
        self._send = send
        self._outbox = outbox
        self._on_error = on_error
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        return self._outbox.counts

    def add(self, addressed: Addressed) -> bool:
        """Return whether the notification was taken; never raises and never waits."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            report(self._on_error, self._outbox.refuse("no_loop"), addressed)
            return False
        failure = self._outbox.add(addressed)
        if failure is not None:
            report(self._on_error, failure, addressed)
        elif self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="notification-hub")
        return failure is None

    async def flush(self, timeout_s: float) -> bool:
        """Wait until nothing is queued, `timeout_s` at most; return whether nothing is."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout_s)
        return self._outbox.head is None

    async def close(self, timeout_s: float) -> bool:
        """Take no more, try what is left at once, give up what is not sent in time; return whether all was sent."""
        self._outbox.closed = True
        self._hurry.set()
        done = await self.flush(timeout_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_S)
        for entry in self._outbox.give_up():
            report(self._on_error, NotificationLost("closed"), entry.addressed)
        return done

    async def _run(self) -> None:
        while (entry := self._outbox.head) is not None:
            failure = await self._deliver(entry)
            self._outbox.settle(entry, failure)
            if failure is not None:
                report(self._on_error, failure, entry.addressed)

    async def _deliver(self, entry: Entry) -> HubFailure | None:
        failures = 0
        while True:
            failure = await self._try(entry)
            if failure is None:
                return None
            failures += 1
            delay_s = self._outbox.choose_delay_s(entry, failures, failure)
            if isinstance(delay_s, HubFailure):
                return delay_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay_s):
                    await self._hurry.wait()
            # A hub that is down is asked once at once when the client closes, and then no faster than before.
            self._hurry.clear()

    async def _try(self, entry: Entry) -> HubFailure | None:
        try:
            self._outbox.note(entry, await self._send(entry.body, entry.idempotency_key))
        except HubFailure as failure:
            return failure
        except Exception as error:  # the task must outlive whatever the HTTP library comes up with
            return HubFailure(f"The request failed: {type(error).__name__}")
        return None
