"""The messages that are sent now: a lane for each push service, so that a slow one delays no other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from hub.push.job import Job

__all__ = ["Lanes"]


class _Lane:
    def __init__(self) -> None:
        self.jobs: deque[Job] = deque()
        self.running = 0
        self.failures = 0


class Lanes:
    """Runs jobs, those of one push service in order, `each` of them at a time; holds at most `limit` in all."""

    def __init__(self, run: Callable[[Job], Awaitable[None]], *, each: int, limit: int) -> None:
        """`run` raises nothing; of a job that was given back by `drain` it is not called."""
        self._run = run
        self._each = each
        self._limit = limit
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def measure(self) -> dict[str, int]:
        """Return how many jobs each push service has."""
        return {origin: len(lane.jobs) + lane.running for origin, lane in self._lanes.items()}

    def put(self, job: Job) -> bool:
        """Take a job; False where too many are here already: all together, or for half of the room, its service's."""
        lane = self._lanes.get(job.origin)
        if self._count >= self._limit or (lane is not None and len(lane.jobs) >= self._limit // 2):
            return False
        if lane is None:
            lane = self._lanes[job.origin] = _Lane()
        lane.jobs.append(job)
        self._count += 1
        if lane.running < self._each:
            lane.running += 1
            task = asyncio.create_task(self._work(job.origin, lane), name="push lane")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return True

    def note(self, origin: str, *, takes: bool) -> int:
        """Note whether a push service takes messages; return how many in a row it has not taken."""
        lane = self._lanes[origin]
        lane.failures = 0 if takes else lane.failures + 1
        return lane.failures

    def drain(self, origin: str, limit: int) -> list[Job]:
        """Give back jobs of a push service that have not begun, at most `limit`."""
        lane = self._lanes[origin]
        jobs = [lane.jobs.popleft() for _ in range(min(limit, len(lane.jobs)))]
        self._count -= len(jobs)
        return jobs

    async def close(self) -> None:
        """Stop; what has not been sent is not."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, origin: str, lane: _Lane) -> None:
        try:
            while lane.jobs:
                job = lane.jobs.popleft()
                self._count -= 1
                await self._run(job)
        finally:
            lane.running -= 1
            if not lane.running and not lane.jobs:
                self._lanes.pop(origin, None)
