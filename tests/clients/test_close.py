"""What the Python clients do with their queue when they are closed: few requests, in order, nothing lost or twice."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from notification_hub import NotificationLost, QueueCounts
from tests.clients.conftest import Client, MakeClient, alert
from tests.clients.stand_in import Responder, StandIn, accept, refuse, reply, reset, stall
from tests.documented_proxies.network import SlowNetwork
from tests.harness import ACCOUNT, USER, run_hub

TITLES = [str(number) for number in range(30)]


async def test_500_leave_over_a_slow_network(tmp_path: Path, open_client: MakeClient) -> None:
    """A network on which as many requests would take 50 s delivers 500 in the close's 5 s, each once and in order."""
    async with (
        run_hub(tmp_path) as hub,
        SlowNetwork(hub.port, delay_s=0.05) as network,
        hub.websocket() as listener,
        open_client(f"http://127.0.0.1:{network.port}", key=hub.key) as client,
    ):
        for number in range(500):
            assert client.hub.enqueue(alert(str(number)), user_id=USER, account_id=ACCOUNT)
        assert await client.call("close")
        assert QueueCounts(queued=0, sent=500, failed=0, dropped=0) == client.counts
        assert list(map(str, range(500))) == [frame["title"] for frame in await listener.frames(500)]
        assert (500, 0) == (hub.hub.metrics.published.total(), hub.hub.metrics.duplicates)


@pytest.mark.parametrize(
    "responder", [refuse(503), reset, stall, reply(202, {"results": []}), refuse(413, code="body_too_large")]
)
async def test_what_fails_on_the_way(responder: Responder, open_client: MakeClient) -> None:
    """A request that fails is sent again as it was, or one by one where it is too large; nothing is lost."""
    with StandIn(*[responder, accept] * 2, accept) as server:
        async with open_client(server.url, timeout_s=1.0) as client:
            await queue(client, server)
            assert await client.call("close", 20.0)
            # Of one that is alone, too large is the last word.
            alone = sum(getattr(failure, "code", None) == "body_too_large" for failure in client.lost)
            assert QueueCounts(queued=0, sent=len(TITLES) - alone, failed=alone, dropped=0) == client.counts
        assert list(dict.fromkeys(server.fields("title"))) == TITLES
        bodies: dict[str, set[bytes]] = {}
        for seen in server.seen:
            bodies.setdefault(seen.headers["idempotency-key"], set()).add(seen.body)
        assert all(len(different) == 1 for different in bodies.values())


async def test_no_response_in_time(open_client: MakeClient) -> None:
    """What has no response in the close's time is given up and reported, each notification of a batch."""
    with StandIn(accept, stall) as server:
        async with open_client(server.url) as client:
            await queue(client, server)
            assert not await client.call("close", 0.2)
            left = len(TITLES) - client.counts.sent
            assert ["closed"] * left == [lost.reason for lost in client.lost if isinstance(lost, NotificationLost)]
            assert (0, left) == (client.counts.queued, client.counts.failed)


def test_fork() -> None:
    """What was queued before a fork is sent once, by the parent, though both processes close their client."""
    code = (
        "import os, sys\n"
        "from contracts.avelarsys import StockAlert\n"
        "from notification_hub import Hub\n"
        "hub = Hub(sys.argv[1], 'hubk_test')\n"
        "for title in 'abc':\n"
        "    hub.enqueue(StockAlert(title=title, message='b'), account_id='1')\n"
        "if (child := os.fork()) == 0:\n"
        "    hub.enqueue(StockAlert(title='d', message='b'), account_id='1')\n"
        "    os._exit(0 if hub.close(20.0) and hub.counts.sent == 1 else 3)\n"
        "status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])\n"
        "sys.exit(status or (0 if hub.close(20.0) and hub.counts.sent == 3 else 4))\n"
    )

    def accept_after_the_child(handler: Any) -> None:
        ends_at_s = time.monotonic() + 20.0
        while b'"title":"d"' not in b"".join(seen.body for seen in server.seen) and time.monotonic() < ends_at_s:
            time.sleep(0.01)
        accept(handler)

    with StandIn(accept_after_the_child) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url], env={"PYTHONPATH": os.pathsep.join(sys.path)}, timeout=60
        )
    assert 0 == done.returncode
    assert ["a", "b", "c", "d"] == sorted(server.fields("title"))


def test_first_request_imports_nothing() -> None:
    """A fork in the middle of it leaves no module half loaded, without which the child could send nothing."""
    code = (
        "import sys\n"
        "from contracts.avelarsys import StockAlert\n"
        "from notification_hub import Hub\n"
        "hub = Hub(sys.argv[1], 'hubk_test')\n"
        "loaded = set(sys.modules)\n"
        "hub.notify(StockAlert(title='a', message='b'), account_id='1')\n"
        "sys.exit(' '.join(set(sys.modules) - loaded))\n"
    )
    with StandIn(accept) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=60,
            capture_output=True,
            text=True,
        )
    assert "" == done.stderr.strip()


async def queue(client: Client, server: StandIn) -> None:
    """Queue everything, and wait until the first request is there."""
    assert all(client.enqueue(alert(title)) for title in TITLES)
    async with asyncio.timeout(10):
        while not server.seen:
            await asyncio.sleep(0.005)
