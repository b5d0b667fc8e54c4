"""Sessions: where one begins, what is written when, what is held, how it ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cursor import Cursor, Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.session import PeerState, Phase, ResumeResult, Session
from tests.fakes import NOW_S, make_payload

EPOCH = Epoch("abcdefghij")
ROOM_BYTES = 1_000_000
#: What a held notification takes besides its JSON.
HELD_BYTES = 256


def make_session(*, hold_limit: int = 3, hold_limit_bytes: int = 10_000, expires_at_s: float = NOW_S + 60) -> Session:
    """Return a session that is about to begin."""
    return Session(expires_at_s=expires_at_s, hold_limit=hold_limit, hold_limit_bytes=hold_limit_bytes)


def make_live(*, at: int = 0) -> Session:
    """Return a session that is live from `at`."""
    session = make_session()
    begin(session, None, head=at)
    assert [] == session.go_live(at, room_bytes=ROOM_BYTES)
    return session


def make_envelope(position: int, *, size_bytes: int = 0) -> Envelope:
    """Return a notification at this position."""
    return Envelope(make_payload(size_bytes), EPOCH, position)


def begin(session: Session, cursor: Cursor | None, *, first: int = 1, head: int = 10) -> ResumeResult:
    """Begin in a log that reaches from `first` to `head`."""
    return session.begin(cursor, epoch=EPOCH, first=first, head=head)


def positions(held: list[Envelope] | None) -> list[int] | None:
    """Return the positions of what was held."""
    return None if held is None else [envelope.position for envelope in held]


class TestBegin:
    @pytest.mark.parametrize(
        ("cursor", "expected"),
        [
            (None, ResumeResult("live", 10)),
            (Cursor(Epoch("zzzzzzzzzz"), 7), ResumeResult("gap", 10)),
            (Cursor(EPOCH, 11), ResumeResult("gap", 10)),
            (Cursor(EPOCH, 10), ResumeResult("replayed", 10)),
            (Cursor(EPOCH, 7), ResumeResult("replayed", 7)),
            (Cursor(EPOCH, 4), ResumeResult("replayed", 4)),
            (Cursor(EPOCH, 3), ResumeResult("gap", 10)),
            (Cursor(EPOCH, 0), ResumeResult("gap", 10)),
        ],
    )
    def test_resume(self, cursor: Cursor | None, expected: ResumeResult) -> None:
        """A cursor is served from the one before the first record to the head; any other one is a gap."""
        session = make_session()
        assert expected == begin(session, cursor, first=5)
        assert (expected.position, 10) == (session.last, session.upto)
        assert Phase.REPLAYING is session.phase

    @pytest.mark.parametrize(("first", "head"), [(1, 0), (11, 10)])
    def test_empty_log(self, first: int, head: int) -> None:
        """A log that holds nothing, new or emptied by retention, still serves the cursor at its end."""
        assert ResumeResult("replayed", head) == begin(make_session(), Cursor(EPOCH, head), first=first, head=head)

    def test_ended_before_it_began(self) -> None:
        """A session that was closed between registration and begin stays closed."""
        session = make_session()
        session.close()
        begin(session, None)
        assert Phase.CLOSED is session.phase
        assert [] == session.go_live(10, room_bytes=ROOM_BYTES)
        assert Phase.CLOSED is session.phase


class TestReplaying:
    def test_offers_are_held_and_released_in_order(self) -> None:
        """What is offered above the head waits for the replay and follows it, once."""
        session = make_session()
        begin(session, Cursor(EPOCH, 8))
        assert [False] * 3 == [session.offer(make_envelope(position)) for position in (10, 11, 12)]
        assert [True, True] == [session.replay(position) for position in (9, 10)]
        assert [11, 12] == positions(session.go_live(12, room_bytes=ROOM_BYTES))
        assert (Phase.LIVE, 12) == (session.phase, session.last)
        assert [False, True] == [session.offer(make_envelope(position)) for position in (12, 13)]

    def test_offers_before_it_begins(self) -> None:
        """What came between registration and begin is written once, whichever side of the head it is on."""
        session = make_session()
        for position in (10, 11):
            assert not session.offer(make_envelope(position))
        begin(session, Cursor(EPOCH, 9), head=10)
        assert session.replay(10)
        assert [11] == positions(session.go_live(11, room_bytes=ROOM_BYTES))

    def test_replay_takes_each_once(self) -> None:
        """A record at or below the last position is not written again."""
        session = make_session()
        begin(session, Cursor(EPOCH, 5))
        assert [True, False, False, True] == [session.replay(position) for position in (7, 7, 6, 8)]

    @pytest.mark.parametrize("limits", [{"hold_limit": 2}, {"hold_limit_bytes": 3 * 256 + 120}])
    def test_overflow_reads_again(self, limits: dict[str, int]) -> None:
        """Past either bound everything held is dropped and asked of the log again, up to a new head."""
        session = make_session(**limits)
        begin(session, Cursor(EPOCH, 10))
        for position in (11, 12, 13, 14):
            session.offer(make_envelope(position))
        assert session.go_live(14, room_bytes=ROOM_BYTES) is None
        assert (Phase.REPLAYING, 10, 14) == (session.phase, session.last, session.upto)
        assert [True] * 4 == [session.replay(position) for position in (11, 12, 13, 14)]
        assert not session.offer(make_envelope(14)), "what the log is read up to is not held"
        assert not session.offer(make_envelope(15))
        assert [15] == positions(session.go_live(15, room_bytes=ROOM_BYTES))

    def test_exactly_the_limit_is_no_overflow(self) -> None:
        """The bounds are what may be held, not one less."""
        size_bytes = len(make_envelope(11).json) + HELD_BYTES
        session = make_session(hold_limit=3, hold_limit_bytes=3 * size_bytes)
        begin(session, None)
        for position in (11, 12, 13):
            session.offer(make_envelope(position))
        assert [11, 12, 13] == positions(session.go_live(13, room_bytes=3 * size_bytes))

    def test_more_held_than_room_reads_again(self) -> None:
        """What may not be written at once is not: the log is read again, at the peer's pace."""
        session = make_session()
        begin(session, None)
        session.offer(make_envelope(11))
        assert session.go_live(12, room_bytes=len(make_envelope(11).json) + HELD_BYTES - 1) is None
        assert (Phase.REPLAYING, 10, 12) == (session.phase, session.last, session.upto)

    def test_reach_only_rises(self) -> None:
        """That there is nothing up to a position never takes a session back."""
        session = make_session()
        begin(session, Cursor(EPOCH, 5))
        session.reach(9)
        session.reach(7)
        assert 9 == session.last

    def test_lose(self) -> None:
        """Where retention overtook the replay the session goes on from the head, and keeps what is above it."""
        session = make_session()
        begin(session, Cursor(EPOCH, 5))
        for position in (11, 12, 13):
            session.offer(make_envelope(position))
        assert session.mark_gap(12)
        assert (12, 12) == (session.last, session.upto)
        assert not session.replay(12)
        assert [13] == positions(session.go_live(13, room_bytes=ROOM_BYTES))

    def test_lose_forgets_what_the_lost_weighed(self) -> None:
        """What was dropped counts no longer towards the bound."""
        size_bytes = len(make_envelope(11).json) + HELD_BYTES
        session = make_session(hold_limit_bytes=2 * size_bytes)
        begin(session, Cursor(EPOCH, 5))
        for position in (11, 12):
            session.offer(make_envelope(position))
        session.mark_gap(12)
        for position in (13, 14):
            session.offer(make_envelope(position))
        assert [13, 14] == positions(session.go_live(14, room_bytes=ROOM_BYTES))

    @given(cursor=st.integers(0, 20), extra=st.integers(0, 20), hold_limit=st.integers(1, 8), data=st.data())
    def test_everything_once_whatever_the_interleaving(
        self, cursor: int, extra: int, hold_limit: int, data: st.DataObject
    ) -> None:
        """With offers coming in between at any point, each position after the cursor is written once, in order."""
        session, head = make_session(hold_limit=hold_limit), 20
        begin(session, Cursor(EPOCH, cursor), head=head)
        written: list[int] = []

        def offer_some() -> None:
            nonlocal head
            for _ in range(data.draw(st.integers(0, 20 + extra - head))):
                head += 1
                if session.offer(make_envelope(head)):
                    written.append(head)

        while session.phase is Phase.REPLAYING:
            offer_some()
            if session.last < session.upto:
                written.append(session.last + 1)
                assert session.replay(written[-1])
            else:
                written += positions(session.go_live(head, room_bytes=ROOM_BYTES)) or []
        offer_some()
        assert list(range(cursor + 1, head + 1)) == written


