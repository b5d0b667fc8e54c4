"""Everybody dropped at once and back at once: each gets exactly what it missed, and publishing goes on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.faults.clients import Peer, dial, dial_many, drop_all
from tests.faults.measurement import percentile_ms
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S

MISSED = 20
CAUGHT_UP_BAR_S = 15.0
PUBLISH_BAR_MS = 500.0
STORM_DEADLINE_S = 120.0
ROOT = Path(__file__).parents[2]


class Published(NamedTuple):
    """What was published while the clients came back: the ids of what was for them, and how long each publish took."""

    clients: list[str]
    waits_s: list[float]


@pytest.mark.parametrize("count", [pytest.param(500, id="500"), pytest.param(5000, id="5000", marks=pytest.mark.soak)])
async def test_everybody_dropped_at_once_is_back_and_misses_nothing(
    tmp_path: Path, figures: list[str], count: int
) -> None:
    """Every client sees what came before, the 20 it missed and what came meanwhile: once, in order, nothing else."""
    hub = HubProcess(tmp_path, WS_HEARTBEAT_INTERVAL="30", WS_MAX_CONNECTIONS=str(count + 100))
    await hub.start()
    loop = asyncio.get_running_loop()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=STORM_DEADLINE_S) as client:
            await wait_ready(client)
            tokens = [hub.token(ACCOUNT, f"w{number}") for number in range(count)]
            before = await dial_many(hub, count, transport="websocket")
            stream = [await store(client, hub, "before")]
            await receive_all(before, stream)
            await drop_all(before)

            missed = [await store(client, hub, f"missed {number}") for number in range(MISSED)]
            async with keep_publishing(hub) as finish:
                began_s = loop.time()
                after = await asyncio.gather(
                    *(
                        dial(hub.port, token, transport="websocket", cursor=peer.cursor, deadline_s=STORM_DEADLINE_S)
                        for token, peer in zip(tokens, before, strict=True)
                    )
                )
                assert {101} == {peer.status for peer in after}
                async with asyncio.timeout(STORM_DEADLINE_S):
                    while any(len(peer.ids) < MISSED for peer in after):
                        await asyncio.sleep(0.05)
                caught_up_s = max(peer.came_s[MISSED - 1] for peer in after) - began_s
                meanwhile, waits_s = await finish()
            await receive_all(after, missed + meanwhile)
            await drop_all(after)
    finally:
        status = await hub.stop()

    assert 0 == status
    assert meanwhile, "nothing came while they were coming back"
    slow_ms = percentile_ms(waits_s, 99)
    figures.append(
        f"storm: {count} clients dropped at once, each {MISSED} behind: all caught up in {caught_up_s:.1f} s "
        f"(bar {CAUGHT_UP_BAR_S:.0f} s for 5,000), {len(waits_s)} publishes meanwhile, none failed, "
        f"p50 {percentile_ms(waits_s, 50):.0f} ms, p99 {slow_ms:.0f} ms (bar {PUBLISH_BAR_MS:.0f} ms)"
    )
    if count >= 5000:
        assert caught_up_s <= CAUGHT_UP_BAR_S
        assert slow_ms <= PUBLISH_BAR_MS


async def store(client: httpx.AsyncClient, hub: HubProcess, title: str, **fields: object) -> str:
    """Publish, by default to the clients, and return the id."""
    answer = await publish(client, hub, title, **fields)
    assert 202 == answer.status_code, answer.text
    identifier: str = answer.json()["id"]
    return identifier


@contextlib.asynccontextmanager
async def keep_publishing(hub: HubProcess) -> AsyncIterator[Callable[[], Awaitable[Published]]]:
    """Publish in a process of its own; yields what stops it and returns what it did."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.publisher", str(hub.port)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{hub.key}\n".encode())
    assert b"ready\n" == await process.stdout.readline()
    stdin, stdout = process.stdin, process.stdout

    async def finish() -> Published:
        stdin.close()
        said = json.loads(await stdout.readline())
        return Published(**said)

    try:
        yield finish
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()


async def receive_all(peers: list[Peer], expected: list[str]) -> None:
    """Wait until every peer has as many as expected, and compare."""
    async with asyncio.timeout(DEADLINE_S):
        while any(len(peer.ids) < len(expected) for peer in peers):
            await asyncio.sleep(0.01)
    wrong = [peer.ids for peer in peers if peer.ids != expected]
    assert [] == wrong[:1], f"{len(wrong)} clients saw something else"
