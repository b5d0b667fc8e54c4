"""The table of faults names tests that are there, and leaves none of this folder out."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

from tests.faults.table import FAULTS, make_page, read_outcomes

TESTS = Path(__file__).parent.parent


def names_of_tests(file: Path) -> set[str]:
    """Return the names of a file's test functions and test classes."""
    tree = ast.parse(file.read_text())
    named = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef))
    return {node.name for node in named if node.name.lower().startswith("test")}


def test_every_test_of_the_table_is_there() -> None:
    """A test that was renamed must not fall out of the page in silence."""
    for fault in FAULTS:
        for test in fault.tests:
            file, _, name = test.partition("::")
            assert name in names_of_tests(TESTS / file), test


def test_every_fault_test_is_in_the_table() -> None:
    """Whoever writes a fault test here writes down what it proves."""
    listed = {test for fault in FAULTS for test in fault.tests}
    here = {
        f"faults/{file.name}::{name}"
        for file in (TESTS / "faults").glob("test_*.py")
        if file != Path(__file__)
        for name in names_of_tests(file)
    }
    assert set() == here - listed


def test_a_failed_or_missing_test_is_seen_on_the_page() -> None:
    """One failure of a fault's tests makes the fault one that the hub did not survive; so does no test at all."""
    junit = """<testsuites><testsuite>
    <testcase classname="tests.faults.test_kill" file="tests/faults/test_kill.py"
      name="test_nothing_acknowledged_is_lost_in_five_kills"><properties><property name="figure" value="5 kills"/>
      </properties></testcase>
    <testcase classname="tests.log.test_faults.TestDiskFull" file="tests/log/test_faults.py" name="test_one[a]"/>
    <testcase classname="tests.log.test_faults.TestDiskFull" file="tests/log/test_faults.py" name="test_two">
      <failure/></testcase>
    </testsuite></testsuites>"""
    page, held = make_page(read_outcomes(junit), command="c", date=date(2026, 1, 1), machine="m", versions="v")
    assert 1 == held
    assert "5 kills<br>1 passed" in page
    assert "**1 of 2 failed**" in page
    assert "**0 of 0 failed**" in page