class TestLive:
    def test_offers_are_written_at_once(self) -> None:
        """Every offer above the last position is written, any other is not."""
        session = make_live(at=10)
        offered = (9, 10, 11, 11, 15, 14, 16)
        assert [False, False, True, False, True, False, True] == [session.offer(make_envelope(at)) for at in offered]

    def test_no_more_replay(self) -> None:
        """A late page writes nothing into a live session."""
        assert not make_live(at=10).replay(11)


class TestEnd:
    def test_close_once(self) -> None:
        """The first close ends a session, the second finds it ended."""
        session = make_live()
        assert [True, False] == [session.close(), session.close()]
        assert Phase.CLOSED is session.phase

    @pytest.mark.parametrize("live", [False, True])
    def test_nothing_after_the_end(self, live: bool) -> None:
        """A closed session writes nothing, holds nothing and announces nothing."""
        session = make_live() if live else make_session()
        session.close()
        assert not session.offer(make_envelope(20))
        assert not session.replay(20)
        assert not session.mark_gap(20)
        assert [] == session.go_live(20, room_bytes=ROOM_BYTES)

    def test_expiry_and_renewal(self) -> None:
        """A session is over at the very moment its token expires, and a new token moves that moment."""
        session = make_session(expires_at_s=NOW_S + 1)
        assert PeerState.ALIVE is session.beat(NOW_S + 0.999, can_pong=False)
        assert PeerState.EXPIRED is session.beat(NOW_S + 1, can_pong=False)
        session.renew(NOW_S + 2)
        assert PeerState.ALIVE is session.beat(NOW_S + 1, can_pong=False)
        assert PeerState.EXPIRED is session.beat(NOW_S + 2, can_pong=False)


