"""Connections that nobody waits for: brought what they lack from the log, at the peer's pace."""

from __future__ import annotations

import asyncio
import logging

from hub.delivery.ports import Ends
from hub.delivery.replay import Replay
from hub.delivery.subscribers import Subscriber
from hub.operator_log import OperatorLog

__all__ = ["CatchUp"]

logger = logging.getLogger("hub.connections")


class CatchUp:
    """Owns one task for each connection that is behind."""

    def __init__(self, replay: Replay, ends: Ends) -> None:
        self._replay = replay
        self._ends = ends
        self._lines = OperatorLog(logger)
        self._tasks: set[asyncio.Task[None]] = set()

    def fall_behind(self, subscriber: Subscriber) -> None:
        """Bring a live connection from the log what its peer takes too slowly; it stays, and misses nothing."""
        if self._replay.fall_behind(subscriber):
            self._start(subscriber)

    def replay(self, subscriber: Subscriber) -> None:
        """Bring a connection that was just greeted what it missed: at once where that is nothing."""
        if not self._replay.run_nowait(subscriber):
            self._start(subscriber)

    async def close(self) -> None:
        """Cancel every task, and wait until it has ended."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, subscriber: Subscriber) -> None:
        task = asyncio.get_running_loop().create_task(self._run(subscriber), name="catching up")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, subscriber: Subscriber) -> None:
        try:
            await self._replay.run(subscriber)
        except Exception as error:  # as in the dispatcher: whatever one link does
            self._lines.write_limited(logging.ERROR, "link_failed", f"a link failed: {type(error).__name__}")
            self._ends.end_dead(subscriber)
