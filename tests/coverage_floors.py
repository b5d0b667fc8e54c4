"""How much of each room the tests run, line by line and branch by branch, and the least that this may be.

`coverage run -m pytest` measures, as `make coverage` does it. A hub that the test of a command starts as a process is
measured too. At the end of the run the parts are put together. A whole run fails where a room is below its floor.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from coverage import Coverage
from coverage.exceptions import CoverageWarning

__all__ = ["FLOORS", "Room", "add_up", "find_shortfalls", "judge", "report"]

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "build" / "coverage" / "report.json"

#: The least percentage of lines and branches together. What decides without a wait, and can be tried with values alone,
#: is tried wholly.
FLOORS: dict[str, float] = {
    "hub": 95,
    **dict.fromkeys(
        (
            *("contracts", "hub.errors", "hub.cursor", "hub.target", "hub.settings", "hub.metrics", "hub.allowance"),
            *("hub.header_fields", "hub.timestamp", "hub.delivery.envelope", "hub.delivery.session"),
            *("hub.delivery.subscribers", "hub.delivery.resume_points", "hub.delivery.progress", "hub.publish.depth"),
            *("hub.publish.exactness", "hub.publish.data_rule", "hub.publish.registry", "hub.publish.body"),
            *("hub.relay.row", "hub.relay.round", "hub.backoff", "hub.relay.response"),
        ),
        100,
    ),
}


class Room(NamedTuple):
    """How much of a room was run: lines and branches, and where some were not."""

    covered: int
    total: int
    missing: tuple[str, ...]

    @property
    def percent(self) -> float:
        """The share that was run; of nothing, all."""
        return 100 * self.covered / self.total if self.total else 100.0


def _module_of(path: str) -> str:
    parts = Path(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _is_in(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(f"{prefix}.")


def add_up(files: Mapping[str, Any], prefix: str) -> Room:
    """Return what a report of coverage's (its `files`) says of the modules at or below `prefix`."""
    covered = total = 0
    missing: list[str] = []
    for path, found in sorted(files.items()):
        if not _is_in(_module_of(path), prefix):
            continue
        summary = found["summary"]
        covered += summary["covered_lines"] + summary["covered_branches"]
        total += summary["num_statements"] + summary["num_branches"]
        lines = [str(line) for line in found["missing_lines"]]
        lines += [f"{start}->{end}" for start, end in found["missing_branches"] if start not in found["missing_lines"]]
        if lines:
            missing.append(f"{path}: {', '.join(lines)}")
    return Room(covered, total, tuple(missing))


def find_shortfalls(files: Mapping[str, Any], floors: Mapping[str, float]) -> Iterator[str]:
    """Yield a line for each room that is below its floor, and where."""
    for prefix, floor in floors.items():
        room = add_up(files, prefix)
        if room.percent < floor:
            yield f"coverage of {prefix} is {room.percent:.2f} %, below its floor of {floor} %:"
            yield from (f"  {line}" for line in room.missing)


def _summarise(files: Mapping[str, Any]) -> Iterator[str]:
    both = [add_up(files, prefix) for prefix in ("hub", "contracts")]
    whole = Room(sum(room.covered for room in both), sum(room.total for room in both), ())
    rooms = sorted({".".join(_module_of(path).split(".")[:2]) for path in files if not path.startswith("contracts")})
    shares = [f"{name.removeprefix('hub.')} {add_up(files, name).percent:.1f}" for name in rooms if name != "hub"]
    yield f"coverage of lines and branches: {whole.percent:.2f} % of hub and contracts"
    yield f"  by room: {', '.join(shares)}"


def judge(files: Mapping[str, Any], *, is_whole: bool) -> tuple[list[str], bool]:
    """Return what to print, and whether all rooms are at their floors; a part of the tests is not judged."""
    shortfalls = list(find_shortfalls(files, FLOORS)) if is_whole else []
    return [*_summarise(files), *shortfalls], not shortfalls


def report(session: pytest.Session) -> list[str]:
    """End the measurement, judge it, and return the lines for the end of the run."""
    measured = Coverage.current()
    assert measured is not None
    measured.stop()
    measured.save()
    config = session.config
    # A worker of pytest-xdist only saves its part.
    if hasattr(config, "workerinput"):
        return []
    together = Coverage(data_file=str(measured.get_option("run:data_file")), messages=False)
    with warnings.catch_warnings():
        # A process that a test killed may have left half a part.
        warnings.filterwarnings("ignore", "Couldn't use data file", CoverageWarning)
        together.combine(strict=True)
    together.json_report(outfile=str(REPORT))
    files = json.loads(REPORT.read_text(encoding="utf-8"))["files"]
    lines, is_enough = judge(files, is_whole=_runs_all(config))
    if not is_enough:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    return lines


def _runs_all(config: pytest.Config) -> bool:
    selecting = ("keyword", "deselect", "ignore", "ignore_glob", "lf")
    return config.args_source is config.ArgsSource.TESTPATHS and not any(
        config.getoption(name, default=None) for name in selecting
    )
