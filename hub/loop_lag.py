"""How late the event loop runs what is due: every connection and every publish waits at least as long."""

from __future__ import annotations

import asyncio

from hub.histogram import Histogram

__all__ = ["watch_loop_lag"]

#: Between two looks.
INTERVAL_S = 0.25


async def watch_loop_lag(lags: Histogram) -> None:
    """Observe in `lags`, until cancelled, by how much a sleep of 250 ms is too long."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + INTERVAL_S
        await asyncio.sleep(INTERVAL_S)
        lags.observe(max(0.0, loop.time() - due_s))
