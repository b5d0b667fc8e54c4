"""What is run, and the page `docs/reference/conformance.md` made from the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import msgspec

from bench.machine import describe_machine, describe_versions
from conformance.suite import REQUIREMENTS, Verdict

__all__ = ["CORE", "FULL", "GROUPS", "PAGE", "Run", "describe_failures", "make_page"]

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "conformance.md"
#: What takes part.
VERSIONS = ("notification-hub", "Python", "uvicorn", "uvloop", "websockets")
#: The suite's numbers; it has no group 8 and 11.
GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits and performance",
    "10": "message in fragments",
    "12": "permessage-deflate, payloads",
    "13": "permessage-deflate, parameters",
}
#: Why a case is allowed to be less than strict.
RESERVATIONS = {
    "3": "The hub closes with 1002 as it should, but before the echo of an earlier message has left.",
    "4": "The hub closes with 1002 as it should, but before the echo of an earlier message has left.",
    "5": "The hub closes with 1002 as it should, but before the echo of an earlier message has left.",
    "6": "The hub judges UTF-8 when a message is complete, not as its bytes arrive; it closes with 1007 all the same.",
}


class Run(msgspec.Struct):
    """Groups that run against one server, and what that server has set."""

    name: str
    groups: tuple[str, ...]
    setting: str
    options: tuple[str, ...] = ()
    verdicts: dict[str, Verdict] = {}


_CORE = Run("core", ("1", "2", "3", "4", "5", "6", "7", "10"), "everything as shipped")
CORE = (_CORE,)
FULL = (
    _CORE,
    Run("limits", ("9",), "messages of 16 MiB, no bound on frames a second", ("--raised",)),
    Run(
        "compression",
        ("12", "13"),
        "HUB_COMPRESSION=on, messages of 16 MiB, no bound on frames a second",
        ("--raised", "--compression"),
    ),
)


def describe_failures(runs: Sequence[Run]) -> list[str]:
    """Return a line for each case that failed."""
    return [
        f"case {number}: {verdict.behavior}, closing {verdict.closing}"
        for run in runs
        for number, verdict in run.verdicts.items()
        if not verdict.passed
    ]


def make_page(runs: Sequence[Run], *, command: str, date: date) -> str:
    """Return the page."""
    versions = dict(describe_versions())
    suite = next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("autobahntestsuite=="))
    used = ", ".join(f"{name} {versions[name]}" for name in VERSIONS)
    total = sum(len(run.verdicts) for run in runs)
    passed = sum(verdict.passed for run in runs for verdict in run.verdicts.values())
    lines = [
        "# Conformance",
        "",
        f"Autobahn's fuzzing client against the hub's WebSocket protocol. Made by `{command}`; do not edit.",
        "",
        "| | |",
        "|---|---|",
        f"| Date | {date} |",
        f"| Machine | {describe_machine()} |",
        f"| Versions | {used}, {suite.replace('==', ' ')} |",
        f"| Result | {passed} of {total} cases pass |",
        "",
        "The hub repeats no client's words, so an app that echoes stands in its place, on the hub's server, protocols",
        "and links (`conformance/echo.py`). Nothing is excluded within a group.",
        "",
        "| Group | About | Server | Cases | Strict | Allowed | Informational | Failed |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for run in runs:
        for group in run.groups:
            lines.append(_row(run, group))
    failures = describe_failures(runs)
    lines += ["", "## Failed", "", *(f"- {failure}" for failure in failures or ["none"])]
    lines += ["", "## Passed, not strictly", "", *_reservations(runs)]
    return "\n".join(lines) + "\n"


def _row(run: Run, group: str) -> str:
    verdicts = [verdict for number, verdict in run.verdicts.items() if _group(number) == group]
    failed = sum(not verdict.passed for verdict in verdicts)
    told = sum(verdict.passed and verdict.informational for verdict in verdicts)
    allowed = sum(verdict.passed and not verdict.strict for verdict in verdicts)
    strict = len(verdicts) - failed - told - allowed
    return f"| {group} | {GROUPS[group]} | {run.setting} | {len(verdicts)} | {strict} | {allowed} | {told} | {failed} |"


def _reservations(runs: Sequence[Run]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for run in runs:
        for number, verdict in run.verdicts.items():
            if verdict.passed and not verdict.strict:
                groups.setdefault(_group(number), []).append(number)
    if not groups:
        return ["None."]
    return [f"- {', '.join(cases)}: {RESERVATIONS.get(group, 'see the suite.')}" for group, cases in groups.items()]


def _group(number: str) -> str:
    return number.partition(".")[0]
