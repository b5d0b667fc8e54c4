"""What pushes: the tasks that find what is due and send it, on one node of a cluster at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from contracts.trace import Pushes
from hub.errors import Overloaded, StorageUnavailable
from hub.log.port import Record
from hub.push.backlog import Backlog
from hub.push.pusher import Pusher
from hub.push.subscriptions import Known, Subscriptions
from hub.push.sweep import sweep
from hub.tasks import Tasks

__all__ = ["PushWork"]

#: How long changes of subscriptions are collected before they are counted anew.
_RELOAD_S = 5.0


class PushWork:
    """Pushes while it runs, from the mark in the log on; what it holds in memory is of one run.

    `make` makes the two parts of a run. `is_over`: whether a subscription has ended.
    """

    def __init__(
        self,
        make: Callable[[], tuple[Pusher, Backlog]],
        subscriptions: Subscriptions,
        *,
        is_over: Callable[[Known], bool],
        sweep_s: float,
    ) -> None:
        self._make = make
        self._subscriptions = subscriptions
        self._is_over = is_over
        self._sweep_s = sweep_s
        self._is_running = False
        self._changed = asyncio.Event()
        self.pusher, self.backlog = make()

    def note(self, records: Sequence[Record]) -> None:
        """Note records that were just dispatched; never blocks."""
        if not self._is_running:
            return
        for record in records:
            if record.changes and record.origin is not None and self._subscriptions.learn(record.changes):
                self._changed.set()
        self.backlog.note(records)

    async def _keep_subscriptions(self) -> None:
        """Count subscriptions anew after other nodes changed any; several changes are one count."""
        while True:
            # No deadline: while nobody changes any there is nothing to do.
            await self._changed.wait()
            await asyncio.sleep(_RELOAD_S)
            self._changed.clear()
            with contextlib.suppress(StorageUnavailable):
                await self._subscriptions.load()

    def trace(self, position: int) -> Pushes | str:
        """Return what became of the push messages of a notification, or why that is not known."""
        return self.pusher.trace(position) if self._is_running else "Another node of the hub pushes, and counts it"

    async def run(self) -> None:
        """Push until cancelled; what has not been sent then is sent by the next run, here or elsewhere."""
        self.pusher, self.backlog = self._make()
        tasks, self._is_running = Tasks(), True
        tasks.start("push backlog", self.backlog.run())
        tasks.start("push mark", self.backlog.keep_mark())
        tasks.start("push", self.pusher.run())
        tasks.start("push subscriptions", self._keep_subscriptions())
        tasks.start("push sweep", sweep(self._subscriptions, self._is_over, every_s=self._sweep_s))
        try:
            # Until it is cancelled.
            await asyncio.get_running_loop().create_future()
        finally:
            self._is_running = False
            await tasks.stop()
            with contextlib.suppress(StorageUnavailable, Overloaded):
                await self.backlog.write_mark()
