"""What retention takes, in which order, and how much at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from hub.log.port import Appended, Change, Draft, Kind, Record
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.retention import SLICE, Retention
from hub.log.sqlite.schema import LogFile, create_tables, open_writer
from hub.target import CONTROL, EVERYONE, user_target
from tests.log.engines import Clock, draft, drain, wait_for_a_look, wait_until

DAY_S = 86_400.0

OpenShort = Callable[..., Awaitable[SqliteLog]]


@pytest.fixture
async def open_short(tmp_path: Path, clock: Clock) -> AsyncIterator[OpenShort]:
    """Open a log that keeps little."""
    opened: list[SqliteLog] = []

    async def open_short(*, days: float = 30, records: int = 1_000_000) -> SqliteLog:
        log = await open_sqlite_log(
            tmp_path / "hub.db",
            now=clock,
            retention_s=days * DAY_S,
            retention_records=records,
            idempotency_s=DAY_S,
            max_pending=100,
            monotonic=clock.monotonic,
        )
        opened.append(log)
        return log

    yield open_short
    for log in opened:
        await log.close()


def _rows(path: Path, table: str) -> int:
    connection = apsw.Connection(str(path / "hub.db"), flags=apsw.SQLITE_OPEN_READONLY)
    # The clock's table is made with its first note.
    made = connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = ?", (table,)).fetchall() == [(1,)]
    ((count,),) = connection.execute(f"SELECT count(*) FROM {table}").fetchall() if made else [(0,)]
    connection.close()
    assert isinstance(count, int)
    return count


class TestCount:
    async def test_the_oldest_go_beyond_the_count(self, open_short: OpenShort, tmp_path: Path) -> None:
        """At most so many records stay; `first` rises with them, durably, and no index row is left behind."""
        log = await open_short(records=100)
        await log.append([draft(str(number), EVERYONE, user_target("a", str(number))) for number in range(1_500)])
        await wait_until(lambda: log.first == 1_401, "retention")
        assert list(range(1_401, 1_501)) == _positions(await drain(log, after=log.first - 1))
        await log.close()
        assert (100, 200) == (_rows(tmp_path, "record"), _rows(tmp_path, "target"))
        again = await open_short(records=100)
        assert (1_401, 1_500) == (again.first, again.head)

    async def test_records_of_a_state_go_with_the_others(self, open_short: OpenShort, tmp_path: Path) -> None:
        """Each change of a user's state is a record; its row in the index stays, and the log does not grow with it."""
        log = await open_short(records=10)
        for number in range(50):
            row = Change("muted", "newest", str(number).encode())
            state = Draft(id=f"s{number}", targets=(EVERYONE,), payload=b"{}", kind=Kind.STATE, changes=(row,))
            await log.append([state, draft(str(number))])
        await wait_until(lambda: log.first == 91, "retention")
        entry = await log.read_state("muted", "newest")
        assert entry is not None
        assert b"49" == entry.value
        await log.close()
        assert (10, 10) == (_rows(tmp_path, "record"), _rows(tmp_path, "target"))


class TestAge:
    async def test_old_records_go_and_positions_are_never_given_twice(
        self, open_short: OpenShort, clock: Clock
    ) -> None:
        """Even when all records went, the next position is a new one, also after a restart."""
        log = await open_short()
        await log.append([draft(str(number)) for number in range(10)])
        clock.now_s += 31 * DAY_S
        await wait_until(lambda: log.first == 11, "retention")
        await log.close()
        again = await open_short()
        assert (11, 10) == (again.first, again.head)
        assert [] == await drain(again)
        assert [Appended("x", 11, False)] == await again.append([draft("x")])

    async def test_young_records_stay(self, open_short: OpenShort, clock: Clock) -> None:
        """Retention stops at the first record that is young enough."""
        log = await open_short(days=1)
        await log.append([draft("old")])
        clock.now_s += DAY_S - 10
        await log.append([draft("young")])
        clock.now_s += 20
        await wait_until(lambda: log.first == 2, "retention")
        assert [2] == _positions(await drain(log, after=log.first - 1))

    @pytest.mark.parametrize("jump_s", [DAY_S, -DAY_S, 3_600.0, -3_600.0])
    async def test_a_clock_that_jumps_loses_nothing(self, open_short: OpenShort, clock: Clock, jump_s: float) -> None:
        """Order is by position whatever the clock says, and nothing young by either clock goes."""
        log = await open_short()
        for number in range(6):
            await log.append([draft(str(number), key=b"%d" % number)])
            clock.now_s += jump_s if number % 2 else -jump_s
        # Retention looks when a log is opened and after the first append.
        await log.close()
        again = await open_short()
        await again.append([draft("last")])
        await again.close()
        last = await open_short()
        assert (1, 7) == (last.first, last.head)
        assert list(range(1, 8)) == _positions(await drain(last))


