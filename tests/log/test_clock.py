"""The log's own monotonic clock: what it counts, what it knows to be old, and how little it keeps of that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.log.port import Appended
from hub.log.sqlite.clock import RunClock
from tests.log.conftest import OpenLog
from tests.log.engines import Clock, draft, wait_for_a_look

TABLES = """CREATE TABLE record (position INTEGER PRIMARY KEY, control INTEGER, expires_ms INTEGER, created_s REAL);
CREATE TABLE idempotency (position INTEGER PRIMARY KEY)"""


class Steady:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def connection() -> Iterator[apsw.Connection]:
    """A file with the tables that the clock looks at."""
    made = apsw.Connection(":memory:")
    made.execute(TABLES)
    yield made
    made.close()


def test_time_adds_up_over_all_starts(connection: apsw.Connection) -> None:
    """What was noted in an earlier life counts; the time between two lives does not, wherever its clock starts."""
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=10)
    monotonic.now_s += 100
    clock.note(5)
    monotonic.now_s += 3
    assert 103 == clock.ran_s
    monotonic.now_s = 7
    again = RunClock(connection, monotonic, every_s=10)
    assert 100 == again.ran_s
    monotonic.now_s += 50
    assert 150 == again.ran_s
    monotonic.now_s = 0  # no clock of the kind does that; should it, no time has passed
    assert 100 == again.ran_s


@given(st.lists(st.tuples(st.floats(0, 1_000), st.integers(0, 9)), max_size=12), st.floats(0, 5_000))
def test_nothing_young_is_taken_for_old(steps: list[tuple[float, int]], age_s: float) -> None:
    """Whatever is known to be of an age was written at least that long ago, for any notes, and note by note."""
    connection = apsw.Connection(":memory:")
    connection.execute(TABLES)
    # A key at the first position keeps every note.
    connection.execute("INSERT INTO idempotency VALUES (1)")
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=1)
    written: dict[int, float] = {}
    head = 0
    for passed_s, count in steps:
        monotonic.now_s += passed_s
        for _ in range(count):
            head += 1
            written[head] = clock.ran_s
        clock.note(head)
    old = clock.head_before(age_s)
    assert all(clock.ran_s - at_s >= age_s - 1e-6 for position, at_s in written.items() if position <= old)
    connection.close()


def test_notes_go_when_nothing_is_aged_by_them(connection: apsw.Connection) -> None:
    """Only the notes from the one before the oldest key or control record on are kept."""
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=10)
    connection.execute("INSERT INTO idempotency VALUES (25)")
    connection.execute("INSERT INTO record VALUES (35, 1, 0, 0)")
    for head in range(10, 60, 10):
        monotonic.now_s += 10
        clock.note(head)
    assert [(20,), (30,), (40,), (50,)] == connection.execute("SELECT head FROM clock ORDER BY 1").fetchall()
    connection.execute("DELETE FROM idempotency")
    clock.note(60)
    assert [(30,), (40,), (60,)] == connection.execute("SELECT head FROM clock ORDER BY 1").fetchall()
    connection.execute("DELETE FROM record")
    clock.note(70)
    assert [(70,)] == connection.execute("SELECT head FROM clock").fetchall()


def test_an_idle_log_is_noted_by_the_hour(connection: apsw.Connection) -> None:
    """While records come a note is due every few minutes, and without any an hour is not lost with the process."""
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=300)
    clock.note(5)
    monotonic.now_s += 299
    assert [False, False] == [clock.is_due(head) for head in (5, 6)]
    monotonic.now_s += 1
    assert [False, True] == [clock.is_due(head) for head in (5, 6)]
    monotonic.now_s += 3_300
    assert [True, True] == [clock.is_due(head) for head in (5, 6)]


async def test_damaged_notes_stop_nothing_and_forget_nothing(open_log: OpenLog, clock: Clock, tmp_path: Path) -> None:
    """With the clock's page in ruins the log opens and appends, and a key is kept."""
    log = await open_log()
    await log.append([draft("a", key=b"k", body=b"1")])
    clock.pass_by(600)
    await wait_for_a_look(log)
    await log.close()
    (path,) = [each for each in (tmp_path / "log").iterdir() if each.suffix in {".db", ".sqlite3"}]
    connection = apsw.Connection(str(path))
    page, size = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'clock'").fetchall()[0][0], 4_096
    assert connection.pragma("page_size") == size
    connection.close()
    with path.open("r+b") as file:
        file.seek((int(str(page)) - 1) * size)
        file.write(b"\xff" * size)
    again = await open_log()
    clock.pass_by(10 * 86_400)
    await wait_for_a_look(again)
    assert [Appended("a", 1, True)] == await again.append([draft("b", key=b"k", body=b"1")])
    assert again.writable


@pytest.mark.parametrize(
    "ruin", ["CREATE TABLE clock (x)", "CREATE TABLE clock (ran_s, head); INSERT INTO clock VALUES ('a', x'ff')"]
)
def test_notes_that_cannot_be_read_make_nothing_old(connection: apsw.Connection, ruin: str) -> None:
    """Whatever stands in the clock's table, it raises nothing, nothing is old, and no further note is tried."""
    connection.execute(ruin)
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=1)
    monotonic.now_s += 1e6
    clock.note(7)
    assert (0, []) == (clock.head_before(1), clock.find_dead_controls(now_s=1e12, before=10, limit=10))
    assert not clock.is_due(8)


def test_log_of_an_earlier_version_has_no_clock_yet(connection: apsw.Connection) -> None:
    """Before the first note nothing is old; reading makes no table."""
    monotonic = Steady()
    clock = RunClock(connection, monotonic, every_s=10)
    monotonic.now_s += 1e9
    assert (0, []) == (clock.head_before(1), clock.find_dead_controls(now_s=1e12, before=10, limit=10))
    assert [(0,)] == connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'clock'").fetchall()
    assert clock.is_due(1)
