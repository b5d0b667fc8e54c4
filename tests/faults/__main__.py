"""`python -m tests.faults`: break the hub in every way of the table, and write docs/reference/faults.md.

FAULTS=full (under 20 minutes: 200 kills, 50 handovers, 5,000 clients) or quick (what every test run does).
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import describe_machine, describe_versions
from tests.faults.table import FAULTS, make_page, read_outcomes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "faults.md"
RESULTS = ROOT / "build" / "faults.xml"
DEADLINE_S = 20 * 60
RUNS = {"full": "soak or not soak", "quick": "not soak"}


def main() -> int:
    """Run the tests of the table; the exit status is 1 where one failed."""
    run = os.environ.get("FAULTS", "full")
    if run not in RUNS:
        sys.stderr.write(f"FAULTS is one of: {', '.join(RUNS)}\n")
        return 2
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.unlink(missing_ok=True)
    tests = sorted({f"tests/{test.partition('[')[0]}" for fault in FAULTS for test in fault.tests})
    command = [sys.executable, "-m", "pytest", "-m", RUNS[run], "--junitxml", str(RESULTS), "-o", "junit_family=xunit1"]
    # A proof of ten minutes is no hang; the deadline here is the whole run's.
    command += ["-o", "faulthandler_timeout=0", "-q", *tests]
    try:
        subprocess.run(command, cwd=ROOT, check=False, timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"not done within {DEADLINE_S // 60} minutes: nothing is written\n")
        return 1
    if not RESULTS.exists():
        return 1
    outcomes = read_outcomes(RESULTS.read_text())
    versions = ", ".join(f"{name} {version}" for name, version in describe_versions()[:7])
    command_line = "make faults" + ("" if run == "full" else f" FAULTS={run}")
    text, held = make_page(
        outcomes,
        command=command_line,
        date=datetime.now(UTC).date(),
        machine=describe_machine(),
        versions=versions,
    )
    PAGE.write_text(text)
    sys.stdout.write(f"{PAGE}: {held} of {len(FAULTS)} faults survived\n")
    return 0 if held == len(FAULTS) else 1


if __name__ == "__main__":
    sys.exit(main())
