"""Tens of thousands of connections that came and went: the process is as it was before them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import msgspec
import pytest

from tests.faults.clients import dial_many, drop_all
from tests.faults.measurement import read_resident_bytes
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S
from tests.transports.callers import ENDS, Caller

MIB = 2**20
#: Before the first is counted: caches fill, and the allocator takes what it then has.
WARM_UP_ROUNDS = 10
AT_A_TIME = 2
MAX_GROWTH_BYTES = 8 * MIB
#: What is in the way by chance when objects are counted; 20,000 connections that left one each would be 20,000.
MAX_OBJECTS = 1_000
MAX_PAUSE_S = 0.020
#: Ends of streams and polls: those that publish fill the log's caches, which are bounded by themselves.
STAYING = [name for name in ENDS if not name.startswith("http") and "disconnected" not in name]
IDLE = 1_000


class State(msgspec.Struct):
    """What the process says of itself."""

    objects: dict[str, int]
    pauses_s: list[float]


class WatchedHub(HubProcess):
    """A hub process that can be asked what it holds."""

    def __init__(self, folder: Path, collector: str, **environ: str) -> None:
        super().__init__(folder, WS_HEARTBEAT_INTERVAL="30", HUB_LOG_LEVEL="error", HUB_COMPRESSION="on", **environ)
        self._told = folder / "state.json"
        self.launcher = ["tests.faults.watched", str(self._told), collector]

    async def ask(self) -> State:
        """Return what it holds now."""
        os.kill(self.process_id, signal.SIGUSR1)
        async with asyncio.timeout(DEADLINE_S):
            while not self._told.exists():
                await asyncio.sleep(0.01)
        state = msgspec.json.decode(self._told.read_bytes(), type=State)
        self._told.unlink()
        return state

    async def callers(self) -> list[Caller]:
        """Return callers of different users who have missed something, once the hub serves."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=DEADLINE_S) as client:
            await wait_ready(client)
            cursor = (await publish(client, self, "seen")).json()["cursor"]
            for _ in range(20):
                await publish(client, self, "missed", data={"padding": "x" * 30_000})
        return [
            Caller(self.port, self.token(ACCOUNT, name), user_id=name, cursor=cursor, key=self.key)
            for name in map(str, range(AT_A_TIME))
        ]


def come_and_go(caller: Caller, names: list[str], rounds: int) -> None:
    """Make connections that end in each of these ways, again and again."""
    for _ in range(rounds):
        for name in names:
            ENDS[name](caller)


async def run_rounds(callers: list[Caller], names: list[str], rounds: int) -> None:
    """Let all callers come and go at the same time."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(len(callers)) as threads:
        await asyncio.gather(*(loop.run_in_executor(threads, come_and_go, caller, names, rounds) for caller in callers))


async def test_20_000_connections_leave_nothing_without_the_collector(tmp_path: Path, figures: list[str]) -> None:
    """Over every transport and by every end: memory and objects are what they were, though nothing was collected."""
    names = list(ENDS)
    rounds = 20_000 // (len(names) * AT_A_TIME) + 1
    hub = WatchedHub(tmp_path, "off", HUB_MAX_CONNECTIONS_PER_USER="2")
    await hub.start()
    try:
        callers = await hub.callers()
        await run_rounds(callers, names, WARM_UP_ROUNDS)
        before, before_bytes = await hub.ask(), read_resident_bytes(hub.process_id)
        await run_rounds(callers, names, rounds)
        after = await hub.ask()
        async with asyncio.timeout(DEADLINE_S):  # the last ones are still under way
            while sum(after.objects.values()) - sum(before.objects.values()) > MAX_OBJECTS:
                await asyncio.sleep(0.1)
                after = await hub.ask()
        growth_bytes = read_resident_bytes(hub.process_id) - before_bytes
    finally:
        status = await hub.stop()
    assert 0 == status
    assert [] == after.pauses_s
    assert growth_bytes < MAX_GROWTH_BYTES
    more = Counter(after.objects)
    more.subtract(before.objects)
    figures.append(
        f"{rounds * len(names) * AT_A_TIME} connections without the collector: {growth_bytes / 1024:.0f} KiB and "
        f"{sum(more.values())} objects more"
    )


@pytest.mark.soak
async def test_a_million_connections_leave_nothing_and_stop_nobody(tmp_path: Path, figures: list[str]) -> None:
    """Beside a thousand that stay: less than 8 MiB more, and the collector never held the loop up for 20 ms."""
    rounds = 1_000_000 // (len(STAYING) * AT_A_TIME) + 1
    hub = WatchedHub(tmp_path, "on", HUB_MAX_CONNECTIONS_PER_USER="2", WS_MAX_CONNECTIONS="5000")
    await hub.start()
    try:
        callers = await hub.callers()
        idle = await dial_many(hub, IDLE, transport="websocket", account="98765432000110")
        await run_rounds(callers, STAYING, WARM_UP_ROUNDS * 10)
        before_bytes = read_resident_bytes(hub.process_id)
        await run_rounds(callers, STAYING, rounds)
        state = await hub.ask()
        growth_bytes = read_resident_bytes(hub.process_id) - before_bytes
        await drop_all(idle)
    finally:
        status = await hub.stop()
    assert 0 == status
    figures.append(
        f"{rounds * len(STAYING) * AT_A_TIME} connections beside {IDLE}: {growth_bytes / MIB:.1f} MiB more, "
        f"{len(state.pauses_s)} collections, the longest {max(state.pauses_s, default=0) * 1000:.1f} ms"
    )
    assert growth_bytes < MAX_GROWTH_BYTES
    assert max(state.pauses_s, default=0) < MAX_PAUSE_S
