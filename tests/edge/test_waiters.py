"""Compact events and queues: they wake every waiter, as asyncio's own do, and a debugger can show them."""

from __future__ import annotations

import asyncio

import pytest

from hub.edge.waiters import CompactEvent, CompactQueue

DEADLINE_S = 5.0


async def start() -> None:
    """Let tasks run up to where they wait."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_set_event_lets_through() -> None:
    """No wait, and no iteration of the loop."""
    event = CompactEvent(is_set=True)
    waiting = event.wait()
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert event.is_set()


async def test_setting_wakes_everybody() -> None:
    """Not just the first, and though it is cleared at once."""
    event = CompactEvent()
    tasks = [asyncio.create_task(event.wait()) for _ in range(3)]
    await start()
    assert not any(task.done() for task in tasks)
    event.set()
    event.clear()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*tasks)
    assert not event.is_set()


async def test_a_waiter_that_gives_up_leaves_the_others() -> None:
    """A deadline that passes takes its own place out of the line, and only that."""
    event = CompactEvent()
    stays = asyncio.create_task(event.wait())
    await start()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await event.wait()
    assert not stays.done()
    event.set()
    async with asyncio.timeout(DEADLINE_S):
        await stays


async def test_a_waiter_may_give_up_as_it_is_woken() -> None:
    """The wake-up and the cancellation in one loop iteration: neither is lost."""
    event = CompactEvent()
    task = asyncio.create_task(event.wait())
    await start()
    event.set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_queue_hands_out_in_order() -> None:
    """Oldest first, whether it came before the reader or after."""
    queue: CompactQueue[int] = CompactQueue()
    assert 0 == len(queue)
    queue.put(1)
    queue.put(2)
    assert 2 == len(queue)
    assert [1, 2] == [await queue.get(), await queue.get()]
    reader = asyncio.create_task(queue.get())
    await start()
    assert not reader.done()
    queue.put(3)
    async with asyncio.timeout(DEADLINE_S):
        assert 3 == await reader
    assert 0 == len(queue)


async def test_a_queue_keeps_what_a_reader_did_not_wait_for() -> None:
    """A reader that is cancelled takes nothing with it."""
    queue: CompactQueue[int] = CompactQueue()
    reader = asyncio.create_task(queue.get())
    await start()
    queue.put(1)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert 1 == await queue.get()


async def test_both_can_be_shown() -> None:
    """A debugger or a log line prints them, whatever waits."""
    event = CompactEvent()
    queue: CompactQueue[int] = CompactQueue()
    queue.put(1)
    waiting = asyncio.create_task(event.wait())
    await start()
    assert "<CompactEvent unset, 1 waiting>" == repr(event)
    event.set()
    assert "<CompactEvent set, 0 waiting>" == repr(event)
    assert "<CompactQueue of 1>" == repr(queue)
    await waiting