class TestSlices:
    def test_a_pass_is_bounded(self, tmp_path: Path) -> None:
        """However much is due, one pass takes one slice, announces `first` before the records are gone, and says so."""
        connection = open_writer(LogFile(tmp_path / "hub.db"))
        create_tables(connection)
        with connection:
            connection.executemany(
                "INSERT INTO record VALUES (?, 'x', 0, NULL, 0, '[\"e\"]', x'', NULL)",
                [(number,) for number in range(1, 1_201)],
            )
            connection.executemany(
                "INSERT INTO target (target, position) VALUES ('e', ?)", [(number,) for number in range(1, 1_201)]
            )
            connection.executemany(
                "INSERT INTO idempotency VALUES (?, ?, x'', 'x', 0, NULL)",
                [(number, b"%d" % number) for number in range(1, 601)],
            )
        monotonic_s = 0.0
        retention = Retention(retention_s=10, retention_records=10**6, idempotency_s=10, monotonic=lambda: monotonic_s)
        clock = retention.make_clock(connection)
        with connection:
            clock.note(1_200)
        monotonic_s = 10.0
        announced: list[tuple[int, int]] = []
        reader = apsw.Connection(str(tmp_path / "hub.db"), flags=apsw.SQLITE_OPEN_READONLY)

        def announce(first: int) -> None:
            ((count,),) = reader.execute("SELECT count(*) FROM record").fetchall()
            assert isinstance(count, int)
            announced.append((first, count))

        first, outcomes = 1, []
        for _ in range(4):
            purged = retention.purge(
                connection,
                first=first,
                head=1_200,
                now_s=100.0,
                clock=clock,
                announce_first=announce,
                announce_controls=print,
            )
            outcomes.append((purged.first - first, purged.more))
            first = purged.first
        assert [(SLICE, True), (SLICE, True), (200, False), (0, False)] == outcomes
        assert [(501, 1_200), (1_001, 700), (1_201, 200)] == announced
        assert [(0, 0, 0)] == connection.execute(
            "SELECT (SELECT count(*) FROM record), (SELECT count(*) FROM target), (SELECT count(*) FROM idempotency)"
        ).fetchall()
        reader.close()
        connection.close()

    async def test_publishers_are_served_while_much_is_due(self, open_short: OpenShort, clock: Clock) -> None:
        """Appends go on between the slices, and retention catches up all the same."""
        log = await open_short(days=1)
        for _ in range(10):
            await log.append([draft(str(number)) for number in range(1_000)])
        clock.now_s += 2 * DAY_S
        while log.first <= 10_000:
            await log.append([draft("fresh")])
        assert log.head == 10_000 + len(await drain(log, after=log.first - 1))


class TestControl:
    async def test_control_records_stay_until_they_expire(
        self, open_short: OpenShort, clock: Clock, tmp_path: Path
    ) -> None:
        """Retention passes them by; once expired and passed they go too."""
        log = await open_short(records=5)
        soon, late = clock.now_s + 60, clock.now_s + 120
        await log.append([draft("soon", CONTROL, expires_at_s=soon), draft("late", CONTROL, expires_at_s=late)])
        await log.append([draft(str(number)) for number in range(20)])
        await wait_until(lambda: log.first == 18, "retention")
        assert [1, 2] == _positions(await drain(log, CONTROL))
        clock.monotonic_s += 600
        await wait_until(lambda: _rows(tmp_path, "clock") == 1, "a note of the clock")
        clock.now_s = soon
        clock.monotonic_s += 60
        await wait_until(lambda: _rows(tmp_path, "record") == 6, "the expired control record to go")
        await log.close()
        again = await open_short(records=5)
        assert [2] == _positions(await drain(again, CONTROL))

    @pytest.mark.parametrize("restart", [False, True])
    async def test_control_records_outlive_a_clock_that_jumps(
        self, open_short: OpenShort, clock: Clock, restart: bool
    ) -> None:
        """While the clock is a year ahead nothing of the hub's own goes, and it is there when the clock is back."""
        log = await open_short(records=1)
        await log.append([draft("revoked", CONTROL, expires_at_s=clock.now_s + 7 * DAY_S)])
        await log.append([draft(str(number)) for number in range(10)])
        for jump_s in (365 * DAY_S, -365 * DAY_S):
            clock.now_s += jump_s
            clock.monotonic_s += 3_600
            if restart:
                await log.close()
                log = await open_short(records=1)
            await wait_for_a_look(log)
            # Also to be read while it is ahead: a hub may start then, and run on when the clock is back.
            assert [1] == _positions(await drain(log, CONTROL))


class TestKeys:
    async def test_keys_outlive_their_records(self, open_short: OpenShort, tmp_path: Path, clock: Clock) -> None:
        """A key holds its time though retention took the record; then it goes as well."""
        log = await open_short(records=1)
        await log.append([draft("a", key=b"k")])
        await log.append([draft("b")])
        await wait_until(lambda: log.first == 2, "retention")
        assert [Appended("a", 1, True)] == await log.append([draft("c", key=b"k")])
        clock.pass_by(600)
        await wait_until(lambda: _rows(tmp_path, "clock") == 1, "a note of the clock")
        clock.pass_by(DAY_S + 1)
        await wait_until(lambda: _rows(tmp_path, "idempotency") == 0, "the key to go")


def _positions(records: list[Record]) -> list[int]:
    return [record.position for record in records]
