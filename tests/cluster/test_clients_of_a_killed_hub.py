"""A hub with a thousand clients is killed: all of them are back at the others, with everything, within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import httpx
import pytest

from tests.cluster.checker import make_token
from tests.cluster.ledger import User
from tests.cluster.local import LocalCluster
from tests.cluster.scenario import run_cluster, tell
from tests.faults.clients import Peer, dial

CLIENTS = 1_000
ACCOUNT = "12345678000190"
RATE_PER_S = 10
BAR_S = 5.0
DEADLINE_S = 120.0


class Client:
    """One browser, as the browser client waits before it connects again: from 0.5 s to 1 s the first time."""

    def __init__(self, token: str, random: Random) -> None:
        self._token = token
        self._random = random
        self.peer: Peer
        self.ids: list[str] = []
        #: When it had a connection again, on the loop's clock; 0 while it has lost none.
        self.back_s = 0.0

    async def connect(self, port: int) -> None:
        """Connect for the first time."""
        self.peer = await dial(port, self._token, transport="websocket")
        assert 101 == self.peer.status

    async def come_back(self, port: int) -> None:
        """Wait until the connection is lost, and connect over the proxy with the cursor, as often as it takes."""
        await self.peer.closed.wait()
        before, attempt = self.peer, 0
        self.ids += before.ids
        while True:
            await asyncio.sleep(0.5 + self._random.random() * min(20.0, 0.5 * 2**attempt))
            attempt += 1
            with contextlib.suppress(OSError, TimeoutError):
                peer = await dial(port, self._token, transport="websocket", cursor=before.cursor, deadline_s=10)
                if peer.status == 101:
                    self.peer, self.back_s = peer, asyncio.get_running_loop().time()
                    return
                peer.drop()

    @property
    def received(self) -> list[str]:
        """Every notification, in the order in which it came."""
        return self.ids + self.peer.ids


@pytest.mark.soak
async def test_a_thousand_clients_come_back(tmp_path: Path, figures: list[str]) -> None:
    """Each has everything once and in order, and had it within five seconds of the kill."""
    loop, random = asyncio.get_running_loop(), Random(1)
    environ = {"WS_MAX_CONNECTIONS": str(2 * CLIENTS), "WS_HEARTBEAT_INTERVAL": "30"}
    async with run_cluster(tmp_path / "cluster", **environ) as cluster:
        users = [User(ACCOUNT, f"{number:011}") for number in range(CLIENTS)]
        clients = [Client(make_token(cluster.target.jwt_secret, user), random) for user in users]
        for start in range(0, CLIENTS, 50):
            await asyncio.gather(*(each.connect(cluster.ports.hub(1)) for each in clients[start : start + 50]))
        async with keep_publishing(cluster) as published:
            await wait_for(lambda: len(published) > 20)
            returning = [asyncio.create_task(each.come_back(cluster.ports.base)) for each in clients]
            killed_s = loop.time()
            await cluster.hubs[0].kill()
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*returning)
            # What was published until then is what each has missed, and must have.
            owed = len(published)
            caught_up_s = await wait_caught_up(clients, owed) - killed_s
            back_s = max(each.back_s for each in clients) - killed_s
            await asyncio.sleep(1)
        await wait_for(lambda: all(len(each.received) >= len(published) for each in clients))
        wrong = [each for each in clients if each.received != published]
        assert [] == wrong[:1], f"{len(wrong)} clients saw something else"
        for each in clients:
            each.peer.drop()
    tell(
        figures,
        f"cluster, a hub with {CLIENTS} clients killed at {RATE_PER_S}/s: all connected again after {back_s:.1f} s, "
        f"caught up after {caught_up_s:.1f} s (bar {BAR_S:.0f} s); {len(published)} notifications, once and in order",
    )
    assert caught_up_s <= BAR_S


async def wait_caught_up(clients: list[Client], owed: int) -> float:
    """Return when the last client had so many, on the loop's clock."""
    await wait_for(lambda: all(len(each.received) >= owed for each in clients))
    return max(each.peer.came_s[owed - len(each.ids) - 1] for each in clients if owed > len(each.ids))


@contextlib.asynccontextmanager
async def keep_publishing(cluster: LocalCluster) -> AsyncIterator[list[str]]:
    """Publish to the whole account at the second node; yields the ids that it acknowledged, in order."""
    published: list[str] = []
    stop = asyncio.Event()

    async def publish() -> None:
        headers = {"authorization": f"Bearer {cluster.target.service_key}"}
        body = {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT}
        async with httpx.AsyncClient(timeout=20, headers=headers) as http:
            while not stop.is_set():
                due_s = time.monotonic() + 1 / RATE_PER_S
                response = await http.post(f"{cluster.target.urls[1]}/api/internal/notify", json=body)
                assert 202 == response.status_code, response.text
                published.append(response.json()["id"])
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    task = asyncio.create_task(publish())
    try:
        yield published
    finally:
        stop.set()
        await task


async def wait_for(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.02)
