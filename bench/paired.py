"""`python -m bench.paired BASE OTHER...`: what a change costs or saves, as ratios to a base in one run.

Each argument is a folder with the hub's source (`git worktree add ../base main`). The trees take turns in every round,
so what else the machine does falls on all of them; a ratio is taken within a round, and the median of them is printed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.fanout import TRANSPORTS
from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.load import Load, Publish, compile_tools, run_load
from bench.notice import ACCOUNT, publish_body
from bench.process import LOAD_CORE

__all__ = ["Cost", "main", "measure"]

#: Connections that come before those that are measured: what a server makes once is not theirs.
WARM_UP = 100
GONE_S = 0.5
ROUTES = {"ws": "/ws", "sse": "/sse"}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of one tree cost; `delivery_us` and `connect_us` are CPU of the server process."""

    delivery_us: float
    connect_us: float
    connection_kib: float


def main(arguments: Sequence[str]) -> int:
    """Measure the trees that are named, and print a line for each and each transport."""
    parser = argparse.ArgumentParser(prog="python -m bench.paired")
    parser.add_argument("trees", nargs="+", type=Path, help="the base, then what is compared with it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--transports", default=",".join(TRANSPORTS))
    given = parser.parse_args(arguments)
    compile_tools()
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    for transport in given.transports.split(","):
        costs: dict[Path, list[Cost]] = {tree: [] for tree in given.trees}
        for number in range(given.rounds):
            # The order turns round by round, so that none is always the one behind another.
            turn = number % len(given.trees)
            for tree in (*given.trees[turn:], *given.trees[:turn]):
                costs[tree].append(measure(tree, transport, given.connections, given.seconds))
        _print(TRANSPORTS[transport], costs)
    return 0


def measure(tree: Path, transport: str, connections: int, seconds: float) -> Cost:
    """Connect users that are new for the memory, then with new tokens for the CPU, and publish to all of them."""
    with HubFolder(users=connections) as folder, folder.serve(tree) as (port, pid):

        def load(series: int, count: int, publish: Publish | None = None) -> Load:
            paths = [f"{ROUTES[transport]}?token={folder.token(number, series=series)}" for number in range(count)]
            done = run_load(
                tree.name,
                port=port,
                pid=pid,
                transport=transport,
                paths=paths,
                connections=count,
                settle_s=0.5,
                publish=publish,
            )
            for flaw in done.flaws:
                print(f"! {tree.name}, {transport}: {flaw}", file=sys.stderr)
            time.sleep(GONE_S)
            return done

        load(0, WARM_UP)
        strangers = load(0, connections)
        publish = Publish(
            path=HUB_PUBLISH_PATH,
            body=publish_body({"account_id": ACCOUNT}),
            headers=folder.publish_headers,
            rate=20.0,
            seconds=seconds,
            fanout=connections,
        )
        known = load(1, connections, publish)
    return Cost(
        delivery_us=known.delivery_cpu_us,
        connect_us=known.connect_cpu_us,
        connection_kib=strangers.rss_kib_per_connection,
    )


def _print(transport: str, costs: dict[Path, list[Cost]]) -> None:
    base = next(iter(costs.values()))
    for tree, found in costs.items():
        cells = []
        for name, unit in (("delivery_us", "us"), ("connect_us", "us")):
            values = [getattr(cost, name) for cost in found]
            ratios = sorted(value / getattr(first, name) for value, first in zip(values, base, strict=True))
            cells.append(f"{statistics.median(values):7.1f} {unit} x{_describe(ratios)}")
        values = [cost.connection_kib for cost in found]
        more = sorted(value - first.connection_kib for value, first in zip(values, base, strict=True))
        cells.append(f"{statistics.median(values):6.2f} KiB {statistics.median(more):+.2f}")
        print(f"{transport:10} {tree.name:24} {' | '.join(cells)}", flush=True)


def _describe(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
