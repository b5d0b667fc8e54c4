"""Peers that send nothing, or a byte now and then: none is kept, in any state of a connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hub.bounds import Bounds
from tests.attacks.odd_requests import KEY, WEBSOCKET, chunked, get, post
from tests.attacks.wire import Wire
from tests.harness import RunningHub, run_hub


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with its shipped bounds."""
    async with run_hub(tmp_path) as hub:
        yield hub


SILENCES = {
    "nothing at all": (b"", b""),
    "half a request line": (b"GET /hea", b""),
    "half a header": (get()[:-3], b""),
    "a byte now and then": (b"GET /health/live HTTP/1.1\r\nX: ", b"a"),
    "a header now and then": (b"GET /health/live HTTP/1.1\r\n", b"X: y\r\n"),
    "line breaks now and then": (b"", b"\r\n"),
    "a second request that stops": (get() + b"GET /health", b""),
    "a second request, a byte now and then": (get() + b"GET /health/live HTTP/1.1\r\nX: ", b"a"),
    "line breaks after a request": (get(), b"\r\n"),
    "a body nobody reads, half": (post(b"{", b"Content-Length: 99"), b""),
    "a body nobody reads, now and then": (post(b"{", b"Content-Length: 99999"), b" "),
    "a body nobody reads, late": (post(b"", b"Content-Length: 2"), b"{}"),
    "a body of a GET, now and then": (get(b"/health/live", b"Content-Length: 99999"), b"a"),
    "chunks now and then": (chunked(b""), b"1\r\na\r\n"),
    "half an upgrade": (get(b"/ws", *WEBSOCKET, KEY)[:-2], b""),
}


async def test_silent_and_slow_peers_are_not_kept(tmp_path: Path) -> None:
    """Whoever sends nothing, or a byte now and then, is gone after the deadline, in every state of a connection."""
    async with run_hub(tmp_path, keep_alive_s=1.0, bounds=Bounds(head_timeout_s=0.5)) as hub:
        left = await asyncio.gather(*map(linger, [hub] * len(SILENCES), SILENCES.values()))
    kept = [name for name, has_left in zip(SILENCES, left, strict=True) if not has_left]
    assert [] == kept


async def linger(hub: RunningHub, silence: tuple[bytes, bytes]) -> bool:
    """Send the beginning, then a drop every 50 ms; whether the hub ended the connection in three seconds."""
    beginning, drop = silence
    deadline_s = time.monotonic() + 3
    async with Wire(hub.port) as wire:
        await wire.send(beginning)
        ended = asyncio.create_task(wire.rest())
        while not ended.done() and time.monotonic() < deadline_s:
            if drop:
                await wire.send(drop)
            await asyncio.wait({ended}, timeout=0.05)
        left = ended.done()
        ended.cancel()
        return left


@pytest.fixture
async def impatient_hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub that waits for a body for a moment only."""
    async with run_hub(tmp_path, bounds=Bounds(body_timeout_s=0.4)) as running:
        yield running


async def test_half_a_body_is_answered_408(impatient_hub: RunningHub) -> None:
    """A body that does not come, or drips, is answered 408 in its time, and the connection is closed."""
    hub = impatient_hub
    bearer = b"Authorization: Bearer " + hub.key.encode()
    for head in (
        post(b"{", bearer, b"Content-Length: 90"),
        chunked(b"1\r\n{\r\n").replace(b"Host", bearer + b"\r\nHost"),
    ):
        for drips in (False, True):
            async with Wire(hub.port) as wire:
                await wire.send(head)
                answered = asyncio.create_task(wire.response())
                while not answered.done():
                    await asyncio.wait({answered}, timeout=0.1)
                    if drips and not answered.done():
                        await wire.send(b"1\r\n \r\n" if b"chunked" in head else b" ")
                answer = await answered
                assert (408, "close") == (answer.status, answer.headers["connection"])
                assert "request_timeout" == json.loads(answer.body)["code"]
                assert b"" == await wire.rest()
