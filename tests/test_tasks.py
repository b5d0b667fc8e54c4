"""The tasks that run as long as the hub does."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hub.tasks import Tasks

DEADLINE_S = 10.0


async def fail() -> None:
    """Stop at once, as only a fault of ours does."""
    raise OSError("of a user's id")


async def wait_for_ever() -> None:
    """Run until cancelled."""
    await asyncio.Event().wait()


async def test_every_named_task_must_be_running() -> None:
    """A task that was never started, or has ended, is not running; the others do not count."""
    tasks = Tasks()
    tasks.start("one", wait_for_ever())
    tasks.start("other", fail())
    async with asyncio.timeout(DEADLINE_S):
        while tasks.is_running("other"):
            await asyncio.sleep(0)
    assert (True, False, False) == (
        tasks.is_running("one"),
        tasks.is_running("one", "other"),
        tasks.is_running("one", "unknown"),
    )
    await tasks.stop()
    assert not tasks.is_running("one")


async def test_a_task_that_fails_is_reported_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the task and the kind of error, and none of its text."""
    tasks = Tasks()
    with caplog.at_level(logging.ERROR):
        tasks.start("dispatcher", fail())
        async with asyncio.timeout(DEADLINE_S):
            while not caplog.messages:
                await asyncio.sleep(0)
    assert ["the dispatcher stopped: OSError"] == caplog.messages
    await tasks.stop()


async def test_stop_is_silent_and_complete(caplog: pytest.LogCaptureFixture) -> None:
    """A stop waits until every task has cleaned up, and reports none of them."""
    ended: list[str] = []

    async def run(name: str) -> None:
        try:
            await wait_for_ever()
        finally:
            await asyncio.sleep(0)
            ended.append(name)

    tasks = Tasks()
    for name in ("one", "other"):
        tasks.start(name, run(name))
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR):
        await tasks.stop()
    assert ["one", "other"] == sorted(ended)
    assert [] == caplog.messages
