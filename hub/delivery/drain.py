"""An orderly shutdown: every connection is told to come back within a window, then closed in slices."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Iterable

import msgspec

from contracts.closing import CloseCode
from contracts.frame import Reconnect
from hub.delivery.ports import EndsInOrder
from hub.delivery.subscribers import Subscriber

__all__ = ["drain"]

#: Connections told to leave, or closed, in one loop iteration.
SLICE = 200
#: The shutdown window grows with the number of clients that will come back: so many a second.
RETURNS_PER_S = 500.0
#: How long a shutdown waits for the last confirmations of clients without a cursor.
CONFIRM_S = 2.0
CONFIRM_POLL_S = 0.01


async def drain(
    leaving: list[Subscriber], ends: EndsInOrder, *, window_s: float, reason: str = "the hub is restarting"
) -> None:
    """Send these connections away, spread over at most `window_s`.

    Each client is told a window in which to come back, sized by how many there are, and is then
    closed at a random moment within ours, for `reason`.
    """
    random.shuffle(leaving)
    within_s = round(max(1.0, len(leaving) / RETURNS_PER_S), 1)
    window_s = min(window_s, within_s)
    frame = msgspec.json.encode(Reconnect(within_seconds=within_s))
    slices = [leaving[start : start + SLICE] for start in range(0, len(leaving), SLICE)]
    for part in slices:
        for subscriber in part:
            if subscriber.speaks_hub_v1:
                subscriber.link.write_control(frame)
            if subscriber.transport == "sse":
                subscriber.link.write_retry(secrets.randbelow(int(within_s * 1000)))
        await asyncio.sleep(0)
    for part in slices:
        for subscriber in part:
            ends.end(subscriber, CloseCode.DRAIN, reason)
        await asyncio.sleep(window_s / len(slices))
    await _wait_confirmed(leaving)


async def _wait_confirmed(ended: Iterable[Subscriber]) -> None:
    # A client that resumes where its last confirmation says must be able to give it.
    points = [subscriber.point for subscriber in ended if subscriber.point is not None]
    for _ in range(round(CONFIRM_S / CONFIRM_POLL_S)):
        if all(point.settled for point in points):
            return
        await asyncio.sleep(CONFIRM_POLL_S)
