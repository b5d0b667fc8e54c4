"""Where clients without a cursor stand: found again, kept in bounds, and there after the hub's death."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cursor import Epoch
from hub.delivery.resume_points import Client, ResumePoint, ResumePoints, identify_client

EPOCH = Epoch("abcdefghij")
KEEP_S = 60.0
HEADERS = [(b"origin", b"https://app.example.com"), (b"user-agent", b"Chrome")]
ANA = identify_client("a", "token 1", HEADERS)
BIA = identify_client("a", "token 2", HEADERS)


class Clock:
    """A monotonic clock that is told the time."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make_points(clock: Clock, path: Path | None = None, *, epoch: Epoch = EPOCH, connections: int = 10) -> ResumePoints:
    """Return a table, with what the last one left at `path`."""
    return ResumePoints(path, epoch=epoch, connections=connections, keep_s=KEEP_S, monotonic=clock)


def connect(points: ResumePoints, client: Client = ANA, *, head: int = 0) -> ResumePoint:
    """Return the entry of a client that connects, and is greeted."""
    point = points.open(client, head=head)
    point.begin(head if point.resumes_at is None else point.resumes_at)
    return point


def deliver(point: ResumePoint, position: int, *, confirmed: bool = True) -> None:
    """Have everything up to a position taken by the kernel, and confirmed by the peer."""
    point.note(position)
    point.ask(position)
    if confirmed:
        point.confirm(position)


class TestReturn:
    def test_first_visit(self, clock: Clock) -> None:
        """A token that was never here resumes nowhere."""
        assert make_points(clock).open(ANA, head=7).resumes_at is None

    def test_it_resumes_where_it_confirmed(self, clock: Clock) -> None:
        """What the peer has not confirmed may not have arrived, so it comes (again)."""
        points = make_points(clock)
        point = connect(points)
        deliver(point, 5)
        deliver(point, 9, confirmed=False)
        point.end()
        assert 5 == points.open(ANA, head=9).resumes_at

    def test_an_answer_that_comes_after_the_end_counts(self, clock: Clock) -> None:
        """The hub closes, the peer answers what was asked before that: it has everything."""
        points = make_points(clock)
        point = connect(points)
        point.ask(9)
        point.end()
        point.confirm(9)
        assert 9 == points.open(ANA, head=9).resumes_at

    def test_an_answer_of_the_old_connection_does_not_move_the_new_one(self, clock: Clock) -> None:
        """Once the entry went to the next connection, the last one has no say."""
        points = make_points(clock)
        old = connect(points)
        old.ask(9)
        old.end()
        new = connect(points, head=9)
        old.confirm(9)
        old.note(9)
        old.end()
        assert (0, 0) == (new.resumes_at, new.confirmed)

    @pytest.mark.parametrize("claimed", [10, 2**63, 3])
    def test_a_peer_confirms_what_it_was_asked_and_no_more(self, clock: Clock, claimed: int) -> None:
        """An answer to no question is nothing, and none takes back what was confirmed."""
        points = make_points(clock)
        point = connect(points)
        deliver(point, 5)
        point.ask(9)
        point.confirm(claimed)
        assert 5 == point.confirmed

    def test_the_old_connection_neither_doubts_nor_ends_the_new_one(self, clock: Clock) -> None:
        """What is learned late of a connection whose client is back changes nothing for that client."""
        points = make_points(clock)
        old = connect(points)
        old.end()
        new = connect(points)
        deliver(new, 5)
        old.doubt()
        old.end()
        assert points.open(ANA, head=9).resumes_at is None

    def test_an_end_counts_once(self, clock: Clock) -> None:
        """A connection that is ended again, when its transport has gone as well, leaves one place to return to."""
        points = make_points(clock)
        point = connect(points)
        deliver(point, 5)
        point.end()
        point.end()
        assert 5 == points.open(ANA, head=9).resumes_at
        assert points.open(ANA, head=9).resumes_at is None

    @pytest.mark.parametrize("gone", [True, False])
    def test_nothing_more_is_learned_of_one_that_confirmed_or_is_gone(self, clock: Clock, gone: bool) -> None:
        """A shutdown waits for a peer that owes an answer, and for no other."""
        point = connect(make_points(clock))
        settled = [point.settled]
        deliver(point, 5, confirmed=False)
        settled.append(point.settled)
        if gone:
            point.gone = True
        else:
            point.confirm(5)
        assert [True, False, True] == [*settled, point.settled]

    def test_one_return_for_each_end(self, clock: Clock) -> None:
        """Four connections ended, four come back, and the fifth is a first visit."""
        points = make_points(clock)
        for point in [connect(points) for _ in range(4)]:
            deliver(point, 3)
            point.end()
        assert [3, 3, 3, 3, None] == [points.open(ANA, head=9).resumes_at for _ in range(5)]

    def test_others_are_not_touched(self, clock: Clock) -> None:
        """Another token, or the same in another account, is another client."""
        points = make_points(clock)
        connect(points).end()
        assert points.open(BIA, head=9).resumes_at is None
        assert points.open(identify_client("b", "token 1", HEADERS), head=9).resumes_at is None
        assert 0 == points.open(ANA, head=9).resumes_at

    def test_too_late(self, clock: Clock) -> None:
        """After the time that is kept, a return is a first visit, and nothing is held any more."""
        points = make_points(clock)
        connect(points).end()
        clock.now_s += KEEP_S
        points.tick()
        assert 1 == len(points)
        clock.now_s += 0.1
        assert points.open(ANA, head=9).resumes_at is None
        points.tick()
        assert 1 == len(points)

    def test_a_peer_that_owes_an_answer_may_be_the_one_that_is_back(self, clock: Clock) -> None:
        """A laptop changes its network: the new connection is here before the old one has ended."""
        points = make_points(clock)
        old = connect(points)
        deliver(old, 5)
        deliver(old, 9, confirmed=False)
        assert 5 == points.open(ANA, head=9).resumes_at
        old.end()
        assert points.open(ANA, head=9).resumes_at is None, "that was the old one's return"

    def test_a_second_tab_is_no_return(self, clock: Clock) -> None:
        """Of a connection that has confirmed everything nobody is the return."""
        points = make_points(clock)
        deliver(connect(points), 9)
        assert points.open(ANA, head=9).resumes_at is None

    def test_a_peer_that_answers_after_all_keeps_its_place(self, clock: Clock) -> None:
        """It was slow, and the other one a new tab: both are there, and both come back."""
        points = make_points(clock)
        slow = connect(points)
        deliver(slow, 5, confirmed=False)
        tab = connect(points, head=5)
        slow.confirm(5)
        deliver(tab, 5)
        slow.end()
        tab.end()
        assert [5, 5, None] == [points.open(ANA, head=9).resumes_at for _ in range(3)]


