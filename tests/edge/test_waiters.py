"""Signals and inboxes: they wake whoever waits, as asyncio's own do."""

from __future__ import annotations

import asyncio

import pytest

from hub.edge.waiters import Inbox, Signal

DEADLINE_S = 5.0


async def start() -> None:
    """Let tasks run up to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_set_signal_lets_through() -> None:
    """No wait, and no turn of the loop."""
    signal = Signal(is_set=True)
    waiting = signal.wait()
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert signal.is_set()


async def test_setting_wakes_everybody() -> None:
    """Not just the first, and though it is cleared at once."""
    signal = Signal()
    tasks = [asyncio.create_task(signal.wait()) for _ in range(3)]
    await start()
    assert not any(task.done() for task in tasks)
    signal.set()
    signal.clear()
    async with asyncio.timeout(DEADLINE_S):
        assert [True] * 3 == await asyncio.gather(*tasks)
    assert not signal.is_set()


async def test_a_waiter_that_gives_up_leaves_the_others() -> None:
    """A deadline that passes takes its own place out of the line, and only that."""
    signal = Signal()
    stays = asyncio.create_task(signal.wait())
    await start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await signal.wait()
    assert not stays.done()
    signal.set()
    async with asyncio.timeout(DEADLINE_S):
        assert await stays


async def test_a_waiter_may_give_up_as_it_is_woken() -> None:
    """The wake-up and the cancellation in one turn of the loop: nobody trips."""
    signal = Signal()
    task = asyncio.create_task(signal.wait())
    await start()
    signal.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_inbox_hands_out_in_order() -> None:
    """Oldest first, whether it came before the reader or after."""
    inbox: Inbox[int] = Inbox()
    assert inbox.empty()
    inbox.put_nowait(1)
    inbox.put_nowait(2)
    assert 2 == inbox.qsize()
    assert [1, 2] == [await inbox.get(), await inbox.get()]
    reader = asyncio.create_task(inbox.get())
    await start()
    assert not reader.done()
    inbox.put_nowait(3)
    async with asyncio.timeout(DEADLINE_S):
        assert 3 == await reader
    assert inbox.empty()


async def test_an_inbox_keeps_what_a_reader_did_not_wait_for() -> None:
    """A reader that is cancelled takes nothing with it."""
    inbox: Inbox[int] = Inbox()
    reader = asyncio.create_task(inbox.get())
    await start()
    inbox.put_nowait(1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert 1 == await inbox.get()
