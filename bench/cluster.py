"""`python -m bench.cluster`: three hubs over three NATS servers beside three Centrifugo nodes; a part of `make bench`.

BENCH=quick (2 minutes, prints only), brief (8 minutes) or full (20 minutes); the last two write
docs/reference/benchmarks-cluster.md. BENCH=page writes it again from the last figures. BENCH_ONLY names parts: cluster
for all of them, or hub, faults, centrifugo, centrifugo-faults; with these no page of the documentation is written.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import centrifugo
from bench.centrifugo_cluster import ENGINES, Engine, describe_redis, find_redis, run_centrifugo_cluster
from bench.centrifugo_rows import measure_centrifugo_dispatch, measure_centrifugo_fanout, measure_centrifugo_publish
from bench.cluster_faults import measure_centrifugo_kills, measure_hub_kills, measure_returns
from bench.cluster_page import describe_engines, make_cluster_page, make_goals
from bench.figure import Figures
from bench.hub_cluster import (
    IN_FLIGHT,
    RATE_PER_S,
    RAW,
    make_hub_cluster,
    measure_catch_up,
    measure_dispatch,
    measure_hub_fanout,
    measure_hub_publish,
    measure_raw,
)
from bench.load import compile_tools
from bench.machine import describe_machine, describe_versions
from bench.plan import CLUSTER_PARTS, choose_parts
from bench.process import BUILD, ROOT
from bench.report import align_table, make_table

__all__ = ["main"]

PAGE = ROOT / "docs/reference/benchmarks-cluster.md"
KEPT = BUILD / "figures-cluster.json"
#: No measurement may take longer: what hangs must not take the others with it.
LONGEST_S = 600.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The sizes of one run."""

    rounds: int
    publish_s: float
    steady_s: float
    #: Of the stream's leader, and of Redis.
    kills: int


PLANS = {
    "quick": Plan(rounds=1, publish_s=3.0, steady_s=4.0, kills=1),
    "brief": Plan(rounds=2, publish_s=4.0, steady_s=6.0, kills=1),
    "full": Plan(rounds=3, publish_s=10.0, steady_s=10.0, kills=5),
}


async def measure_hubs(figures: Figures, plan: Plan, parts: set[str]) -> None:
    """Measure the hubs in fresh clusters, one a round; the kills come in the last."""
    for number in range(plan.rounds if "hub" in parts else 1):
        print(f"== hub, round {number + 1}", flush=True)
        is_last = number + 1 == plan.rounds or "hub" not in parts
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            async with make_hub_cluster(Path(folder) / "cluster") as cluster:
                await cluster.start()
                if "hub" in parts:
                    await attempt(figures, measure_raw(figures, cluster, plan.publish_s))
                    await attempt(figures, measure_hub_publish(figures, cluster, plan.publish_s))
                    await attempt(figures, measure_dispatch(figures, cluster, plan.steady_s))
                    await attempt(figures, measure_hub_fanout(figures, cluster, plan.steady_s))
                    if is_last:
                        await attempt(figures, measure_catch_up(figures, cluster))
                if is_last and "faults" in parts:
                    await attempt(figures, measure_hub_kills(figures, cluster, plan.kills))
                    await attempt(figures, measure_returns(figures, cluster))