class TestTabsOfOneToken:
    def test_the_page_that_is_loaded_again(self, clock: Clock) -> None:
        """A tab was closed for good some seconds ago; the one that is back is the one that was just left."""
        points = make_points(clock)
        closed, loaded = connect(points), connect(points)
        deliver(closed, 3)
        closed.left = True
        closed.end()
        clock.now_s += 20
        deliver(loaded, 8)
        loaded.left = True
        loaded.end()
        clock.now_s += 0.2
        assert 8 == points.open(ANA, head=9).resumes_at

    def test_the_hook_that_comes_back_after_a_second(self, clock: Clock) -> None:
        """A crashed tab's entry is older; the hook whose turn it is resumes where it was."""
        points = make_points(clock)
        crashed, broken = connect(points), connect(points)
        deliver(crashed, 3)
        crashed.end()
        clock.now_s += 20
        deliver(broken, 8)
        broken.end()
        clock.now_s += 1.05
        assert 8 == points.open(ANA, head=9).resumes_at

    def test_another_browser_is_another_client_of_the_token(self, clock: Clock) -> None:
        """Pages of another origin or browser resume where they were, in whatever order they come back."""
        points = make_points(clock)
        other = identify_client("a", "token 1", [(b"origin", b"https://stocktech.example.com")])
        here, there = connect(points, ANA), connect(points, other)
        deliver(here, 3)
        deliver(there, 8)
        here.end()
        there.end()
        clock.now_s += 1.05
        assert 8 == points.open(other, head=9).resumes_at
        assert 3 == points.open(ANA, head=9).resumes_at

    def test_another_browser_resumes_where_its_own_is_not_known(self, clock: Clock) -> None:
        """The token decides; the rest only tells tabs apart."""
        points = make_points(clock)
        connect(points).end()
        assert 0 == points.open(identify_client("a", "token 1", []), head=9).resumes_at

    @given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.randoms(use_true_random=False))
    def test_nobody_misses_anything(self, places: list[int], random: Random) -> None:
        """Tabs that ended together at different places come back in any order: each gets all that it missed."""
        clock = Clock()
        points = make_points(clock)
        tabs = [connect(points) for _ in places]
        for tab, place in zip(tabs, places, strict=True):
            deliver(tab, place)
        for tab in tabs:
            tab.end()
        clock.now_s += 3.1
        random.shuffle(places)
        for place in places:
            resumes_at = points.open(ANA, head=9).resumes_at
            assert resumes_at is not None
            assert resumes_at <= place


