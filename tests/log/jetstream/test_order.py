"""The order of a stream's records: each is applied once, in order, and none is left out that the stream still has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.log.jetstream.order import Order

SIZE_BYTES = 10


def order(applied: int = 0, *, room: int = 4) -> Order[str]:
    """Return an order that holds `room` records."""
    return Order(applied, max_held_bytes=room * SIZE_BYTES)


def receive(to: Order[str], *positions: int) -> list[int]:
    """Give live records, and return the positions that may be applied."""
    return [
        position
        for each in positions
        for position, item in to.receive(each, f"r{each}", SIZE_BYTES)
        if f"r{position}" == item
    ]


def page(to: Order[str], *positions: int, after: int) -> list[int]:
    """Give a page, and return the positions that may be applied."""
    found = to.receive_page([(position, f"r{position}") for position in positions], after=after)
    return [position for position, item in found if f"r{position}" == item]


class TestLive:
    def test_in_order(self) -> None:
        """What comes in order may be applied at once."""
        assert [1, 2, 3] == receive(order(), 1, 2, 3)

    def test_duplicate(self) -> None:
        """What was applied is not applied again."""
        assert [1, 2] == receive(order(), 1, 2, 1, 2)

    def test_too_early(self) -> None:
        """What comes too early waits for what is missing, and then follows it."""
        tap = order()
        assert [] == receive(tap, 3, 2, 3)
        assert 0 == tap.missing_after()
        assert [1, 2, 3] == receive(tap, 1)
        assert tap.missing_after() is None
        assert 0 == tap.held_bytes

    def test_room_ends(self) -> None:
        """What there is no room for is read from the stream."""
        tap = order(room=1)
        assert [1, 2] == receive(tap, 2, 3, 1)
        assert 2 == tap.missing_after()
        assert [3] == page(tap, 3, after=2)

    @given(st.lists(st.integers(1, 30)), st.integers(0, 5))
    def test_bound(self, positions: list[int], room: int) -> None:
        """Whatever arrives, what is held stays within its bound in bytes."""
        tap = order(room=room)
        for position in positions:
            receive(tap, position)
            assert 0 <= tap.held_bytes <= room * SIZE_BYTES


class TestRepair:
    def test_page_and_what_was_held(self) -> None:
        """A page fills the hole, and what was held follows it."""
        tap = order()
        receive(tap, 4, 5)
        assert [1, 2, 3, 4, 5] == page(tap, 1, 2, 3, after=0)

    def test_page_that_live_records_overtook(self) -> None:
        """Of a page only what is new is applied."""
        tap = order()
        receive(tap, 1, 2)
        assert [3, 4] == page(tap, 1, 2, 3, 4, after=0)
        assert [] == page(tap, 2, 3, after=1)

    def test_jump_inside_a_page(self) -> None:
        """What the stream no longer has is not waited for."""
        tap = order()
        assert [3, 5] == page(tap, 3, 5, after=0)
        assert 5 == tap.applied

    def test_page_of_a_replica_that_is_behind(self) -> None:
        """A page may end before the head: the rest is still missing."""
        tap = order()
        tap.learn_head(5)
        assert [1, 2] == page(tap, 1, 2, after=0)
        assert 2 == tap.missing_after()
        assert [] == page(tap, after=2)
        assert 2 == tap.missing_after()

    def test_page_that_begins_too_late(self) -> None:
        """A page that says nothing of what comes before it is not taken: a reset has come between."""
        tap = order()
        assert [] == page(tap, 8, 9, after=7)
        assert 0 == tap.applied

    def test_retention_took_all_that_was_missing(self) -> None:
        """Where the leader keeps nothing of what is missing, nothing is missing."""
        tap = order()
        tap.learn_head(4)
        receive(tap, 2, 6)
        assert [6] == [position for position, _ in tap.learn_first(6)]
        assert tap.missing_after() is None
        assert 0 == tap.held_bytes
        assert [] == tap.learn_first(3)
        assert 6 == tap.applied


class TestHead:
    def test_lost_tail(self) -> None:
        """A record that nobody brought is missing as soon as somebody tells of it."""
        tap = order(7)
        assert tap.missing_after() is None
        tap.learn_head(8)
        assert 7 == tap.missing_after()
        tap.learn_head(3)
        assert 8 == tap.head

    def test_reset(self) -> None:
        """Another life of the stream begins anew, with nothing held from the last one."""
        tap = order()
        receive(tap, 1, 2, 5)
        tap.reset(0)
        assert (0, 0, 0, None) == (tap.applied, tap.head, tap.held_bytes, tap.missing_after())
        assert [1, 2, 3, 4] == receive(tap, 1, 2, 3, 4)
        assert tap.missing_after() is None


class Stream(RuleBasedStateMachine):
    """A stream, and one that follows it over a network that loses, repeats and reorders."""

    @initialize(room=st.integers(0, 4), before=st.integers(0, 3))
    def begin(self, room: int, before: int) -> None:
        """The mirror begins at some place of the stream."""
        self.last = before
        self.first = 1
        self.order = order(before, room=room)
        self.applied = list(range(1, before + 1))
        #: What retention had taken before it came to the mirror.
        self.spared: set[int] = set()

    @rule(count=st.integers(1, 5))
    def publish(self, count: int) -> None:
        """Records are stored, and reach nobody yet."""
        self.last += count

    @rule(positions=st.lists(st.floats(0, 1), max_size=6))
    def deliver(self, positions: list[float]) -> None:
        """Some of them are republished: any, in any order, some of them twice."""
        for share in positions:
            position = 1 + int(share * (self.last - 1))
            if position <= self.last:
                self._take(self.order.receive(position, f"r{position}", SIZE_BYTES))

    @rule(count=st.integers(1, 3))
    def deliver_newest(self, count: int) -> None:
        """The newest are republished, as when nothing goes wrong."""
        for position in range(max(1, self.last - count + 1), self.last + 1):
            self._take(self.order.receive(position, f"r{position}", SIZE_BYTES))

    @rule(limit=st.integers(0, 4), lag=st.integers(0, 6), late=st.booleans())
    def repair(self, limit: int, lag: int, late: bool) -> None:
        """A page is read, of a replica that may be behind; it may come late, and twice."""
        after = self.order.applied if not late else max(0, self.order.applied - 2)
        self._take_page(after, limit, lag)
        if late:
            self._take_page(after, limit, lag)

    @rule(back=st.integers(0, 5))
    def beacon(self, back: int) -> None:
        """Another node tells how far it has come."""
        self.order.learn_head(max(0, self.last - back))

    @rule(share=st.floats(0, 1))
    def expire(self, share: float) -> None:
        """Retention takes the oldest, or everything."""
        self.first += round((self.last + 1 - self.first) * share)

    @rule()
    def ask_leader(self) -> None:
        """The leader says what it has."""
        self._take(self.order.learn_first(self.first))
        self.order.learn_head(self.last)

    @rule()
    def recreate(self) -> None:
        """The stream is made anew."""
        self.last, self.first = 0, 1
        self.order.reset(0)
        self.applied, self.spared = [], set()

    @invariant()
    def holds(self) -> None:
        """What was applied is in order, and only what retention took is left out."""
        left_out = set(range(1, self.order.applied + 1)) - set(self.applied)
        assert left_out <= self.spared
        assert sorted(set(self.applied)) == self.applied

    def teardown(self) -> None:
        """In quiescence a repair brings everything up to the head."""
        if not hasattr(self, "order"):
            return
        self.ask_leader()
        for _ in range(self.last + 1):
            if (after := self.order.missing_after()) is not None:
                assert self.order.applied == after
                self._take_page(after, 2, 0)
        assert self.order.missing_after() is None
        assert self.last == self.order.applied == self.order.head
        assert 0 == self.order.held_bytes
        self.holds()

    def _take_page(self, after: int, limit: int, lag: int) -> None:
        positions = list(range(max(after + 1, self.first), self.last + 1 - lag))[:limit]
        self._take(self.order.receive_page([(position, f"r{position}") for position in positions], after=after))

    def _take(self, ready: list[tuple[int, str]]) -> None:
        for position, item in ready:
            assert f"r{position}" == item
            self.applied.append(position)
        self.spared |= set(range(1, min(self.first, self.order.applied + 1)))


TestStream = Stream.TestCase
