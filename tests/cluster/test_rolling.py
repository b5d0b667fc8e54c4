"""What an operator does to a cluster under load: restarts, upgrades, and the way from one node to three and back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from random import Random

import msgspec
import pytest

from tests.cluster.checker import Report
from tests.cluster.local import ROOT, LocalCluster, make_cluster
from tests.cluster.member import Member
from tests.cluster.scenario import look_on, run_cluster
from tests.deploy.tools import find_previous_nats_server

pytestmark = pytest.mark.soak

#: What is upgraded from: the first revision of which several nodes ran, as long as no release has them.
PREVIOUS_HUB = os.environ.get("HUB_UPGRADE_FROM", "138fb8b")


async def restart_in_order(cluster: LocalCluster, member: Member) -> None:
    """End a member as an operator does: a server hands its streams over, a hub sends its clients away."""
    member.send(signal.SIGUSR2 if member in cluster.nats else signal.SIGTERM)
    await member.wait()
    await member.start()
    await cluster.wait_ready(member)


async def test_a_rolling_restart_of_all_six(tmp_path: Path, figures: list[str]) -> None:
    """Servers by lame duck, hubs by SIGTERM, each when the one before is ready: no publish is refused or lost."""

    async def act(cluster: LocalCluster, random: Random) -> None:
        for member in cluster.members:
            await restart_in_order(cluster, member)
            await asyncio.sleep(1)

    async with run_cluster(tmp_path / "cluster", HUB_DRAIN="2") as cluster:
        target = msgspec.structs.replace(cluster.target, publish_urls=cluster.target.urls[-1:])
        report = await look_on(cluster, act, figures, "cluster, a rolling restart", rate_per_s=50, target=target)
    check_publishes(report)


async def test_a_rolling_upgrade_of_all_six(tmp_path: Path, figures: list[str]) -> None:
    """Servers and hubs of the versions before, replaced one by one: no publish is refused or lost."""
    previous = await asyncio.to_thread(export_revision, PREVIOUS_HUB, tmp_path / "previous")
    server = await asyncio.to_thread(find_previous_nats_server)
    cluster = make_cluster(tmp_path / "cluster", HUB_DRAIN="2")
    newer = {member.name: member.command[0] for member in cluster.nats}
    for member in cluster.nats:
        member.command[0] = server
    for hub in cluster.hubs:
        hub.folder = previous

    async def act(cluster: LocalCluster, random: Random) -> None:
        for member in cluster.members:
            await asyncio.sleep(2)
            if member in cluster.nats:
                member.command[0] = newer[member.name]
            else:
                member.folder = ROOT
            await restart_in_order(cluster, member)

    async with cluster:
        await cluster.start()
        target = msgspec.structs.replace(cluster.target, publish_urls=cluster.target.urls[-1:])
        versions = f"NATS {read_version(server)} to {read_version(newer['nats-1'])}, hubs from {PREVIOUS_HUB}"
        title = f"cluster, a rolling upgrade ({versions})"
        report = await look_on(cluster, act, figures, title, rate_per_s=50, target=target)
    check_publishes(report)


def check_publishes(report: Report) -> None:
    """Each was acknowledged in time, and none refused by a hub.

    HTTP cannot spare a connection that stays open its end in the moment in which a request is on its way: such an
    attempt gets no response, and its repeat under the same key is acknowledged.
    """
    assert set(report.refusals) <= {0}
    assert report.refusals.get(0, 0) <= report.acknowledged // 100
    assert report.wait_max_s < 15


def export_revision(revision: str, folder: Path) -> Path:
    """Write the tree of a revision of this project into a folder, and return that."""
    done = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr.decode()}HUB_UPGRADE_FROM names the revision"
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def read_version(server: str) -> str:
    """Return what a NATS server says that it is."""
    return subprocess.run([server, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


async def test_from_one_node_to_three_and_back(tmp_path: Path, figures: list[str]) -> None:
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
        await cluster.wait_all_ready(cluster.hubs)
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
        target = msgspec.structs.replace(cluster.target, urls=cluster.target.urls[-1:])
        await look_on(
            cluster, act, figures, "one node to three and back", rate_per_s=20, target=target, longest_silence_s=120
        )
