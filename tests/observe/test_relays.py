"""The relays that an operator sees: the newest report of each, bounded, and forgotten in time."""

from __future__ import annotations

from contracts.relay import RelayReport
from hub.auth.grant import OPERATIONS_BY_DEFAULT, ServiceGrant
from hub.observe.relays import RelayBoard


def grant(name: str) -> ServiceGrant:
    """Return the grant of a service."""
    return ServiceGrant(name=name, accounts=None, types=None, everyone=False, operations=OPERATIONS_BY_DEFAULT)


def report(number: int = 0, *, waiting: int = 0, ends: bool = False) -> RelayReport:
    """Return the report of a relay."""
    return RelayReport(
        instance=f"{number:016x}",
        waiting_rows=waiting,
        dead_rows=0,
        oldest_waiting_seconds=0.0,
        published=0,
        interval_seconds=15.0,
        ends=ends,
    )


class Clock:
    """A monotonic clock that a test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def make_board(most: int = 10) -> tuple[RelayBoard, Clock]:
    """Return a board and its clock."""
    clock = Clock()
    return RelayBoard(most=most, now=lambda: 0.0, monotonic=clock), clock


def test_the_newest_report_of_each_is_kept() -> None:
    """A relay is told by its service and its instance; a service cannot replace the report of another."""
    board, _ = make_board()
    for waiting in (5, 7):
        board.take(report(1, waiting=waiting), grant("shop"))
    board.take(report(1, waiting=9), grant("crm"))
    assert [("crm", 9), ("shop", 7)] == [(each.service, each.waiting_rows) for each in board.collect()]


def test_one_that_ends_is_gone() -> None:
    """A relay that was stopped in order is not shown as missing."""
    board, _ = make_board()
    board.take(report(), grant("shop"))
    board.take(report(ends=True), grant("shop"))
    assert [] == board.collect()


def test_silence_is_said_and_forgotten() -> None:
    """After three intervals a relay is overdue, after an hour it is forgotten."""
    board, clock = make_board()
    board.take(report(), grant("shop"))
    seen = []
    for clock.now_s in (145.0, 145.1, 3_700.0, 3_700.1):
        seen.append([each.overdue for each in board.collect()])
    assert [[False], [True], [True], []] == seen


def test_they_are_bounded() -> None:
    """However many report, the newest are kept."""
    board, _ = make_board(most=3)
    for number in range(10):
        board.take(report(number), grant("shop"))
    assert [f"{number:016x}" for number in (7, 8, 9)] == [each.instance for each in board.collect()]
