"""What a cluster of six processes survives: the checker looks on while each of them is killed, stopped and cut off."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.cluster.checker import Report, Target, check
from tests.cluster.local import LocalCluster, make_cluster
from tests.cluster.member import Member
from tests.cluster.wire import Wire

#: An election, the deadline of a publish, and a busy machine.
LONGEST_SILENCE_S = 40.0
#: Processes are killed at random for so long; `make soak CLUSTER=1` sets an hour.
SOAK_S = 60.0 * float(os.environ.get("HUB_SOAK_MINUTES", "2"))
Act = Callable[[LocalCluster, Random], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def run_cluster(folder: Path, **environ: str) -> AsyncIterator[LocalCluster]:
    """Run six processes, with the stream made."""
    async with make_cluster(folder, **environ) as cluster:
        await cluster.start()
        yield cluster


async def look_on(
    cluster: LocalCluster, act: Act, figures: list[str], title: str, *, rate_per_s: float, target: Target | None = None
) -> Report:
    """Let the checker look on at every node, or at `target`, while something happens; nothing may be wrong."""
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    report = await check(
        target or cluster.target,
        rate_per_s=rate_per_s,
        meanwhile=lambda: act(cluster, Random(seed)),
        seed=seed,
        hoppers=3,
    )
    figures.append(f"{title}, seed {seed} (HUB_TEST_SEED): {report.describe()}")
    assert [] == report.violations, "\n".join(report.violations[:20])
    assert report.acknowledged > 20
    assert report.silence_s < LONGEST_SILENCE_S
    return report


async def find_leader(cluster: LocalCluster) -> Member:
    """Return the NATS server that leads the stream."""
    async with httpx.AsyncClient(timeout=5) as http, asyncio.timeout(60):
        for number in itertools.cycle((1, 2, 3)):
            with contextlib.suppress(httpx.HTTPError, KeyError, IndexError, StopIteration):
                url = f"http://127.0.0.1:{cluster.ports.monitor(number)}/jsz?streams=true&accounts=true"
                accounts = (await http.get(url)).json()["account_details"]
                streams = [stream for account in accounts for stream in account.get("stream_detail", ())]
                name = next(each["cluster"]["leader"] for each in streams if each["name"] == "hub")
                return next(member for member in cluster.nats if member.name == name)
            await asyncio.sleep(0.1)
    raise AssertionError("unreachable")


async def kill_and_start(cluster: LocalCluster, member: Member, *, away_s: float = 0.2) -> None:
    """Kill a member, start it again, and wait until it takes work."""
    await member.kill()
    await asyncio.sleep(away_s)
    await member.start()
    await cluster.wait_ready(member)


async def test_a_kill_of_each_kind_loses_nothing(tmp_path: Path, figures: list[str]) -> None:
    """The server that leads, and a hub, killed with -9 under load: nothing is lost, twice or out of order."""

    async def act(cluster: LocalCluster, random: Random) -> None:
        await asyncio.sleep(0.5)
        await kill_and_start(cluster, await find_leader(cluster))
        await kill_and_start(cluster, random.choice(cluster.hubs))

    async with run_cluster(tmp_path / "cluster") as cluster:
        await look_on(cluster, act, figures, "cluster, the leader and a hub killed", rate_per_s=20)


@pytest.mark.soak
class TestLong:
    """`make soak CLUSTER=1`."""

    @pytest.mark.parametrize("rate_per_s", [10, 200])
    async def test_random_kills(self, tmp_path: Path, figures: list[str], rate_per_s: float) -> None:
        """Any of the six, again and again, for half of the time each."""
        kills = 0

        async def act(cluster: LocalCluster, random: Random) -> None:
            nonlocal kills
            ends_s = time.monotonic() + SOAK_S / 2
            while time.monotonic() < ends_s:
                await asyncio.sleep(random.uniform(0.0, 5.0))
                await kill_and_start(cluster, random.choice(cluster.members), away_s=random.uniform(0.0, 2.0))
                kills += 1

        async with run_cluster(tmp_path / "cluster") as cluster:
            await look_on(cluster, act, figures, f"cluster, random kills at {rate_per_s}/s", rate_per_s=rate_per_s)
        figures.append(f"cluster, random kills at {rate_per_s}/s: {kills} kills in {SOAK_S / 2:.0f} s")

    async def test_twenty_kills_of_the_leader(self, tmp_path: Path, figures: list[str]) -> None:
        """The server that leads, twenty times, at 200/s."""

        async def act(cluster: LocalCluster, random: Random) -> None:
            for _ in range(20):
                await asyncio.sleep(random.uniform(1.0, 3.0))
                await kill_and_start(cluster, await find_leader(cluster))

        async with run_cluster(tmp_path / "cluster") as cluster:
            await look_on(cluster, act, figures, "cluster, the leader killed 20 times", rate_per_s=200)

    @pytest.mark.parametrize("kind", ["hub", "nats"])
    async def test_a_stopped_process(self, tmp_path: Path, figures: list[str], kind: str) -> None:
        """SIGSTOP for 30 s, then SIGCONT: as if it had been away."""

        async def act(cluster: LocalCluster, random: Random) -> None:
            member = random.choice(cluster.hubs) if kind == "hub" else await find_leader(cluster)
            member.send(signal.SIGSTOP)
            await asyncio.sleep(30)
            member.send(signal.SIGCONT)
            await cluster.wait_ready(member)
            await asyncio.sleep(5)

        async with run_cluster(tmp_path / "cluster") as cluster:
            await look_on(cluster, act, figures, f"cluster, a {kind} stopped for 30 s", rate_per_s=50)

    async def test_a_hub_cut_off_from_nats(self, tmp_path: Path, figures: list[str]) -> None:
        """It is not ready within seconds, its clients go on elsewhere, and it comes back by itself."""
        unready_s = 0.0

        async with contextlib.AsyncExitStack() as stack:
            cluster = await stack.enter_async_context(make_cluster(tmp_path / "cluster", HUB_ISOLATION="5"))
            wires = [await stack.enter_async_context(Wire(cluster.ports.nats(number))) for number in (1, 2, 3)]
            hub = cluster.hubs[0]
            hub.environ["HUB_LOG_URL"] = cluster.log_url(ports=[wire.port for wire in wires])
            await cluster.start()

            async def act(cluster: LocalCluster, random: Random) -> None:
                nonlocal unready_s
                await asyncio.sleep(2)
                began_s = time.monotonic()
                await asyncio.gather(*(wire.cut() for wire in wires))
                await cluster.wait_ready(hub, is_ready=False)
                unready_s = time.monotonic() - began_s
                await asyncio.sleep(20)
                for wire in wires:
                    wire.mend()
                await cluster.wait_ready(hub)

            await look_on(cluster, act, figures, "cluster, a hub cut off for 20 s", rate_per_s=50)
        figures.append(f"cluster, a hub cut off: not ready after {unready_s:.1f} s")

    async def test_a_rolling_restart_of_all_six(self, tmp_path: Path, figures: list[str]) -> None:
        """Servers by lame duck, hubs by SIGTERM, each when the one before is ready: no publish fails."""

        async def act(cluster: LocalCluster, random: Random) -> None:
            for member in cluster.members:
                member.send(signal.SIGUSR2 if member in cluster.nats else signal.SIGTERM)
                await member.wait()
                await member.start()
                await cluster.wait_ready(member)
                await asyncio.sleep(1)

        async with run_cluster(tmp_path / "cluster", HUB_DRAIN="2") as cluster:
            report = await look_on(cluster, act, figures, "cluster, a rolling restart", rate_per_s=50)
        assert report.wait_max_s < 15

    async def test_from_one_node_to_three_and_back(self, tmp_path: Path, figures: list[str]) -> None:
        """A hub alone becomes the first of three and is alone again, without a gap for any client."""
        cluster = make_cluster(tmp_path / "cluster")
        first, others = cluster.hubs[0], cluster.hubs[1:]
        log_url = first.environ.pop("HUB_LOG_URL")

        async def act(cluster: LocalCluster, random: Random) -> None:
            await asyncio.sleep(2)
            await cluster.start_nats()
            await first.stop()
            first.environ["HUB_LOG_URL"] = log_url
            await cluster.init()
            for member in cluster.hubs:
                await member.start()
            await asyncio.gather(*map(cluster.wait_ready, cluster.hubs))
            await asyncio.sleep(5)
            for member in others:
                await member.stop()
            await asyncio.sleep(2)
            await first.stop()
            await cluster.leave(1)
            del first.environ["HUB_LOG_URL"]
            await first.start()
            await cluster.wait_ready(first)
            await asyncio.sleep(2)

        async with cluster:
            await first.start()
            await cluster.wait_ready(first)
            # Clients are at the proxy alone: the other nodes come and go.
            proxy = Target(cluster.target.urls[-1:], cluster.target.service_key, cluster.target.jwt_secret)
            await look_on(cluster, act, figures, "one node to three and back", rate_per_s=20, target=proxy)
