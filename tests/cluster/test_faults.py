"""What a cluster of six processes survives: the checker looks on while each of them is killed, stopped and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import time
from pathlib import Path
from random import Random

import pytest

from tests.cluster.local import LocalCluster, make_cluster
from tests.cluster.nats_filter import Delivery
from tests.cluster.one_key import publish_one_key
from tests.cluster.scenario import (
    Loss,
    find_leader,
    judge,
    kill_and_start,
    look_on,
    put_wires,
    run_cluster,
    stop_for,
    tell,
)

#: Processes are killed at random for so long; `make soak CLUSTER=1` sets an hour.
SOAK_S = 60.0 * float(os.environ.get("HUB_SOAK_MINUTES", "2"))
#: One comparison is for so long: what is wrong is known soon, and memory has an end.
ROUND_S = min(300.0, SOAK_S / 2)


async def test_a_kill_of_each_kind_loses_nothing(tmp_path: Path, figures: list[str]) -> None:
    """The server that leads, and a hub, killed with -9 under load: nothing is lost, twice or out of order.

    Fifty publishes of one key over all nodes, meanwhile, make one notification.
    """
    took_s = 0.0

    async def act(cluster: LocalCluster, random: Random) -> None:
        nonlocal took_s
        leader, hub = await find_leader(cluster), random.choice(cluster.hubs)
        _, _, took_s = await asyncio.gather(
            kill_and_start(cluster, leader),
            kill_and_start(cluster, hub),
            publish_one_key(cluster.target, random, count=50),
        )

    async with run_cluster(tmp_path / "cluster") as cluster:
        await look_on(cluster, act, figures, "cluster, the leader and a hub killed", rate_per_s=20)
    figures.append(f"cluster, 50 publishes of one key meanwhile: one notification at each node, after {took_s:.1f} s")


@pytest.mark.soak
class TestLong:
    """`make soak CLUSTER=1`."""

    async def test_random_kills(self, tmp_path: Path, figures: list[str]) -> None:
        """Any of the six, again and again, in one cluster; every few minutes the checker compares."""
        kills, acknowledged, deliveries, violations = 0, 0, 0, list[str]()
        ends_s = time.monotonic() + SOAK_S

        async def act(cluster: LocalCluster, random: Random) -> None:
            nonlocal kills
            round_ends_s = min(ends_s, time.monotonic() + ROUND_S)
            while time.monotonic() < round_ends_s:
                await asyncio.sleep(random.uniform(0.0, 5.0))
                await kill_and_start(cluster, random.choice(cluster.members), away_s=random.uniform(0.0, 2.0))
                kills += 1

        async with run_cluster(tmp_path / "cluster") as cluster:
            for number, rate_per_s in enumerate(itertools.cycle([10, 200]), 1):
                title = f"cluster, random kills at {rate_per_s}/s, round {number}"
                report = await look_on(cluster, act, figures, title, rate_per_s=rate_per_s, must_hold=False)
                # A round with a violation does not end the others.
                violations += [f"{title}: {each}" for each in judge(report)]
                acknowledged += report.acknowledged
                deliveries += report.deliveries
                if time.monotonic() >= ends_s:
                    break
        tell(
            figures,
            f"cluster, random kills: {kills} in {SOAK_S / 60:.0f} minutes, {acknowledged} acknowledged, "
            f"{deliveries} deliveries, {len(violations)} violations",
        )
        assert [] == violations, "\n".join(violations[:50])

    @pytest.mark.parametrize("sync_interval", ["always", "2m"])
    async def test_twenty_kills_of_the_leader(self, tmp_path: Path, figures: list[str], sync_interval: str) -> None:
        """The server that leads, twenty times, at 200/s; also as NATS syncs where nobody sets it."""

        async def act(cluster: LocalCluster, random: Random) -> None:
            for _ in range(20):
                await asyncio.sleep(random.uniform(1.0, 3.0))
                await kill_and_start(cluster, await find_leader(cluster))

        async with run_cluster(tmp_path / "cluster", sync_interval=sync_interval) as cluster:
            title = f"cluster, the leader killed 20 times, sync_interval {sync_interval}"
            await look_on(cluster, act, figures, title, rate_per_s=200)

    @pytest.mark.parametrize("kind", ["hub", "nats"])
    async def test_a_stopped_process(self, tmp_path: Path, figures: list[str], kind: str) -> None:
        """SIGSTOP for 30 s, then SIGCONT: as if it had been away."""

        async def act(cluster: LocalCluster, random: Random) -> None:
            member = random.choice(cluster.hubs) if kind == "hub" else await find_leader(cluster)
            await stop_for(member, 30)
            await cluster.wait_ready(member)
            await asyncio.sleep(5)

        async with run_cluster(tmp_path / "cluster") as cluster:
            await look_on(cluster, act, figures, f"cluster, a {kind} stopped for 30 s", rate_per_s=50)

    async def test_a_hub_killed_before_it_can_answer(self, tmp_path: Path, figures: list[str]) -> None:
        """Ten times the stream has acknowledged and the hub is dead: the repeat at another node is the same record."""
        loss, stored = Loss(), asyncio.Event()

        async def act(cluster: LocalCluster, random: Random) -> None:
            hub = cluster.hubs[0]

            def kill(delivery: Delivery) -> bool:
                if not (delivery.subject.startswith("_INBOX.") and b'"seq":' in delivery.content):
                    return True
                if not stored.is_set():
                    stored.set()
                    hub.send(signal.SIGKILL)
                return False

            for _ in range(10):
                await asyncio.sleep(random.uniform(1.0, 3.0))
                stored.clear()
                loss.passes_other = kill
                await stored.wait()
                await hub.wait()
                loss.passes_other = lambda _: True
                await hub.start()
                await cluster.wait_ready(hub)

        async with make_cluster(tmp_path / "cluster") as cluster, put_wires(cluster, cluster.hubs[0], loss):
            await cluster.start()
            title = "cluster, a hub killed 10 times between the stream's acknowledgement and its own response"
            await look_on(cluster, act, figures, title, rate_per_s=50)

    async def test_one_key_at_once(self, tmp_path: Path, figures: list[str]) -> None:
        """Fifty publishes of one key over three nodes, ten times at rest and five times across an election."""
        took_s: dict[str, list[float]] = {"at rest": [], "across an election": []}

        async def act(cluster: LocalCluster, random: Random) -> None:
            for _ in range(10):
                took_s["at rest"].append(await publish_one_key(cluster.target, random, count=50))
            for _ in range(5):
                kill = asyncio.create_task(kill_and_start(cluster, await find_leader(cluster)))
                await asyncio.sleep(random.uniform(0.0, 0.05))
                took_s["across an election"].append(await publish_one_key(cluster.target, random, count=50))
                await kill

        async with run_cluster(tmp_path / "cluster") as cluster:
            await look_on(cluster, act, figures, "cluster, 50 publishes of one key at once", rate_per_s=10)
        for title, waits_s in took_s.items():
            line = f"cluster, 50 publishes of one key {title}, {len(waits_s)} times: one notification at each node each"
            tell(figures, f"{line} time, the last receipt after {max(waits_s):.1f} s at most")

    async def test_a_hub_cut_off_from_nats(self, tmp_path: Path, figures: list[str]) -> None:
        """It is not ready within seconds, its clients go on elsewhere, and it comes back by itself."""
        unready_s = 0.0

        async with contextlib.AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(make_cluster(tmp_path / "cluster", HUB_ISOLATION="5"))
            hub = cluster.hubs[0]
            wires = await stack.enter_async_context(put_wires(cluster, hub))
            await cluster.start()

            async def act(cluster: LocalCluster, random: Random) -> None:
                nonlocal unready_s
                await asyncio.sleep(2)
                began_s = time.monotonic()
                await asyncio.gather(*(wire.cut() for wire in wires))
                await cluster.wait_ready(hub, is_ready=False)
                unready_s = time.monotonic() - began_s
                await asyncio.sleep(20)
                assert '"node_isolated"' in hub.log_path.read_text(), "its clients were not sent away"
                for wire in wires:
                    wire.mend()
                await cluster.wait_ready(hub)
                async with asyncio.timeout(20):
                    while '"node_back"' not in hub.log_path.read_text():
                        await asyncio.sleep(0.1)

            report = await look_on(cluster, act, figures, "cluster, a hub cut off for 20 s", rate_per_s=50)
        tell(figures, f"cluster, a hub cut off: not ready after {unready_s:.1f} s")
        assert unready_s < 2
        assert set(report.refusals) == {503}, "its publishers were told nothing, or something else"
