"""What the loss checker's comparison makes of a history."""

from __future__ import annotations

from tests.cluster.ledger import Acknowledged, Cursor, History, Ledger, User

USER = User("a", "u")


def published(*positions: int, epoch: str = "e") -> Ledger:
    """A ledger in which these were acknowledged."""
    ledger = Ledger()
    for position in positions:
        ledger.audience[f"t{position}"] = frozenset([USER])
        ledger.acknowledge(f"t{position}", Acknowledged(f"n{position}", Cursor(epoch, position)), 0.0)
    return ledger


def listened(*events: int | Cursor, start: int = 0) -> History:
    """A history: a number is a notification at that place, a cursor is a gap up to there."""
    history = History("listener", USER)
    history.begin(Cursor("e", start))
    for event in events:
        if isinstance(event, Cursor):
            history.take_gap(event)
        else:
            epoch = history.cursor.epoch if history.cursor is not None else "e"
            history.take(f"t{event}", f"n{event}", Cursor(epoch, event), 0.0)
    return history


def kinds(ledger: Ledger, *histories: History, may_have_gaps: bool = False) -> list[str]:
    """The kinds of violation that are found."""
    found = ledger.compare(list(histories), may_have_gaps=may_have_gaps)
    return [violation.partition(":")[0] for violation in found]


def test_everything_in_order_is_right() -> None:
    """Nothing is found where each has come, once and in order, from where the listener began."""
    assert [] == kinds(published(1, 2, 3), listened(1, 2, 3), listened(2, 3, start=1))


def test_what_is_missing_twice_or_out_of_order_is_found() -> None:
    """Each has its kind."""
    assert ["missing"] == kinds(published(1, 2, 3), listened(1, 3))
    assert ["out of order", "twice"] == kinds(published(1, 2), listened(1, 1, 2))
    assert ["out of order"] == kinds(published(1, 2), listened(2, 1))


def test_what_one_listener_got_the_others_are_owed() -> None:
    """A notification without a receipt counts as soon as anybody got it."""
    ledger = published(1)
    ledger.audience["t2"] = frozenset([USER])
    assert [] == kinds(ledger, listened(1), listened(1))
    assert ["missing"] == kinds(ledger, listened(1, 2), listened(1))


def test_two_places_of_one_notification_are_found() -> None:
    """Two receipts, or two listeners, that name different places."""
    ledger = published(1)
    ledger.acknowledge("t1", Acknowledged("n1", Cursor("e", 9)), 0.0)
    assert ["stored twice"] == kinds(ledger, listened(1))
    other = listened()
    other.take("t1", "n1", Cursor("e", 2), 0.0)
    assert ["stored twice"] == kinds(published(1), listened(1), other)


def test_an_announced_gap_excuses_what_is_in_it_alone() -> None:
    """Up to the gap's end nothing is owed; behind it everything is, and an unannounced gap is a loss."""
    assert [] == kinds(published(1, 2, 3), listened(1, Cursor("e", 2), 3), may_have_gaps=True)
    assert ["missing"] == kinds(published(1, 2, 3), listened(1, Cursor("e", 2)), may_have_gaps=True)
    assert ["gap"] == kinds(published(1, 2, 3), listened(1, Cursor("e", 2), 3))


def test_another_log_has_to_be_announced() -> None:
    """A gap into another epoch excuses the rest of the old one; without a gap the change itself is a violation."""
    history = listened(1, Cursor("f", 5))
    history.take("t6", "n6", Cursor("f", 6), 0.0)
    ledger = published(1, 2)
    for position in (5, 6, 7):
        ledger.audience[f"t{position}"] = frozenset([USER])
        ledger.acknowledge(f"t{position}", Acknowledged(f"n{position}", Cursor("f", position)), 0.0)
    assert ["missing"] == kinds(ledger, history, may_have_gaps=True)
    silent = listened(1)
    silent.take("t6", "n6", Cursor("f", 6), 0.0)
    assert "out of order" in kinds(ledger, silent)


def test_what_a_gap_covers_is_counted_as_missed() -> None:
    """An announced gap is no violation, and what is in it did not come all the same."""
    ledger, history = published(1, 2, 3, 4), listened(2, Cursor("e", 3), 4, start=1)
    assert [] == kinds(ledger, history, may_have_gaps=True)
    assert 1 == ledger.count_missed([history])
    assert 0 == published(1, 2).count_missed([listened(1, 2)])
