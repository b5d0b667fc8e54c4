"""How coverage is added up by room and judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.coverage_floors import FLOORS, Room, add_up, find_shortfalls, judge
from tests.test_architecture import MODULES


def measured(
    lines: tuple[int, int], branches: tuple[int, int] = (0, 0), missing: tuple[int, ...] = (), jumps: Any = ()
) -> dict[str, Any]:
    """Return what coverage's report says of one file: of lines and branches, how many were run of how many."""
    summary = {"covered_lines": lines[0], "num_statements": lines[1]}
    summary |= {"covered_branches": branches[0], "num_branches": branches[1]}
    return {"summary": summary, "missing_lines": list(missing), "missing_branches": [list(jump) for jump in jumps]}


FILES = {
    "hub/log/__init__.py": measured((0, 0)),
    "hub/log/tail.py": measured((8, 10), (3, 4), missing=(5, 6), jumps=[(4, 5), (5, 7)]),
    "hub/logging.py": measured((1, 10)),
    "hub/cursor.py": measured((10, 10)),
}


def test_room_is_all_of_its_modules_and_no_others() -> None:
    """Lines and branches count alike; a module whose name begins alike is another room's; what is missing is named."""
    assert Room(11, 14, ("hub/log/tail.py: 5, 6, 4->5",)) == add_up(FILES, "hub.log")
    assert 100.0 == add_up(FILES, "hub.nothing").percent


def test_room_below_its_floor_is_named_with_its_places() -> None:
    """Exactly the floor is enough."""
    assert [] == list(find_shortfalls(FILES, {"hub.cursor": 100, "hub.log": 78.5}))
    room, place = find_shortfalls(FILES, {"hub.log": 78.6})
    assert "coverage of hub.log is 78.57 %, below its floor of 78.6 %:" == room
    assert "  hub/log/tail.py: 5, 6, 4->5" == place


@pytest.mark.parametrize(("is_whole", "is_enough"), [(True, False), (False, True)])
def test_only_a_run_of_all_tests_is_judged(is_whole: bool, is_enough: bool) -> None:
    """A part of the tests covers a part of the hub; it says how much, and fails for nothing."""
    lines, enough = judge(FILES, is_whole=is_whole)
    assert is_enough is enough
    assert "coverage of lines and branches: 64.71 % of hub and contracts" == lines[0]
    assert "  by room: cursor 100.0, log 78.6, logging 10.0" == lines[1]


def test_every_floor_is_one_of_a_room() -> None:
    """A room that was renamed would have no floor any more."""
    modules = [*MODULES, "hub"]
    assert [] == [prefix for prefix in FLOORS if not any(f"{name}.".startswith(f"{prefix}.") for name in modules)]


def test_coverage_builds_what_the_browsers_tests_need() -> None:
    """On a fresh checkout `make coverage` has the built clients and the browsers' drivers, as `make test` has them."""
    makefile = Path(__file__).parents[1] / "Makefile"
    (rule,) = [line for line in makefile.read_text(encoding="utf-8").splitlines() if line.startswith("coverage:")]
    assert "examples" in rule.partition("##")[0].split()
