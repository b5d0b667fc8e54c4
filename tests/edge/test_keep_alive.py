"""How long an idle HTTP connection is kept: long, so that no proxy meets a closed one, unless there are too many."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from hub.bounds import Bounds
from tests.attacks.wire import Wire
from tests.harness import DEADLINE_S, run_hub

LIVE = b"GET /health/live HTTP/1.1\r\nHost: hub\r\n\r\n"


async def test_an_idle_connection_ends_when_the_setting_says(tmp_path: Path) -> None:
    """It serves requests until it has been idle for HUB_KEEP_ALIVE, counted from the last answer."""
    keep_alive_s = 0.6
    async with run_hub(tmp_path, keep_alive_s=keep_alive_s) as hub, Wire(hub.port) as wire:
        began_s = time.monotonic()
        while time.monotonic() - began_s < 2 * keep_alive_s:
            await wire.send(LIVE)
            assert 200 == (await wire.response()).status
            idle_since_s = time.monotonic()
        assert b"" == await wire.rest()
        assert 0.9 * keep_alive_s < time.monotonic() - idle_since_s < DEADLINE_S


async def test_a_crowd_is_kept_for_a_moment_only(tmp_path: Path) -> None:
    """Beyond what stays and some more, an answered connection is soon closed; those that were there before are not."""
    bounds = Bounds(requests_beside=2, short_keep_alive_s=0.2)
    async with run_hub(tmp_path, max_connections=1, bounds=bounds) as hub, contextlib.AsyncExitStack() as peers:
        wires = []
        for _ in range(6):
            wires.append(await peers.enter_async_context(Wire(hub.port)))
            await wires[-1].send(LIVE)
            assert 200 == (await wires[-1].response()).status
        assert [b"", b"", b""] == await asyncio.gather(*[wire.rest() for wire in wires[3:]])
        for wire in wires[:3]:
            await wire.send(LIVE)
            assert 200 == (await wire.response()).status


async def test_a_connection_that_asks_nothing_is_closed_in_silence(tmp_path: Path) -> None:
    """A pool that opens one in advance would take a 408 for the answer to the publish that it sends at that moment."""
    async with run_hub(tmp_path, bounds=Bounds(head_timeout_s=0.2)) as hub:
        async with Wire(hub.port) as wire:
            assert b"" == await wire.rest()
        async with Wire(hub.port) as wire:
            await wire.send(b"GET")
            assert (await wire.rest()).startswith(b"HTTP/1.1 408 ")
