"""`python -m tests.faults`: break the hub in every way of the table, and write docs/reference/faults.md.

FAULTS=full (under 20 minutes: 200 kills, 50 handovers, 5,000 clients) or quick (what every test run does).
With `cluster` it breaks several nodes, an hour and a half, and writes that part of the page alone. `--results FILE...`
writes it from the JUnit files of runs that were made before.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import describe_machine, describe_versions
from tests.cluster.local import find_nats_server
from tests.faults.table import (
    CLUSTER_FAULTS,
    FAULTS,
    Fault,
    Measured,
    make_page,
    make_room,
    put_room,
    read_outcomes,
    read_room,
)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "faults.md"
RESULTS = ROOT / "build" / "faults.xml"
CLUSTER_RESULTS = ROOT / "build" / "cluster-faults.xml"
DEADLINE_S = 20 * 60
CLUSTER_DEADLINE_S = 150 * 60
RUNS = {"full": "soak or not soak", "quick": "not soak"}


def main() -> int:
    """Run the tests of the table; the exit status is 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("which", nargs="?", choices=["alone", "cluster"], default="alone")
    parser.add_argument("--results", nargs="+", type=Path, default=[], help="JUnit files of a cluster's runs")
    parser.add_argument("--note", default="", help="what a reader has to know of those runs")
    options = parser.parse_args()
    if options.which == "cluster":
        return break_cluster(options.results, options.note)
    run = os.environ.get("FAULTS", "full")
    if run not in RUNS:
        sys.stderr.write(f"FAULTS is one of: {', '.join(RUNS)}\n")
        return 2
    if not run_tests(FAULTS, RUNS[run], RESULTS, deadline_s=DEADLINE_S):
        return 1
    measured = describe("make faults" + ("" if run == "full" else f" FAULTS={run}"))
    room = read_room(PAGE.read_text())
    text, held = make_page(read_outcomes(RESULTS.read_text()), measured, several_nodes=room)
    return write(text, held, FAULTS)


def break_cluster(results: Sequence[Path], note: str) -> int:
    """Break several nodes, or take what earlier runs say, and write that part of the page."""
    if not results:
        if not run_tests(CLUSTER_FAULTS, RUNS["full"], CLUSTER_RESULTS, deadline_s=CLUSTER_DEADLINE_S):
            return 1
        results = [CLUSTER_RESULTS]
    outcomes = read_outcomes(*(path.read_text() for path in results))
    server = subprocess.run([find_nats_server(), "--version"], capture_output=True, text=True, check=True)
    measured = describe("make faults CLUSTER=1", server.stdout.strip().replace(": v", " "))
    room, held = make_room(outcomes, measured, note)
    return write(put_room(PAGE.read_text(), room), held, CLUSTER_FAULTS)


def run_tests(faults: Sequence[Fault], marked: str, results: Path, *, deadline_s: float) -> bool:
    """Run the tests of these faults; say whether there are results."""
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    tests = dict.fromkeys(f"tests/{test.partition('[')[0]}" for fault in faults for test in fault.tests)
    command = [sys.executable, "-m", "pytest", "-m", marked, "--junitxml", str(results), "-o", "junit_family=xunit1"]
    # A proof of ten minutes is no hang; the deadline here is the whole run's.
    command += ["-o", "faulthandler_timeout=0", "-q", *tests]
    try:
        subprocess.run(command, cwd=ROOT, check=False, timeout=deadline_s)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"not done within {deadline_s / 60:.0f} minutes: nothing is written\n")
        return False
    return results.exists()


def describe(command: str, *more: str) -> Measured:
    """Return how and where figures were made now."""
    versions = [*(f"{name} {version}" for name, version in describe_versions()[:7]), *more]
    return Measured(command, datetime.now(UTC).date(), describe_machine(), ", ".join(versions))


def write(text: str, held: int, faults: Sequence[Fault]) -> int:
    """Write the page; return 1 where a fault was not survived."""
    PAGE.write_text(text)
    sys.stdout.write(f"{PAGE}: {held} of {len(faults)} faults survived\n")
    return 0 if held == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
