"""The queue of `AsyncHub`: an outbox and the task that empties it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from contracts.receipt import BatchReceipt, Receipt
from notification_hub.address import Addressed
from notification_hub.batch import Batch
from notification_hub.failure import HubFailure, NotificationLost
from notification_hub.outbox import OnError, Outbox, QueueCounts, report
from notification_hub.wire import Call

__all__ = ["TaskQueue"]

#: How long a cancelled request may take to end.
_CANCEL_S = 1.0


class TaskQueue:
    """Sends in order, one request at a time; its task lives as long as something waits."""

    def __init__(
        self,
        send: Callable[[Call[Receipt | BatchReceipt]], Awaitable[Receipt | BatchReceipt]],
        outbox: Outbox,
        on_error: OnError | None,
    ) -> None:
        """Take how to send a request once."""
        self._send = send
        self._outbox = outbox
        self._on_error = on_error
        self._task: asyncio.Task[None] | None = None
        #: Ends the present wait, once: the hub may be back.
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
            report(self._on_error, self._outbox.count_loss("no_loop"), addressed)
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
        return self._outbox.is_empty

    async def close(self, timeout_s: float) -> bool:
        """Take no more, try what is left at once, give up what is not sent in time; return whether all was sent."""
        self._outbox.close()
        self._hurry.set()
        done = await self.flush(timeout_s)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=_CANCEL_S)
        for addressed in self._outbox.give_up():
            report(self._on_error, NotificationLost("closed"), addressed)
        return done

    async def _run(self) -> None:
        while (batch := self._outbox.take()) is not None:
            while (delay_s := await self._try(batch)) is not None:
                await self._wait(delay_s)

    async def _try(self, batch: Batch) -> float | None:
        """Send a batch once; return how long to wait before it is sent again, if it is."""
        response: Receipt | BatchReceipt | HubFailure
        try:
            response = await self._send(batch.call)
        except HubFailure as failure:
            response = failure
        except Exception as error:  # the task must outlive every error of the HTTP library
            response = HubFailure(f"The request failed: {type(error).__name__}")
        step = self._outbox.settle(batch, response)
        for lost, addressed in step.lost:
            report(self._on_error, lost, addressed)
        return step.delay_s

    async def _wait(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._hurry.wait()
        # `close` ends one wait; the waits after it are as long as ever.
        self._hurry.clear()