class TestFallingBehind:
    def test_begins_again_where_it_is(self) -> None:
        """A live session replays from its last position up to the head, and what is beyond it is held."""
        session = make_live(at=10)
        assert session.offer(make_envelope(11))
        assert session.fall_behind(13)
        assert (Phase.REPLAYING, 11, 13) == (session.phase, session.last, session.upto)
        assert [False] * 3 == [session.offer(make_envelope(position)) for position in (12, 13, 14)]
        assert [True, True] == [session.replay(position) for position in (12, 13)]
        assert [14] == positions(session.go_live(14, room_bytes=ROOM_BYTES))

    def test_only_a_live_one_does(self) -> None:
        """One that is replaying goes on as it was, and one that ended stays so."""
        session = make_session()
        begin(session, Cursor(EPOCH, 5))
        assert not session.fall_behind(20)
        assert (Phase.REPLAYING, 10) == (session.phase, session.upto)
        session.close()
        assert not session.fall_behind(20)
        assert Phase.CLOSED is session.phase

    def test_holds_nothing_while_it_waits_for_the_peer(self) -> None:
        """What is offered meanwhile is read from the log: nothing is held before the next aim, and nothing lost."""
        session = make_session()
        begin(session, Cursor(EPOCH, 9))
        session.offer(make_envelope(11))
        session.drop_held()
        session.offer(make_envelope(12))
        assert session.replay(10)
        assert session.go_live(12, room_bytes=ROOM_BYTES) is None
        session.aim(13)
        session.offer(make_envelope(14))
        assert [True] * 3 == [session.replay(position) for position in (11, 12, 13)]
        assert [14] == positions(session.go_live(14, room_bytes=ROOM_BYTES))


class TestBeat:
    def test_peer_that_answers(self) -> None:
        """A peer lives as long as there is a sign of it between two beats."""
        session = make_session()
        for _ in range(3):
            assert PeerState.ALIVE is session.beat(NOW_S, can_pong=True)
            session.note_activity()

    def test_peer_that_does_not(self) -> None:
        """A peer that was silent from one beat to the next is dead."""
        session = make_session()
        assert [PeerState.ALIVE, PeerState.DEAD] == [session.beat(NOW_S, can_pong=True) for _ in range(2)]

    @pytest.mark.parametrize(
        ("beats", "last"),
        [
            ([(50, 100), (50, 101)], PeerState.ALIVE),  # some was taken; the ping is behind what was not
            ([(50, 100), (50, 101), (50, 101)], PeerState.DEAD),  # some, then none
            ([(50, 100), (0, 150)], PeerState.DEAD),  # all was taken, the ping too
            ([(0, 100), (0, 105)], PeerState.DEAD),
        ],
    )
    def test_slow_peer_that_does_not(self, beats: list[tuple[int, int]], last: PeerState) -> None:
        """A peer whose ping still waits behind other bytes is alive as long as it takes of these."""
        session = make_session()
        signs = [
            session.beat(NOW_S, can_pong=True, waiting_bytes=waiting_bytes, taken_bytes=taken_bytes)
            for waiting_bytes, taken_bytes in beats
        ]
        assert [*[PeerState.ALIVE] * (len(beats) - 1), last] == signs

    @pytest.mark.parametrize(
        ("beats", "last"),
        [
            ([(0, 100), (0, 100)], PeerState.ALIVE),  # nothing waits
            ([(50, 100), (50, 100)], PeerState.DEAD),  # something waits, none was taken
            ([(50, 0), (50, 0)], PeerState.DEAD),  # nor ever any
            ([(50, 100), (70, 101)], PeerState.ALIVE),  # some was taken, though more waits
            ([(50, 100), (0, 150)], PeerState.ALIVE),  # all was taken
            ([(0, 100), (50, 100)], PeerState.ALIVE),  # it waits only now
            ([(50, 100), (50, 110), (50, 110)], PeerState.DEAD),  # took some, then none
            ([(50, 100), (0, 150), (50, 150)], PeerState.ALIVE),
        ],
    )
    def test_peer_that_cannot_answer(self, beats: list[tuple[int, int]], last: PeerState) -> None:
        """A stream's peer is dead when bytes waited for it from one beat to the next and it took none."""
        session = make_session()
        signs = [
            session.beat(NOW_S, can_pong=False, waiting_bytes=waiting_bytes, taken_bytes=taken_bytes)
            for waiting_bytes, taken_bytes in beats
        ]
        assert [*[PeerState.ALIVE] * (len(beats) - 1), last] == signs
