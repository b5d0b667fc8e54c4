"""`python -m bench`: measure, print the table, write the page.

BENCH=quick (3 minutes, prints only) or full (40 minutes, writes docs/reference/benchmarks.md).
BENCH_ONLY=personal,publish,fanout,connect,replay,idle,curves,instructions leaves the other measurements out, and
BENCH_PEERS=nchan the other contestants but the hub; with either, no page of the documentation is written.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.contestant import CONTESTANTS, install_peers, missing
from bench.fanout import measure_curves, measure_fanout
from bench.figure import Figures
from bench.idle import measure_connections, measure_idle
from bench.instructions import measure_instructions
from bench.load import compile_tools
from bench.machine import describe_machine, describe_versions
from bench.personal import CONNECTIONS, measure_personal
from bench.plan import PLANS
from bench.process import BUILD, LOAD_CORE, ROOT, SERVER_CORE
from bench.publish import IN_FLIGHT, measure_publish
from bench.replay import measure_replay
from bench.report import align_table, make_page, make_plots, make_table

#: Two for each connection of the largest run would be too many for most limits; server and load are two processes.
NEEDED_FILES = 10_500


def main() -> int:
    """Run the benchmark; the exit status is 1 where nothing could be measured."""
    plan = PLANS.get(os.environ.get("BENCH", "full"))
    if plan is None:
        print(f"BENCH is one of: {', '.join(PLANS)}", file=sys.stderr)
        return 2
    only = set(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
    figures = Figures()
    try:
        compile_tools()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    peers = set(filter(None, os.environ.get("BENCH_PEERS", "").split(",")))
    install_peers(peers)
    _raise_file_limit(figures)
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    else:
        figures.warn("one core only: server and load share it, and every time is too long")
    absent = missing()
    asked = [each for each in CONTESTANTS if not peers or each.name in peers | {"hub"}]
    if plan.core_only and not peers:
        asked = [each for each in asked if each.is_core]
    for each in asked:
        if each.name in absent:
            figures.warn(f"{each.name} takes no part: {absent[each.name]}")
    contestants = [each for each in asked if each.name not in absent]
    names = [contestant.name for contestant in contestants]
    steps: dict[str, Callable[[], None]] = {
        "personal": lambda: measure_personal(figures, contestants, plan),
        "publish": lambda: measure_publish(figures, contestants, plan),
        "fanout": lambda: measure_fanout(figures, contestants, plan),
        "connect": lambda: measure_connections(figures, contestants, plan),
        "replay": lambda: measure_replay(figures, contestants, plan),
        "idle": lambda: measure_idle(figures, contestants, plan),
        "curves": lambda: measure_curves(figures, contestants, plan),
        "instructions": lambda: measure_instructions(figures, plan),
    }
    began_s = time.monotonic()
    for name, step in steps.items():
        if not only or name in only:
            print(f"== {name}", flush=True)
            try:
                step()
            except (RuntimeError, OSError) as error:
                figures.warn(f"{name}: {error}")
    took_s = time.monotonic() - began_s
    print(f"\n{align_table(make_table(figures, names))}\n")
    for what in figures.trouble:
        print(f"! {what}")
    print(f"{plan.name}: {took_s:.0f} s; load average {os.getloadavg()[0]:.1f}")
    if not figures.rows and not figures.curves:
        return 1
    folder = BUILD if only or peers or plan.name != "full" else ROOT / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "command": "make bench" if plan.name == "full" else f"BENCH={plan.name} make bench",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": describe_machine(),
        "run": f"{plan.name}, {plan.rounds} rounds, {took_s / 60:.0f} minutes",
        "versions": ", ".join(" ".join(pair) for pair in describe_versions()),
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
        "connect_connections": plan.connect_connections,
        "in_flight": IN_FLIGHT,
        "personal_connections": CONNECTIONS,
        "load_average": f"{os.getloadavg()[0]:.1f}",
    }
    plots = make_plots(figures, names, folder)
    page = folder / "benchmarks.md"
    page.write_text(make_page(figures, names, about, plots))
    print(f"written: {page.relative_to(ROOT)}")
    return 0


def _raise_file_limit(figures: Figures) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < NEEDED_FILES:
        figures.warn(f"only {most:,} open files are allowed (ulimit -n): the largest runs cannot stand")


if __name__ == "__main__":
    sys.exit(main())