class TestBounds:
    def test_the_first_to_end_goes_first(self, clock: Clock) -> None:
        """The table never grows: a new connection takes the entry of the one that ended first."""
        points = make_points(clock, connections=40)
        for number in range(200):
            connect(points, identify_client("a", f"token {number}", HEADERS)).end()
        assert 80 == len(points)
        assert points.open(identify_client("a", "token 119", HEADERS), head=9).resumes_at is None
        assert 0 == points.open(identify_client("a", "token 199", HEADERS), head=9).resumes_at

    def test_one_token_with_very_many_connections(self, clock: Clock) -> None:
        """A connection costs no more for those that its token has already; all of them find a place."""
        points = make_points(clock, connections=5_000)
        tabs = [connect(points) for _ in range(5_000)]
        for tab in tabs[::2]:
            tab.end()
        clock.now_s += 1
        assert {0} == {points.open(ANA, head=9).resumes_at for _ in range(2_500)}
        assert points.open(ANA, head=9).resumes_at is None

    def test_an_entry_is_no_object(self, clock: Clock) -> None:
        """A thousand ended connections leave nothing for the collector to look at."""
        points = make_points(clock, connections=1000)
        gc.collect()
        before = len(gc.get_objects())
        for number in range(1000):
            connect(points, identify_client("a", f"token {number}", HEADERS)).end()
        gc.collect()
        assert len(gc.get_objects()) - before < 10
        assert 1000 == len(points)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["open", "open", "end", "leave", "deliver", "sleep"]),
                st.integers(0, 3),
                st.integers(0, 9),
            ),
            max_size=200,
        )
    )
    def test_the_index_holds(self, steps: list[tuple[str, int, int]]) -> None:
        """Whatever comes and goes: no entry is lost or counted twice, and everybody finds an entry of their own."""
        clock = Clock()
        points = make_points(clock, connections=4)
        clients = [identify_client("a", f"token {number}", HEADERS) for number in range(4)]
        live: list[tuple[ResumePoint, int]] = []
        for step, number, amount in steps:
            if step == "open" and len(live) < 60:
                point = connect(points, clients[number], head=amount)
                assert all(point._slot != other._slot for other, _ in live)
                live.append((point, number))
            elif step == "sleep":
                clock.now_s += 5 * amount
                points.tick()
            elif live:
                point, _ = live[amount % len(live)]
                if step == "deliver":
                    deliver(point, point.confirmed + 1, confirmed=bool(number % 2))
                else:
                    point.left = step == "leave"
                    point.end()
                    live = [entry for entry in live if entry[0] is not point]
            ended = [slot for client in clients for slot in points._slots(client.key, points._ended_of)]
            connected = [slot for client in clients for slot in points._slots(client.key, points._live_of)]
            assert len(ended) + len(connected) == len(points)
            assert sorted(points._ended) == sorted(ended)
            assert sorted(point._slot for point, _ in live) == sorted(connected)


