"""A node whose mirror is empty, old or of another stream, and a stream that has dropped what somebody still needs."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from random import Random

import pytest

from hub.log.jetstream.subject import Names
from hub.log.sqlite.schema import LogFile, close_connection, open_reader, read_life
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from tests.cluster.local import LocalCluster
from tests.cluster.scenario import find_followers, judge, kill_and_start, look_on, run_cluster, stop_for, tell

pytestmark = pytest.mark.soak

#: So much a stream keeps that has to drop what somebody still needs.
FEW_RECORDS = "1000"


async def test_an_empty_and_an_older_mirror(tmp_path: Path, figures: list[str]) -> None:
    """A node that lost its disk, and one that got an older copy of it back, have everything once they are ready."""
    took_s: dict[str, float] = {}

    async def act(cluster: LocalCluster, random: Random) -> None:
        older, empty, _ = cluster.hubs
        folder, copy = Path(older.environ["HUB_DATA_DIR"]), tmp_path / "copy"
        await older.stop()
        shutil.copytree(folder, copy)
        await older.start()
        await cluster.wait_ready(older)
        await asyncio.sleep(10)
        await older.kill()
        shutil.rmtree(folder)
        copy.rename(folder)
        began_s = time.monotonic()
        await older.start()
        await cluster.wait_ready(older)
        took_s["an older"] = time.monotonic() - began_s
        await empty.kill()
        shutil.rmtree(empty.environ["HUB_DATA_DIR"])
        began_s = time.monotonic()
        await empty.start()
        await cluster.wait_ready(empty)
        took_s["an empty"] = time.monotonic() - began_s
        await asyncio.sleep(5)

    async with run_cluster(tmp_path / "cluster") as cluster:
        await look_on(cluster, act, figures, "cluster, an older and an empty mirror", rate_per_s=200)
    words = ", ".join(f"{name} mirror {seconds:.1f} s" for name, seconds in took_s.items())
    tell(figures, f"cluster, from the start of the process until it is ready: {words}")


async def test_a_replica_that_lags(tmp_path: Path, figures: list[str]) -> None:
    """Five times a server that does not lead has stood still while a node reads the stream: it reads nothing old."""

    async def act(cluster: LocalCluster, random: Random) -> None:
        for _ in range(5):
            follower = random.choice(await find_followers(cluster))
            restart = random.choice(cluster.hubs)
            await stop_for(follower, 5)
            # The server has just begun to catch up, and answers requests for what it has.
            await kill_and_start(cluster, restart, away_s=0.0)
            await cluster.wait_ready(follower)
            await asyncio.sleep(1)

    async with run_cluster(tmp_path / "cluster") as cluster:
        await look_on(cluster, act, figures, "cluster, a replica stood still for 5 s five times", rate_per_s=200)


async def test_retention_passes_a_node_and_clients(tmp_path: Path, figures: list[str]) -> None:
    """The stream drops what a node and sleeping clients have not got: each loss is an announced gap, and no more."""

    async def act(cluster: LocalCluster, random: Random) -> None:
        hub = cluster.hubs[0]
        for _ in range(3):
            await hub.kill()
            await asyncio.sleep(12)
            await hub.start()
            await cluster.wait_ready(hub)
            await asyncio.sleep(5)

    async with run_cluster(tmp_path / "cluster", HUB_RETENTION_RECORDS=FEW_RECORDS) as cluster:
        title = f"cluster, a stream of {FEW_RECORDS} records and a node away for 12 s three times"
        report = await look_on(cluster, act, figures, title, rate_per_s=200, may_have_gaps=True, away_s=15.0)
    assert report.gaps > 0


@pytest.mark.parametrize("brought", [True, False], ids=["from-a-mirror", "empty"])
async def test_a_stream_is_deleted_and_made_again(tmp_path: Path, figures: list[str], brought: bool) -> None:
    """With what a mirror holds, nobody notices; without it, everybody is told of one gap. No node serves two lives."""

    async def act(cluster: LocalCluster, random: Random) -> None:
        await asyncio.sleep(3)
        await delete_stream(cluster)
        await asyncio.gather(*(cluster.wait_ready(hub, is_ready=False) for hub in cluster.hubs))
        await asyncio.gather(*(hub.stop() for hub in cluster.hubs))
        furthest = find_furthest(cluster)
        await cluster.init(HUB_DATA_DIR=furthest if brought else str(tmp_path / "nothing"))
        for hub in cluster.hubs:
            await hub.start()
        await cluster.wait_all_ready(cluster.hubs)
        await asyncio.sleep(5)

    async with run_cluster(tmp_path / "cluster") as cluster:
        words = "with what a mirror has" if brought else "empty"
        title = f"cluster, the stream deleted and made again {words}"
        report = await look_on(cluster, act, figures, title, rate_per_s=20, may_have_gaps=not brought, must_hold=False)
    # A key that was acknowledged a moment before is new to an empty stream.
    wrong = judge(report, longest_silence_s=120)
    assert [] == [each for each in wrong if brought or not each.startswith("stored twice")]
    assert brought == (report.gaps == 0)


def find_furthest(cluster: LocalCluster) -> str:
    """Return the data folder of the stopped node whose mirror has most of the stream."""

    def read_head(folder: str) -> int:
        connection = open_reader(LogFile(Path(folder) / "log.sqlite3"))
        try:
            return read_life(connection)[1]
        finally:
            close_connection(connection)

    return max((hub.environ["HUB_DATA_DIR"] for hub in cluster.hubs), key=read_head)


async def delete_stream(cluster: LocalCluster) -> None:
    """Delete the stream, as an administrator who is mistaken."""
    servers, credentials = read_servers(cluster.log_url("admin"))
    nats = await open_nats(servers, name="tests", credentials=credentials, timeout_s=20)
    try:
        reply = await nats.request(f"$JS.API.STREAM.DELETE.{Names('hub').stream}", b"", timeout_s=20)
        assert b'"success":true' in reply.payload
    finally:
        await nats.close()
