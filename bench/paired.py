"""`python -m bench.paired BASE OTHER...`: what a change costs or saves, as ratios to a base in one run.

Each argument is a folder with the hub's source (`git worktree add ../base main`). The trees take turns in every round,
so what else the machine does falls on all of them; a ratio is taken within a round, and the median of them is printed.
`--instructions` counts them instead, once for each tree: slow, but without noise.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.hub import HUB_PUBLISH_PATH, HubFolder
from bench.instructions import count_instructions
from bench.load import Load, Publish, compile_tools, run_load
from bench.notice import ACCOUNT, publish_body, user_id
from bench.process import LOAD_CORE
from bench.transport import TRANSPORTS

__all__ = ["Cost", "main", "measure"]

#: Connections that come before those that are measured: what a server makes once is not theirs.
WARM_UP = 100
GONE_S = 0.5
#: Publishes for each count of instructions.
COUNTED = 200
ROUTES = {"ws": "/ws", "sse": "/sse"}


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of one tree cost: CPU of the server process, and memory.

    `personal_us` is of a publish to one user at 500 a second, `publish_us` of one of 64 in flight to a user away.
    """

    delivery_us: float
    connect_us: float
    personal_us: float
    publish_us: float
    connection_kib: float


def main(arguments: Sequence[str]) -> int:
    """Measure the trees that are named, and print a line for each and each transport."""
    parser = argparse.ArgumentParser(prog="python -m bench.paired")
    parser.add_argument("trees", nargs="+", type=Path, help="the base, then what is compared with it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--transports", default=",".join(TRANSPORTS))
    parser.add_argument("--instructions", action="store_true")
    given = parser.parse_args(arguments)
    compile_tools()
    if given.instructions:
        _print_instructions({tree: count_instructions(tree, COUNTED) for tree in given.trees})
        return 0
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
        everybody = publish_body({"account_id": ACCOUNT})
        person = publish_body({"account_id": ACCOUNT, "user_id": "@USER@"})
        away = publish_body({"account_id": ACCOUNT, "user_id": user_id(connections)})

        def publish(body: bytes, **how: Any) -> Publish:
            return Publish(path=HUB_PUBLISH_PATH, body=body, headers=folder.publish_headers, seconds=seconds, **how)

        known = load(1, connections, publish(everybody, rate=20.0, fanout=connections))
        personal = load(1, connections, publish(person, rate=500.0, fanout=1, users=connections))
        alone = load(1, 1, publish(away, rate=0, fanout=0, in_flight=64))
    return Cost(
        delivery_us=known.delivery_cpu_us,
        connect_us=known.connect_cpu_us,
        personal_us=personal.publish_cpu_us,
        publish_us=alone.publish_cpu_us,
        connection_kib=strangers.rss_kib_per_connection,
    )


def _print(transport: str, costs: dict[Path, list[Cost]]) -> None:
    base = next(iter(costs.values()))
    for tree, found in costs.items():
        cells = []
        for name in ("delivery_us", "connect_us", "personal_us", "publish_us"):
            values = [getattr(cost, name) for cost in found]
            ratios = sorted(value / getattr(first, name) for value, first in zip(values, base, strict=True))
            cells.append(f"{name.removesuffix('_us')} {statistics.median(values):.1f} us x{_describe(ratios)}")
        values = [cost.connection_kib for cost in found]
        more = sorted(value - first.connection_kib for value, first in zip(values, base, strict=True))
        cells.append(f"{statistics.median(values):6.2f} KiB {statistics.median(more):+.2f}")
        print(f"{transport:10} {tree.name:24} {' | '.join(cells)}", flush=True)


def _print_instructions(counts: dict[Path, dict[str, float]]) -> None:
    base = next(iter(counts.values()))
    for what, first in base.items():
        cells = [f"{tree.name} {count[what]:,.0f} x{count[what] / first:.3f}" for tree, count in counts.items()]
        print(f"{what:50} {' | '.join(cells)}", flush=True)


def _describe(ratios: Sequence[float]) -> str:
    return f"{statistics.median(ratios):.3f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
