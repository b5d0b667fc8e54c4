"""A round: what may be sent next, and what follows from each outcome."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.relay.round import Round
from hub.relay.row import TIMEOUT, Dead, Failed, HubAway, Outcome, Published, Row

PUBLISHED = Published(False)
DEAD = Dead("unknown_type", "unknown_type (400): The notification type is not known")
FAILED = Failed("internal", "internal (500): The hub failed", True)
AWAY = HubAway("draining", "draining (503): The hub is restarting")
LATE = HubAway(TIMEOUT, "no response came within 10 s")


def row(key: str, number: int = 0, *, due: bool = True) -> Row:
    """Return a row whose id says its key and number."""
    return Row(id=f"{key}{number}", key=key, attempts=0, due=due, body=b"{}")


def take_all(done: Round) -> list[str]:
    """Return the ids of all rows that may be sent now."""
    return [taken.id for taken in iter(done.take, None)]


def test_a_row_shows_no_person() -> None:
    """Where a row is printed there is neither its key nor its body, which name people."""
    assert "Row(a1)" == repr(Row(id="a1", key="user:00000000191", attempts=0, due=True, body=b"Maria"))


def test_one_row_of_a_key_is_in_flight() -> None:
    """The successors of a row wait until it is acknowledged; other keys do not."""
    rows = [row("a", 1), row("a", 2), row("b", 1)]
    done = Round(rows, max_in_flight=8)
    assert ["a1", "b1"] == take_all(done)
    done.settle(rows[0], PUBLISHED)
    assert ["a2"] == take_all(done)


def test_no_more_are_in_flight_than_may_be() -> None:
    """The next row is sent when one in flight has its outcome."""
    rows = [row(key) for key in "abc"]
    done = Round(rows, max_in_flight=2)
    assert ["a0", "b0"] == take_all(done)
    done.settle(rows[1], PUBLISHED)
    assert ["c0"] == take_all(done)


def test_a_dead_row_frees_its_key() -> None:
    """The successors of a row that will never pass are sent."""
    rows = [row("a", 1), row("a", 2)]
    done = Round(rows, max_in_flight=8)
    take_all(done)
    done.settle(rows[0], DEAD)
    assert ["a2"] == take_all(done)
    assert [(rows[0], DEAD)] == done.dead


def test_a_failed_row_holds_its_key() -> None:
    """The successors of a row that is sent again later wait; other keys go on."""
    rows = [row("a", 1), row("a", 2), row("b", 1), row("b", 2)]
    done = Round(rows, max_in_flight=8)
    take_all(done)
    done.settle(rows[0], FAILED)
    done.settle(rows[2], PUBLISHED)
    assert ["b2"] == take_all(done)
    done.settle(rows[3], PUBLISHED)
    assert done.is_over


def test_a_row_that_waits_for_its_next_attempt_holds_its_key() -> None:
    """It may stand behind a row that was committed later: it and what follows are not sent."""
    rows = [row("a", 1), row("a", 2, due=False), row("a", 3)]
    done = Round(rows, max_in_flight=8)
    assert ["a1"] == take_all(done)
    done.settle(rows[0], PUBLISHED)
    assert [] == take_all(done)
    assert done.is_over


def test_a_hub_that_is_away_ends_the_round() -> None:
    """Nothing more is sent; what is in flight still counts."""
    rows = [row(key) for key in "abc"]
    done = Round(rows, max_in_flight=2)
    take_all(done)
    done.settle(rows[0], AWAY)
    assert [] == take_all(done)
    assert not done.is_over
    done.settle(rows[1], PUBLISHED)
    done.close()
    assert (True, AWAY, [rows[1]]) == (done.is_over, done.away, done.published)


def test_one_request_without_a_response_is_about_its_row() -> None:
    """Where the hub acknowledged others meanwhile, the row is postponed, and the relay does not pause."""
    rows = [row("a"), row("b")]
    done = Round(rows, max_in_flight=2)
    take_all(done)
    done.settle(rows[0], LATE)
    done.settle(rows[1], PUBLISHED)
    done.close()
    assert done.away is None
    assert [rows[0]] == [failed for failed, _ in done.failed]


def test_two_requests_without_a_response_are_about_the_hub() -> None:
    """A hub that hangs is away, whatever it acknowledged before."""
    rows = [row("a"), row("b"), row("c")]
    done = Round(rows, max_in_flight=3)
    take_all(done)
    outcomes: list[Outcome] = [PUBLISHED, LATE, LATE]
    for taken, outcome in zip(rows, outcomes, strict=True):
        done.settle(taken, outcome)
    done.close()
    assert (LATE, []) == (done.away, done.failed)


OUTCOMES = st.sampled_from([PUBLISHED, PUBLISHED, PUBLISHED, DEAD, FAILED, AWAY])


@given(
    keys=st.lists(st.sampled_from("abcd"), max_size=30),
    max_in_flight=st.integers(1, 5),
    outcomes=st.lists(OUTCOMES, min_size=30, max_size=30),
    data=st.data(),
)
def test_order_and_bounds_hold_for_every_course(
    keys: list[str], max_in_flight: int, outcomes: list[Outcome], data: st.DataObject
) -> None:
    """A row is sent once at most, after its predecessor was published or died, and never too many at once."""
    rows = [row(key, number) for number, key in enumerate(keys)]
    done = Round(rows, max_in_flight=max_in_flight)
    flying: list[Row] = []
    sent: list[Row] = []
    settled: dict[Row, Outcome] = {}
    while not done.is_over:
        while (taken := done.take()) is not None:
            predecessors = rows[: rows.index(taken)]
            assert all(isinstance(settled.get(one), Published | Dead) for one in predecessors if one.key == taken.key)
            flying.append(taken)
            sent.append(taken)
        assert len(flying) <= max_in_flight
        if not flying:
            break
        one = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
        settled[one] = outcomes[len(settled)]
        done.settle(one, settled[one])
    assert len(sent) == len(set(sent))
    assert [each for each in settled if isinstance(settled[each], Published)] == done.published
    if not any(isinstance(outcome, HubAway | Failed) for outcome in settled.values()):
        assert set(rows) == set(sent), "nothing kept the rest from being sent"
