"""`python -m conformance`: run Autobahn's fuzzing client against the hub's protocols and write the report.

CONFORMANCE=core (20 seconds: groups 1-7 and 10, everything as shipped) or full (half an hour: groups 9, 12 and 13
too). PYTHON27 is a CPython 2.7; without it the PATH and pyenv are searched.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from conformance.report import CORE, FULL, PAGE, Run, describe_failures, make_page
from conformance.suite import BUILD, Missing, find_python27, install_suite, run_suite

STOP_S = 10.0


def main() -> int:
    """Run the suite; the exit status is 1 where a case failed, 2 where it could not be run."""
    plan = {"core": CORE, "full": FULL}.get(os.environ.get("CONFORMANCE", "core"))
    if plan is None:
        print("CONFORMANCE is one of: core, full", file=sys.stderr)
        return 2
    try:
        python27 = find_python27(os.environ.get("PYTHON27", ""))
        site = install_suite(python27)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    for run in plan:
        print(f"Autobahn, groups {', '.join(run.groups)}: {run.setting}", flush=True)
        with serve(run) as port:
            run.verdicts = run_suite(python27, site, port, name=run.name, groups=run.groups)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    command = "make conformance" + (" CONFORMANCE=full" if plan is FULL else "")
    PAGE.write_text(make_page(plan, command=command, date=datetime.now(UTC).date()))
    failures = describe_failures(plan)
    print("\n".join(failures) or f"{sum(len(run.verdicts) for run in plan)} cases, none failed: {PAGE}")
    return 1 if failures else 0


@contextlib.contextmanager
def serve(run: Run) -> Iterator[int]:
    """Run the echo in a process of its own until the block ends; yields its port."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / f"{run.name}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "conformance.echo", *run.options], stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


if __name__ == "__main__":
    sys.exit(main())
