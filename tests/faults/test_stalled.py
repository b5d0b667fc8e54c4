"""Clients that stop reading in the middle of the stream: they cost little, go in time, and nobody else notices."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import httpx
import pytest

from tests.faults.clients import Peer, dial_many, drop_all
from tests.faults.measurement import count_files, percentile_ms, read_resident_bytes
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S

STALLED_ACCOUNT = "98765432000110"
HEARTBEAT_S = 2.0
#: A peer misses one beat and is judged at the next; five seconds more are the bar.
REAPED_S = 2 * HEARTBEAT_S + 5
HEALTHY = 20
#: 200 a second, in batches.
BATCH = 20
BATCHES_PER_S = 10
WARM_UP_S = 2.0
KIB = 1024
MAX_GROWTH_BYTES = 128 * KIB


class Traffic:
    """A steady stream of notifications, and when each set out."""

    def __init__(self, client: httpx.AsyncClient, hub: HubProcess) -> None:
        self._client = client
        self._key = hub.key
        #: Whom it is for.
        self.target: dict[str, object] = {"account_id": ACCOUNT}
        self.sent_s: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until told to stop."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while not stop.is_set():
            sent_s = loop.time()
            one = {"type": "stock_alert", "title": "t", "message": "x" * 200, **self.target}
            answer = await self._client.post(
                "/api/internal/notify/batch",
                json={"notifications": [one] * BATCH},
                headers={"authorization": f"Bearer {self._key}"},
            )
            assert 202 == answer.status_code, answer.text
            for result in answer.json()["results"]:
                self.sent_s[result["receipt"]["id"]] = sent_s
            next_s += 1 / BATCHES_PER_S
            await asyncio.sleep(max(0.0, next_s - loop.time()))

    def waits_s(self, peer: Peer, *, since_s: float, until_s: float) -> list[float]:
        """Return how long each notification of that time was on its way to a peer."""
        waits = []
        for identifier, came_s in zip(peer.ids, peer.came_s, strict=True):
            sent_s = self.sent_s.get(identifier)  # one whose receipt is still on its way has none
            if sent_s is not None and since_s <= sent_s < until_s:
                waits.append(came_s - sent_s)
        return waits


@pytest.mark.parametrize("count", [pytest.param(100, id="100"), pytest.param(1000, id="1000", marks=pytest.mark.soak)])
async def test_clients_that_stop_reading_cost_little_and_go_in_time(
    tmp_path: Path, figures: list[str], count: int
) -> None:
    """Under 128 KiB each, all gone within two heartbeats and five seconds, and the healthy get everything in order."""
    hub = HubProcess(tmp_path, WS_HEARTBEAT_INTERVAL=str(HEARTBEAT_S), WS_MAX_CONNECTIONS="5000")
    await hub.start()
    loop = asyncio.get_running_loop()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}", timeout=DEADLINE_S) as client:
            await wait_ready(client)
            assert hub._process is not None
            process_id = hub._process.pid
            healthy = await dial_many(hub, HEALTHY, transport="websocket")
            files = count_files(process_id)
            stalled = [
                peer
                for transport in ("websocket", "sse")
                for peer in await dial_many(
                    hub, count // 2, transport=transport, account=STALLED_ACCOUNT, receive_buffer_bytes=4096
                )
            ]
            traffic, stop = Traffic(client, hub), asyncio.Event()
            began_s = loop.time()
            publishing = asyncio.create_task(traffic.run(stop))
            await asyncio.sleep(WARM_UP_S)

            resident_bytes = peak_bytes = read_resident_bytes(process_id)
            calm_s = loop.time()
            traffic.target = {"everyone": True}
            async with asyncio.timeout(DEADLINE_S):
                while not all(peer.ids for peer in stalled):
                    await asyncio.sleep(0.01)
            stalled_s = loop.time()
            for peer in stalled:
                peer.stall()
            while count_files(process_id) > files:
                assert loop.time() - stalled_s < REAPED_S, f"{count_files(process_id) - files} are left"
                peak_bytes = max(peak_bytes, read_resident_bytes(process_id))
                await asyncio.sleep(0.05)
            reaped_s = loop.time() - stalled_s

            stop.set()
            await publishing
            async with asyncio.timeout(DEADLINE_S):
                while any(len(peer.ids) < len(traffic.sent_s) for peer in healthy):
                    await asyncio.sleep(0.01)
            await drop_all(healthy + stalled)
    finally:
        status = await hub.stop()

    assert 0 == status
    for peer in healthy:
        assert list(traffic.sent_s) == peer.ids
    growth_bytes = (peak_bytes - resident_bytes) / count
    assert growth_bytes <= MAX_GROWTH_BYTES
    calm, siege = (
        percentile_ms(list(itertools.chain(*(traffic.waits_s(p, since_s=a, until_s=b) for p in healthy))), 99)
        for a, b in ((began_s, calm_s), (stalled_s, stalled_s + reaped_s))
    )
    figures.append(
        f"stalled: {count} of {count + HEALTHY} clients at {BATCH * BATCHES_PER_S} msg/s, "
        f"{growth_bytes / KIB:.1f} KiB each at the peak, gone after {reaped_s:.1f} s, "
        f"healthy p99 {calm:.0f} ms before and {siege:.0f} ms meanwhile"
    )
