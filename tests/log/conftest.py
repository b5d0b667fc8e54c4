"""Fixtures of the log's tests: a clock that obeys, and a log of every engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from hub.log.port import Log
from tests.log.engines import ENGINES, Clock

OpenLog = Callable[..., Awaitable[Log]]


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture(params=sorted(ENGINES))
async def open_log(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[OpenLog]:
    """Open the engine's log in a named folder, and close what is still open at the end."""
    opened: list[Log] = []

    async def open_log(folder: str = "log", max_pending: int = 1_000) -> Log:
        log = await ENGINES[request.param](tmp_path / folder, clock, max_pending)
        opened.append(log)
        return log

    yield open_log
    for log in opened:
        await log.close()


@pytest.fixture
async def log(open_log: OpenLog) -> Log:
    """An empty log."""
    return await open_log()