class TestNextLife:
    def test_a_killed_hub(self, clock: Clock, tmp_path: Path) -> None:
        """What the kernel had taken is sent; it does not come again, and what came later does."""
        point = connect(make_points(clock, tmp_path / "points"))
        deliver(point, 5)
        point.note(9)
        next_life = make_points(Clock(), tmp_path / "points")
        assert 9 == next_life.open(ANA, head=12).resumes_at

    def test_a_killed_hub_whose_peer_did_not_answer(self, clock: Clock, tmp_path: Path) -> None:
        """To a peer that was gone the kernel sends nothing any more: what it confirmed counts."""
        point = connect(make_points(clock, tmp_path / "points"))
        deliver(point, 5)
        deliver(point, 9, confirmed=False)
        point.doubt()
        assert 5 == make_points(Clock(), tmp_path / "points").open(ANA, head=12).resumes_at

    def test_what_ended_before(self, clock: Clock, tmp_path: Path) -> None:
        """A client that had left shortly before finds its place; one that had left too long before does not."""
        points = make_points(clock, tmp_path / "points")
        connect(points, BIA).end()
        clock.now_s += 50
        connect(points, ANA, head=4).end()
        clock.now_s += 15
        points.tick()
        # However long no hub runs, and wherever the next one's clock stands.
        later = Clock()
        later.now_s = 3.0
        next_life = make_points(later, tmp_path / "points")
        assert next_life.open(BIA, head=9).resumes_at is None
        later.now_s += 44
        assert 4 == next_life.open(ANA, head=9).resumes_at

    def test_time_that_had_passed_counts(self, clock: Clock, tmp_path: Path) -> None:
        """A connection's time goes on where it was when the hub ended."""
        points = make_points(clock, tmp_path / "points")
        connect(points).end()
        clock.now_s += 40
        points.tick()
        later = Clock()
        next_life = make_points(later, tmp_path / "points")
        later.now_s += 21
        assert next_life.open(ANA, head=9).resumes_at is None

    def test_another_log(self, clock: Clock, tmp_path: Path) -> None:
        """Positions of another epoch are no positions."""
        connect(make_points(clock, tmp_path / "points")).end()
        other = make_points(clock, tmp_path / "points", epoch=Epoch("klmnopqrst"))
        assert other.open(ANA, head=9).resumes_at is None

    @pytest.mark.parametrize("connections", [2, 500])
    def test_another_size(self, clock: Clock, tmp_path: Path, connections: int) -> None:
        """A hub with another limit finds as much of it as it has room for, the last to end first."""
        points = make_points(clock, tmp_path / "points", connections=100)
        for number in range(100):
            connect(points, identify_client("a", f"token {number}", HEADERS)).end()
        next_life = make_points(Clock(), tmp_path / "points", connections=connections)
        assert min(100, max(64, 2 * connections)) == len(next_life)
        assert 0 == next_life.open(identify_client("a", "token 99", HEADERS), head=9).resumes_at

    @pytest.mark.parametrize("content", [b"", b"HUBRP", b"\0" * 4096, os.urandom(5000)])
    def test_a_damaged_file_is_none(self, clock: Clock, tmp_path: Path, content: bytes) -> None:
        """A file that is no table is replaced by one."""
        (tmp_path / "points").write_bytes(content)
        points = make_points(clock, tmp_path / "points")
        assert points.open(ANA, head=9).resumes_at is None
        assert 0 == len(points) - 1

    def test_a_disk_that_takes_nothing(self, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Where no file can be made the hub says so and remembers as long as it lives."""
        points = make_points(clock, tmp_path / "missing" / "points")
        connect(points).end()
        assert 0 == points.open(ANA, head=9).resumes_at
        assert ["clients without a cursor are not remembered over a restart: No such file or directory"] == [
            record.getMessage() for record in caplog.records
        ]

    def test_nobody_else_reads_it(self, clock: Clock, tmp_path: Path) -> None:
        """The file names tokens by digests, and is its owner's alone; no draft is left."""
        points = make_points(clock, tmp_path / "points")
        connect(points)
        assert 0o600 == (tmp_path / "points").stat().st_mode & 0o777
        assert [tmp_path / "points"] == list(tmp_path.iterdir())
        assert b"token" not in (tmp_path / "points").read_bytes()
