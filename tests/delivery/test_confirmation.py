"""Confirmation in real time: it rests while nothing has to be confirmed, and is woken by what has."""

from __future__ import annotations

import asyncio

from hub.delivery.resume_points import identify_client
from hub.target import EVERYONE
from tests.delivery.test_endings import Ended
from tests.fakes import Ask

DEADLINE_S = 10.0


async def wait_asked(harness: Ended, position: int) -> None:
    """Return once the one client was asked to confirm everything up to `position`."""
    (subscriber,) = harness.subscribers.everyone()
    async with asyncio.timeout(DEADLINE_S):
        while subscriber.link.said[-1:] != [Ask(position)]:  # type: ignore[attr-defined]  # it is the fake
            await asyncio.sleep(0.005)


async def test_a_dispatch_wakes_it() -> None:
    """A client without a cursor is asked for what it was sent, whenever that is, also after long rests."""
    harness = Ended()
    subscriber, link = harness.register()
    task = asyncio.create_task(harness.confirmation.run(harness))
    try:
        await asyncio.sleep(0)
        _, point = harness.confirmation.begin(subscriber, identify_client("a1", "token", []))
        link.resume_at(point)
        await harness.replay.run(subscriber)
        for position in (1, 2):
            assert position == harness.log.publish(EVERYONE)
            if position == 1:
                dispatching = asyncio.create_task(harness.dispatcher.run())
            await wait_asked(harness, position)
            assert position == point.confirmed
        dispatching.cancel()
        await asyncio.gather(dispatching, return_exceptions=True)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
