"""Hundreds of peers that stop reading, over every transport, with notifications of every size."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.faults.measurement import read_peak_bytes, read_resident_bytes
from tests.faults.process import HubProcess, publish, wait_ready
from tests.harness import ACCOUNT, DEADLINE_S

KIB = 1024
MAX_PEER_BYTES = 128 * KIB
#: What may stay in pages that the allocator cannot give back, since something in them is in use.
MAX_LEFT_BYTES = 16 * 2**20
SIZES_BYTES = (100, 2_000, 20_000, 60_000)
#: More than the kernel takes for one peer, and the budget.
WAITING_BYTES = 600_000
BATCH_BYTES = 700_000
KINDS = ("websocket replay", "sse replay", "websocket live", "sse live", "poll")


class Siege:
    """A hub, what waits in its log for each size, and peers that ask and read nothing."""

    def __init__(self, hub: HubProcess, client: httpx.AsyncClient, stack: ExitStack, cursor: str = "") -> None:
        self._hub = hub
        self._client = client
        self._stack = stack
        self.cursor = cursor
        self.live: list[tuple[str, int]] = []

    async def prepare(self) -> None:
        """Publish for one user of each size what a replay and a page will bring."""
        self.cursor = (await publish(self._client, self._hub, "seen")).json()["cursor"]
        for size_bytes in SIZES_BYTES:
            await self.publish([(f"replay {size_bytes}", size_bytes)] * (WAITING_BYTES // (size_bytes + 150)))

    async def publish(self, notices: list[tuple[str, int]]) -> None:
        """Publish one notification for each user and size, in batches."""
        items: list[dict[str, object]] = []
        weight_bytes = 0
        for user_id, size_bytes in [*notices, ("", 0)]:
            if items and (not user_id or weight_bytes > BATCH_BYTES or len(items) == 1_000):
                body = {"notifications": items}
                headers = {"authorization": f"Bearer {self._hub.key}"}
                answer = await self._client.post("/api/internal/notify/batch", json=body, headers=headers)
                assert 202 == answer.status_code, answer.text
                items, weight_bytes = [], 0
            data = {"padding": os.urandom(size_bytes // 2).hex()}
            target = {"account_id": ACCOUNT, "user_id": user_id}
            items.append({"type": "cart_updated", "title": "t", "message": "m", "data": data, **target})
            weight_bytes += size_bytes + 200

    def stall(self, kind: str, number: int, size_bytes: int) -> None:
        """Connect and ask; the answer is never read."""
        transport, _, phase = kind.partition(" ")
        user_id = f"replay {size_bytes}"
        cursor = f"&cursor={self.cursor}"
        if phase == "live":
            user_id, cursor = str(number), ""
            self.live.append((user_id, size_bytes))
        token = self._hub.token(ACCOUNT, user_id)
        upgrade = (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        )
        path, further = {"websocket": ("ws", upgrade), "sse": ("sse", ""), "poll": ("poll", "")}[transport]
        peer = self._stack.enter_context(socket.socket())
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", self._hub.port))
        request = f"GET /{path}?token={token}{cursor} HTTP/1.1\r\nHost: hub\r\n{further}\r\n".encode()
        # Requests behind each other: what they ask for is not made before the first answer was taken.
        peer.sendall(request * (100 if transport == "poll" else 1))


@pytest.mark.parametrize("count", [pytest.param(100, id="100"), pytest.param(500, id="500", marks=pytest.mark.soak)])
async def test_stalled_peers_hold_128_kib_each_and_give_it_back(tmp_path: Path, figures: list[str], count: int) -> None:
    """In any mix of transports, live and replayed, and of sizes; when they leave, the process is what it was."""
    hub = HubProcess(
        tmp_path,
        WS_HEARTBEAT_INTERVAL="100",
        WS_MAX_CONNECTIONS="5000",
        HUB_MAX_CONNECTIONS_PER_USER="5000",
        HUB_LOG_LEVEL="error",
    )
    await hub.start()
    try:
        base_url = f"http://127.0.0.1:{hub.port}"
        async with httpx.AsyncClient(base_url=base_url, timeout=6 * DEADLINE_S) as client:
            await wait_ready(client)
            with ExitStack() as warm:
                siege = Siege(hub, client, warm)
                await siege.prepare()
                for number in range(20):
                    siege.stall(KINDS[number % len(KINDS)], number, SIZES_BYTES[number % len(SIZES_BYTES)])
                    await asyncio.sleep(0)
                await siege.publish([one for one in siege.live for _ in range(max(1, 10_000 // one[1]))] * 3)
                # More than the log's caches take.
                await siege.publish([("nobody", SIZES_BYTES[-1])] * 400)
            base_bytes = read_resident_bytes(hub.process_id)
            Path(f"/proc/{hub.process_id}/clear_refs").write_text("5")  # the peak from here on
            with ExitStack() as stack:
                siege = Siege(hub, client, stack, siege.cursor)
                for number in range(count):
                    siege.stall(KINDS[number % len(KINDS)], number, SIZES_BYTES[number // 5 % len(SIZES_BYTES)])
                    await asyncio.sleep(0.002)  # the queue of the listening socket is short
                behind = round(count * 2 / len(KINDS))
                while await read_metric(client, hub, "hub_fallen_behind_total") < behind:
                    await siege.publish([one for one in siege.live for _ in range(max(1, 10_000 // one[1]))])
                peak_bytes = read_peak_bytes(hub.process_id) - base_bytes
            async with asyncio.timeout(3 * DEADLINE_S):
                while read_resident_bytes(hub.process_id) - base_bytes > MAX_LEFT_BYTES:
                    await asyncio.sleep(0.1)
            left_bytes = read_resident_bytes(hub.process_id) - base_bytes
    finally:
        status = await hub.stop()
    assert 0 == status
    figures.append(
        f"held: {count} stalled peers, {peak_bytes / count / KIB:.0f} KiB each at the peak, "
        f"{left_bytes / 2**20:.0f} MiB in all when they had left"
    )
    # What a batch takes while it is published shows beside a hundred peers, and not beside five hundred.
    assert peak_bytes < max(count, 200) * MAX_PEER_BYTES


async def read_metric(client: httpx.AsyncClient, hub: HubProcess, name: str) -> float:
    """Return a counter's value."""
    text = (await client.get("/metrics", headers={"authorization": f"Bearer {hub.key}"})).text
    return float(text.partition(f"\n{name} ")[2].partition("\n")[0])
