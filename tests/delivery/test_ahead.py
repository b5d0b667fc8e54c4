"""A cursor that a faster node gave: this node catches up with it before it says anything, and not for long."""

from __future__ import annotations

import asyncio
import time

import pytest

from hub.cursor import Cursor, new_epoch
from hub.delivery.resumption import Resumption
from hub.errors import StorageUnavailable
from hub.metrics import Metrics
from hub.target import EVERYONE
from tests.fakes import FakeClock, MemoryLog, make_draft


async def test_a_node_reaches_the_cursor_meanwhile() -> None:
    """It is waited for until the log has the position, and no longer; a hub alone never waits."""
    log = MemoryLog(FakeClock())
    resumption = Resumption(log, Metrics(started_at_s=0), ahead_wait_s=20)
    ahead = Cursor(log.epoch, 2)
    assert resumption.is_ahead(ahead)
    assert not Resumption(log, Metrics(started_at_s=0)).is_ahead(ahead)
    waiting = asyncio.create_task(resumption.wait_ahead(ahead))
    await log.append([make_draft([EVERYONE])])
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await log.append([make_draft([EVERYONE])])
    async with asyncio.timeout(20):
        await waiting


async def test_what_is_not_ahead_is_not_waited_for() -> None:
    """No cursor, one of another life, and one that the log has: at once. One that nobody reaches: for a while."""
    log = MemoryLog(FakeClock())
    await log.append([make_draft([EVERYONE])])
    resumption = Resumption(log, Metrics(started_at_s=0), ahead_wait_s=0.1)
    for cursor in (None, Cursor(new_epoch(), 9), Cursor(log.epoch, 1), Cursor(log.epoch, 0)):
        assert not resumption.is_ahead(cursor)
        await resumption.wait_ahead(cursor)
    began_s = time.monotonic()
    await resumption.wait_ahead(Cursor(log.epoch, 9))
    # The difference of two times may be a little less than what was waited.
    assert 0.099 <= time.monotonic() - began_s


async def test_a_node_that_cannot_know_says_so() -> None:
    """A node that is cut off announces no gap before a place that another node may have reached."""
    log = MemoryLog(FakeClock())
    resumption = Resumption(log, Metrics(started_at_s=0), ahead_wait_s=0.1)
    log.fails = True
    with pytest.raises(StorageUnavailable):
        await resumption.wait_ahead(Cursor(log.epoch, 9))
    await resumption.wait_ahead(Cursor(new_epoch(), 9))
