"""What the stream repeats for the nodes gets lost on its way: each node notices, and reads what it misses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest

from tests.cluster.local import LocalCluster, make_cluster
from tests.cluster.scenario import Loss, look_on, put_wires, tell
from tests.cluster.sender import LAST

pytestmark = pytest.mark.soak


@contextlib.asynccontextmanager
async def run_behind_wires(folder: Path, loss: Loss) -> AsyncIterator[LocalCluster]:
    """Run six processes, and wires that lose something between all of the hubs and all of the servers."""
    async with make_cluster(folder) as cluster, contextlib.AsyncExitStack() as stack:
        for hub in cluster.hubs:
            await stack.enter_async_context(put_wires(cluster, hub, loss))
        await cluster.start()
        yield cluster
        # The hubs say good-bye over the wires.
        await asyncio.gather(*(hub.stop() for hub in cluster.hubs))


@pytest.mark.parametrize("rate_per_s", [10, 200])
async def test_two_percent_are_lost(tmp_path: Path, figures: list[str], rate_per_s: int) -> None:
    """Every fiftieth message of the tap, at each node another, and the last one at every node."""
    loss = Loss()

    async def act(cluster: LocalCluster, random: Random) -> None:
        loss.loses = lambda delivery: random.random() < 0.02 or LAST.encode() in delivery.content
        await asyncio.sleep(60)

    async with run_behind_wires(tmp_path / "cluster", loss) as cluster:
        title = f"cluster, 2 % of the tap and the last one lost at {rate_per_s}/s"
        await look_on(cluster, act, figures, title, rate_per_s=rate_per_s)
    tell(figures, f"{title}: {loss.lost} of {loss.lost + loss.passed} messages lost")
    assert loss.lost >= 3 + loss.passed // 100


async def test_the_tap_is_cut(tmp_path: Path, figures: list[str]) -> None:
    """Five times nothing comes over the tap for some seconds, while the connection stays and answers."""
    loss = Loss()

    async def act(cluster: LocalCluster, random: Random) -> None:
        for _ in range(5):
            loss.loses = lambda _: True
            await asyncio.sleep(random.uniform(2.0, 6.0))
            loss.loses = lambda _: False
            await asyncio.sleep(random.uniform(1.0, 3.0))
        loss.loses = lambda _: True

    async with run_behind_wires(tmp_path / "cluster", loss) as cluster:
        report = await look_on(cluster, act, figures, "cluster, the tap cut five times", rate_per_s=100)
    tell(figures, f"cluster, the tap cut five times: {loss.lost} of {loss.lost + loss.passed} messages lost")
    assert loss.lost > report.acknowledged


async def test_a_wire_that_breaks(tmp_path: Path, figures: list[str]) -> None:
    """A hub's connections to NATS break twenty times, at any byte: it connects again and misses nothing."""
    async with make_cluster(tmp_path / "cluster") as cluster, put_wires(cluster, cluster.hubs[0]) as wires:
        await cluster.start()

        async def act(cluster: LocalCluster, random: Random) -> None:
            for _ in range(20):
                await asyncio.sleep(random.uniform(0.5, 2.0))
                await asyncio.gather(*(wire.cut() for wire in wires))
                for wire in wires:
                    wire.mend()
            await cluster.wait_ready(cluster.hubs[0])

        await look_on(cluster, act, figures, "cluster, a hub's connections cut 20 times", rate_per_s=100)
        await cluster.hubs[0].stop()
