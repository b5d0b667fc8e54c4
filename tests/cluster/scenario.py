"""What the fault runs share: a cluster of six processes, wires that lose something, and the checker that looks on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import httpx

from tests.cluster.checker import Report, Target, check
from tests.cluster.local import LocalCluster, make_cluster
from tests.cluster.member import Member
from tests.cluster.nats_filter import Delivery, NatsFilter
from tests.cluster.wire import Filter, Wire

__all__ = [
    "Act",
    "Loss",
    "find_followers",
    "find_leader",
    "judge",
    "kill_and_start",
    "look_on",
    "put_wires",
    "run_cluster",
    "stop_for",
    "tell",
]

#: An election, the deadline of a publish, and a busy machine.
LONGEST_SILENCE_S = 40.0
TAP = "hub.tap"
Act = Callable[[LocalCluster, Random], Coroutine[Any, Any, None]]


@contextlib.asynccontextmanager
async def run_cluster(folder: Path, *, sync_interval: str = "always", **environ: str) -> AsyncIterator[LocalCluster]:
    """Run six processes, with the stream made."""
    async with make_cluster(folder, sync_interval=sync_interval, **environ) as cluster:
        await cluster.start()
        yield cluster


async def look_on(
    cluster: LocalCluster,
    act: Act,
    figures: list[str],
    title: str,
    *,
    rate_per_s: float,
    target: Target | None = None,
    must_hold: bool = True,
    may_have_gaps: bool = False,
    away_s: float = 0.2,
    longest_silence_s: float = LONGEST_SILENCE_S,
) -> Report:
    """Let the checker look on at every node, or at `target`, while something happens.

    Nothing may be wrong then, unless the caller judges the report by itself (`must_hold`).
    """
    seed = int(os.environ.get("HUB_TEST_SEED", "") or secrets.randbelow(2**32))
    report = await check(
        target or cluster.target,
        rate_per_s=rate_per_s,
        meanwhile=lambda: act(cluster, Random(seed)),
        seed=seed,
        may_have_gaps=may_have_gaps,
        hoppers=3,
        away_s=away_s,
    )
    tell(figures, f"{title}, seed {seed} (HUB_TEST_SEED): {report.describe()}")
    if must_hold:
        assert [] == judge(report, longest_silence_s=longest_silence_s)
        assert report.acknowledged > 20
    return report


def judge(report: Report, *, longest_silence_s: float = LONGEST_SILENCE_S) -> list[str]:
    """Return what is wrong with a run, the first twenty of it."""
    found = report.violations[:20]
    if report.silence_s >= longest_silence_s:
        found.append(f"silence: nothing was acknowledged for {report.silence_s:.0f} s")
    return found


def tell(figures: list[str], line: str) -> None:
    """Note a figure, and print it at once: all of it takes hours."""
    figures.append(line)
    sys.stderr.write(f"{datetime.now():%H:%M:%S} {line}\n")


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


async def find_followers(cluster: LocalCluster) -> list[Member]:
    """Return the other two."""
    leader = await find_leader(cluster)
    return [member for member in cluster.nats if member is not leader]


async def kill_and_start(cluster: LocalCluster, member: Member, *, away_s: float = 0.2) -> None:
    """Kill a member, start it again, and wait until it takes work."""
    await member.kill()
    await asyncio.sleep(away_s)
    await member.start()
    await cluster.wait_ready(member)


async def stop_for(member: Member, stopped_s: float) -> None:
    """Hold a member up as a machine that hangs does, and let it go on."""
    member.send(signal.SIGSTOP)
    await asyncio.sleep(stopped_s)
    member.send(signal.SIGCONT)


class Loss:
    """What the wires between hubs and servers lose of the tap; counts it."""

    def __init__(self) -> None:
        #: Asked for each message of the tap.
        self.loses: Callable[[Delivery], bool] = lambda _: False
        #: Told of each message that is no message of the tap, before it is passed on; whether it may be.
        self.passes_other: Callable[[Delivery], bool] = lambda _: True
        self.lost = 0
        self.passed = 0

    def make_filter(self) -> Filter:
        """Return a filter for one connection."""
        return NatsFilter(self._passes).feed

    def _passes(self, delivery: Delivery) -> bool:
        if delivery.subject != TAP:
            return self.passes_other(delivery)
        is_lost = self.loses(delivery)
        self.lost += is_lost
        self.passed += not is_lost
        return not is_lost


@contextlib.asynccontextmanager
async def put_wires(cluster: LocalCluster, hub: Member, loss: Loss | None = None) -> AsyncIterator[list[Wire]]:
    """Put a wire between a hub, not started yet, and each of the servers."""
    async with contextlib.AsyncExitStack() as stack:
        make_filter = None if loss is None else loss.make_filter
        wires = [
            await stack.enter_async_context(Wire(cluster.ports.nats(number), make_filter=make_filter))
            for number in (1, 2, 3)
        ]
        hub.environ["HUB_LOG_URL"] = cluster.log_url(ports=[wire.port for wire in wires])
        yield wires
