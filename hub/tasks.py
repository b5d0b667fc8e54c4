"""The tasks that run as long as the hub does: each has a name, and its end is reported at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from hub.operator_log import OperatorLog

__all__ = ["Tasks"]

logger = logging.getLogger("hub.app")


class Tasks:
    """Owns tasks that end only when they are stopped, or by a fault of ours."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run this until `stop`; the name, used once, is what a log line calls it."""
        task = asyncio.create_task(coroutine, name=name)
        task.add_done_callback(_report)
        self._tasks[name] = task

    def is_running(self, *names: str) -> bool:
        """Whether all of these were started and have not ended."""
        return all(name in self._tasks and not self._tasks[name].done() for name in names)

    async def wait_end(self, *names: str) -> None:
        """Return once one of these has ended, or was not started."""
        tasks = [self._tasks[name] for name in names if name in self._tasks]
        if len(tasks) == len(names):
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Cancel every task, and wait until it has ended."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


def _report(task: asyncio.Task[None]) -> None:
    # At once: a hub that stores and does not dispatch looks well to all but readiness.
    if not task.cancelled() and (error := task.exception()) is not None:
        message = f"the {task.get_name()} stopped: {type(error).__name__}"
        OperatorLog(logger).write(logging.ERROR, "stopped", message, task=task.get_name())
