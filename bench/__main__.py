"""`python -m bench`: measure, print the table, write the page.

BENCH=quick (3 minutes, prints only), full (40 minutes, writes docs/reference/benchmarks.md), brief (15 minutes: every
row, measured once, without the peers that are in few rows; writes the page too) or page (writes it again from the last
figures). BENCH_ONLY=personal,publish,fanout,connect,replay,idle,curves,instructions leaves the other measurements out,
and BENCH_PEERS=nchan the other contestants but the hub; with either, no page of the documentation is written.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.contestant import CONTESTANTS, install_peers, missing
from bench.fanout import measure_curves, measure_fanout
from bench.figure import Figures
from bench.idle import measure_connections, measure_idle
from bench.instructions import measure_instructions
from bench.load import compile_tools
from bench.machine import describe_machine, describe_versions
from bench.personal import CONNECTIONS, measure_personal
from bench.plan import PARTS, PLANS, Plan, choose_parts
from bench.process import BUILD, LOAD_CORE, ROOT, SERVER_CORE
from bench.publish import IN_FLIGHT, measure_publish
from bench.replay import measure_replay
from bench.report import align_table, make_page, make_plots, make_table
from bench.running import Contestant

#: The figures of the last whole run.
KEPT = BUILD / "figures.json"
#: Two for each connection of the largest run would be too many for most limits; server and load are two processes.
NEEDED_FILES = 10_500


def main() -> int:
    """Run the benchmark; the exit status is 1 where nothing could be measured."""
    if os.environ.get("BENCH") == "page":
        write_page(*Figures.load(KEPT), ROOT / "docs" / "reference")
        return 0
    plan = PLANS.get(os.environ.get("BENCH", "full"))
    if plan is None:
        print(f"BENCH is one of: {', '.join(PLANS)}", file=sys.stderr)
        return 2
    figures = Figures()
    try:
        parts = choose_parts(os.environ.get("BENCH_ONLY", ""), PARTS)
        if not parts:
            return 0
        compile_tools()
    except (ValueError, RuntimeError) as error:
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
    began_s = time.monotonic()
    _measure(figures, contestants, plan, parts)
    took_s = time.monotonic() - began_s
    print(f"\n{align_table(make_table(figures, names))}\n")
    for what in figures.trouble:
        print(f"! {what}")
    print(f"{plan.name}: {took_s:.0f} s; load average {os.getloadavg()[0]:.1f}")
    if not figures.rows and not figures.curves:
        return 1
    is_whole = parts == set(PARTS) and not peers and plan.name != "quick"
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
    if is_whole:
        figures.save(KEPT, about, names)
    write_page(figures, about, names, ROOT / "docs" / "reference" if is_whole else BUILD)
    return 0


def _measure(figures: Figures, contestants: Sequence[Contestant], plan: Plan, parts: set[str]) -> None:
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
    for name, step in steps.items():
        if name in parts:
            print(f"== {name}", flush=True)
            try:
                step()
            except (RuntimeError, OSError) as error:
                figures.warn(f"{name}: {error}")


def write_page(figures: Figures, about: Mapping[str, object], names: Sequence[str], folder: Path) -> None:
    """Write the page and its plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "benchmarks.md"
    page.write_text(make_page(figures, names, about, make_plots(figures, names, folder)))
    print(f"written: {page.relative_to(ROOT)}")


def _raise_file_limit(figures: Figures) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if most != resource.RLIM_INFINITY and most < NEEDED_FILES:
        figures.warn(f"only {most:,} open files are allowed (ulimit -n): the largest runs cannot stand")


if __name__ == "__main__":
    sys.exit(main())
