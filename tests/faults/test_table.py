"""The table of faults names tests that are there, and leaves none of this folder out."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

from tests.faults.table import (
    CLUSTER_FAULTS,
    FAULTS,
    Measured,
    make_page,
    make_room,
    put_room,
    read_outcomes,
    read_room,
)

TESTS = Path(__file__).parent.parent
MEASURED = Measured("c", date(2026, 1, 1), "m", "v")
#: Where each test has to be in the table: here, and the long ones of a cluster.
PAGES = ["faults/test_*.py", "cluster/test_*faults.py", "cluster/test_rolling.py", "cluster/test_clients_*.py"]


def names_of_tests(file: Path) -> set[str]:
    """Return the names of a file's test functions and test classes, and of the tests in those."""
    names = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and is_test(node.name):
            names.add(node.name)
            if isinstance(node, ast.ClassDef):
                inside = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
                names |= {f"{node.name}::{each.name}" for each in inside if is_test(each.name)}
    return names


def is_test(name: str) -> bool:
    """Say whether pytest takes what has this name for a test or a class of tests."""
    return name.lower().startswith("test")


def test_every_test_of_the_table_is_there() -> None:
    """A test that was renamed must not fall out of the page in silence."""
    for fault in [*FAULTS, *CLUSTER_FAULTS]:
        for test in fault.tests:
            file, _, name = test.partition("::")
            assert name in names_of_tests(TESTS / file), test


def test_every_fault_test_is_in_the_table() -> None:
    """Whoever writes a fault test here, or a long one for a cluster, writes down what it proves."""
    listed = {test for fault in [*FAULTS, *CLUSTER_FAULTS] for test in fault.tests}
    for pattern in PAGES:
        for file in TESTS.glob(pattern):
            if file != Path(__file__):
                prefix = f"{file.relative_to(TESTS)}::"
                names = names_of_tests(file)
                classes = {name.partition("::")[0] for name in names if "::" in name}
                # A class is listed as a whole, or test by test.
                left = {name for name in names - classes if prefix + name.partition("::")[0] not in listed}
                assert set() == {prefix + name for name in left} - listed


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
    page, held = make_page(read_outcomes(junit), MEASURED, several_nodes="")
    assert 1 == held
    assert "5 kills<br>1 passed" in page
    assert "**1 of 2 failed**" in page
    assert "**0 of 0 failed**" in page


def test_the_room_of_several_nodes_is_measured_by_itself() -> None:
    """It is put into the page, replaced there, and stays when the others are measured again."""
    junit = """<testsuites><testsuite>
    <testcase classname="tests.cluster.test_faults.TestLong" file="tests/cluster/test_faults.py"
      name="test_a_stopped_process[hub]"><properties><property name="figure" value="30 s"/></properties></testcase>
    </testsuite></testsuites>"""
    room, held = make_room(read_outcomes(junit), MEASURED)
    assert 1 == held
    assert "30 s<br>1 passed" in room
    page, _ = make_page({}, MEASURED, several_nodes="")
    with_room = put_room(page, room)
    assert room == read_room(with_room)
    assert with_room == put_room(put_room(page, "## Several nodes\n\nolder\n\n"), room)
    assert with_room == make_page({}, MEASURED, several_nodes=read_room(with_room))[0]