async def measure_centrifugos(figures: Figures, plan: Plan, parts: set[str], engine: Engine) -> None:
    """Measure three Centrifugo nodes over an engine."""
    print(f"== {engine.column}", flush=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        async with run_centrifugo_cluster(Path(folder) / "cluster", engine) as cluster:
            if "centrifugo" in parts:
                for _ in range(plan.rounds):
                    await attempt(figures, measure_centrifugo_publish(figures, cluster, plan.publish_s))
                await attempt(figures, measure_centrifugo_fanout(figures, cluster, plan.steady_s))
            # Without a history nothing is acknowledged with a position, and nobody comes back for what was missed.
            if engine.keeps_history and "centrifugo" in parts:
                await attempt(figures, measure_centrifugo_dispatch(figures, cluster, plan.steady_s))
            if engine.keeps_history and "centrifugo-faults" in parts:
                await attempt(figures, measure_centrifugo_kills(figures, cluster, plan.kills))
                await attempt(figures, measure_returns(figures, cluster))


def choose_engines(figures: Figures) -> list[Engine]:
    """Return the engines of Centrifugo that are there; the others are said to be missing."""
    centrifugo.install()
    if (flaw := centrifugo.find_flaw()) is not None:
        figures.warn(f"Centrifugo takes no part: {flaw}")
        return []
    if find_redis() is None:
        installer = str(ROOT / "requirements/install-debian.sh")
        subprocess.run([installer, "The benchmark of a cluster", "redis-server"], check=False)
    if find_redis() is None:
        figures.warn("Centrifugo takes no part over Redis: there is none (Debian: sudo apt-get install redis-server)")
    return [engine for engine in ENGINES if find_redis() is not None or not engine.redis]


async def measure(figures: Figures, plan: Plan, parts: set[str]) -> list[str]:
    """Measure everything; return the columns of the table. What fails is said, and the rest goes on."""
    columns = ["hub", RAW]
    if parts & {"hub", "faults"}:
        await attempt(figures, measure_hubs(figures, plan, parts))
    if parts & {"centrifugo", "centrifugo-faults"}:
        for engine in choose_engines(figures):
            columns.append(engine.column)
            await attempt(figures, measure_centrifugos(figures, plan, parts, engine))
    return columns


async def attempt(figures: Figures, measurement: Coroutine[Any, Any, None]) -> None:
    """Measure something; where that fails or takes too long, say so, and let the others have their turn."""
    what = getattr(measurement, "__name__", "a measurement")
    try:
        async with asyncio.timeout(LONGEST_S):
            await measurement
    except Exception as error:  # whatever it is, the others are measured
        for each in _leaves(error):
            figures.warn(f"{what} ended early: {type(each).__name__} {each}")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _leaves(each)
    else:
        yield error


def main() -> int:
    """Measure, print the tables, and write the page but for a quick run or a part."""
    name = os.environ.get("BENCH", "full")
    if name == "page":
        figures, about, columns = Figures.load(KEPT)
        PAGE.write_text(make_cluster_page(figures, columns, about))
        return 0
    plan = PLANS.get(name)
    if plan is None:
        print(f"BENCH is one of: {', '.join(PLANS)}, page", file=sys.stderr)
        return 2
    try:
        parts = choose_parts(os.environ.get("BENCH_ONLY", ""), CLUSTER_PARTS)
        if not parts:
            return 0
        compile_tools()
    except (ValueError, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    figures = Figures()
    began_s = time.monotonic()
    columns = asyncio.run(measure(figures, plan, parts))
    took_s = time.monotonic() - began_s
    if not figures.rows:
        return 1
    print(f"\n{align_table(make_table(figures, columns))}\n\n{align_table(make_goals(figures.rows))}\n")
    print(f"{name}: {took_s:.0f} s; load average {os.getloadavg()[0]:.1f}")
    about = {
        "command": f"BENCH={name} BENCH_ONLY=cluster make bench",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine(),
        "cores": os.cpu_count(),
        "load_average": f"{os.getloadavg()[0]:.1f}",
        "run": f"{name}, {plan.rounds} rounds, {took_s / 60:.0f} minutes",
        "versions": ", ".join(" ".join(pair) for pair in (*describe_versions(), *describe_redis())),
        "in_flight": IN_FLIGHT,
        "rate": f"{RATE_PER_S:.0f}",
        "centrifugo": centrifugo.VERSION,
        "engines": describe_engines(columns),
    }
    is_whole = parts == set(CLUSTER_PARTS) and name != "quick"
    if is_whole:
        figures.save(KEPT, about, columns)
    page = PAGE if is_whole else BUILD / PAGE.name
    page.write_text(make_cluster_page(figures, columns, about))
    print(f"written: {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
