"""The shared clock: heartbeats, dead peers, expiry, and what it remembers of whom."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cursor import parse_cursor
from hub.delivery.heartbeat import TICK_S
from hub.delivery.subscribers import Subscriber, TransportName
from hub.target import EVERYONE
from tests.delivery.rooms import INTERVAL_S, Rooms
from tests.fakes import NOW_S, FakeLink

DEADLINE_S = 10.0
MANY = 1_000


def register(
    rooms: Rooms,
    user_id: str = "u1",
    *,
    transport: TransportName = "websocket",
    life_s: float = 86_400,
    understands: bool = False,
    monotonic_s: float = 0.0,
) -> tuple[Subscriber, FakeLink]:
    """Register a connection whose replay has begun, and have the clock look after it from now on."""
    subscriber, link = rooms.register(
        user_id, transport=transport, expires_at_s=rooms.clock() + life_s, understands=understands
    )
    rooms.replay.begin(subscriber, None)
    rooms.pulse.watch(subscriber, monotonic_s)
    return subscriber, link


def cursors(link: FakeLink) -> list[int]:
    """Return the positions that the heartbeats of this link told."""
    parsed = [parse_cursor(beat.cursor) for beat in link.beats]
    return [cursor.position for cursor in parsed if cursor is not None]


class TestHeartbeat:
    def test_once_an_interval(self) -> None:
        """A connection gets its heartbeat when its own interval is over, and then once in each."""
        rooms = Rooms()
        subscriber, link = register(rooms, monotonic_s=7.0)
        counts = []
        for monotonic_s in (7.0, 36.9, 37.0, 37.1, 66.9, 67.0):
            rooms.pulse.beat(monotonic_s, limit=MANY)
            subscriber.session.answer()
            counts.append(len(link.beats))
        assert [0, 0, 1, 1, 1, 2] == counts

    @pytest.mark.parametrize(("understands", "frames"), [(True, 1), (False, 0)])
    def test_frame_only_for_who_understands(self, understands: bool, frames: int) -> None:
        """A client that does not know the heartbeat's type never gets the frame."""
        rooms = Rooms()
        _, link = register(rooms, understands=understands)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        (beat,) = link.beats
        assert frames == (beat.frame is not None)
        if beat.frame is not None:
            assert b'{"type":"heartbeat","cursor":"%b"}' % beat.cursor.encode() == beat.frame

    def test_made_once_for_all_at_the_same_place(self) -> None:
        """Connections that are equally far share the bytes of their heartbeat."""
        rooms = Rooms()
        links = [register(rooms, str(user), understands=True)[1] for user in range(3)]
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert 1 == len({id(link.beats[0].frame) for link in links})

    def test_wall_clock_set_back(self) -> None:
        """Heartbeats and dead peers follow the clock that cannot be set."""
        rooms = Rooms()
        alive, link = register(rooms, "1")
        silent, _ = register(rooms, "2")
        rooms.clock.now_s -= 86_400
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        alive.session.answer()
        rooms.pulse.beat(2 * INTERVAL_S, limit=MANY)
        assert 2 == len(link.beats)
        assert [silent] == rooms.dead

    @given(counts=st.lists(st.integers(1, 50), min_size=1, max_size=8), limit=st.integers(1, 60))
    def test_everybody_is_served_in_slices(self, counts: list[int], limit: int) -> None:
        """However small the slices, all who are due are served, nobody twice, and none is larger than asked."""
        rooms = Rooms()
        links: list[FakeLink] = []
        for second, count in enumerate(counts):
            links += [
                register(rooms, f"{second}/{user}", transport="sse", monotonic_s=float(second))[1]
                for user in range(count)
            ]
        more = True
        while more:
            before = sum(len(link.beats) for link in links)
            more = rooms.pulse.beat(INTERVAL_S + len(counts), limit=limit)
            assert sum(len(link.beats) for link in links) - before <= limit
        assert [1] * len(links) == [len(link.beats) for link in links]


class TestCursor:
    async def test_live(self) -> None:
        """A live connection is as far as the dispatch, whoever the notifications were for."""
        rooms = Rooms()
        subscriber, link = register(rooms)
        await rooms.replay.run(subscriber)
        rooms.log.publish(EVERYONE)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        subscriber.session.answer()
        await rooms.dispatch()
        rooms.pulse.beat(2 * INTERVAL_S, limit=MANY)
        assert [0, 1] == cursors(link)

    async def test_live_ahead_of_the_dispatch(self) -> None:
        """A connection that began at a head the dispatch has not reached does not go back behind it."""
        rooms = Rooms()
        rooms.log.publish(EVERYONE)
        subscriber, link = register(rooms)
        await rooms.replay.run(subscriber)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [1] == cursors(link)

    async def test_replaying(self) -> None:
        """A connection that is still being replayed is only as far as what it was written, not as the dispatch."""
        rooms = Rooms()
        for _ in range(3):
            rooms.log.publish(EVERYONE, size_bytes=3_000)
        subscriber, link = rooms.register()
        rooms.replay.begin(subscriber, rooms.replay.cursor(0))
        rooms.pulse.watch(subscriber, 0.0)
        link.stall()
        replaying = asyncio.create_task(rooms.replay.run(subscriber))
        await rooms.dispatch()
        assert (1, 3) == (len(link.said), rooms.dispatcher.position)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [1] == cursors(link)
        link.release()
        async with asyncio.timeout(DEADLINE_S):
            await replaying


class TestDeadPeers:
    def test_silent_peer(self) -> None:
        """A peer that answers no ping is gone when the second interval is over."""
        rooms = Rooms()
        subscriber, link = register(rooms)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [] == rooms.dead
        rooms.pulse.beat(2 * INTERVAL_S, limit=MANY)
        assert [subscriber] == rooms.dead
        assert 1 == len(link.beats)
        assert [] == link.late

    def test_peer_that_falls_silent(self) -> None:
        """A peer that answered before is gone two intervals after its last answer."""
        rooms = Rooms()
        subscriber, _ = register(rooms)
        for beat in (1, 2, 3):
            rooms.pulse.beat(beat * INTERVAL_S, limit=MANY)
            subscriber.session.answer()
        rooms.pulse.beat(4 * INTERVAL_S, limit=MANY)
        assert [] == rooms.dead
        rooms.pulse.beat(5 * INTERVAL_S, limit=MANY)
        assert [subscriber] == rooms.dead

    def test_stream_that_takes_nothing(self) -> None:
        """A stream's peer is gone when bytes waited for it for an interval and it took none; another one is not."""
        rooms = Rooms()
        stuck, link = register(rooms, "1", transport="sse")
        _, slow = register(rooms, "2", transport="sse")
        _, idle = register(rooms, "3", transport="sse")
        link.stall()
        slow.stall()
        for each in (link, slow):
            each.write_control(b"{}")
            each.write_control(b"{}")
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        slow.take(1)
        rooms.pulse.beat(2 * INTERVAL_S, limit=MANY)
        assert [stuck] == rooms.dead
        assert (2, 2) == (len(slow.beats), len(idle.beats))


class TestExpiry:
    @pytest.mark.parametrize("life_s", [0.0, 0.1, INTERVAL_S - 1, INTERVAL_S, INTERVAL_S + 1, 2.5 * INTERVAL_S, 1_000])
    def test_never_later_than_a_tick(self, life_s: float) -> None:
        """Wherever in its interval a token expires, its connection ends at the next tick."""
        rooms = Rooms()
        subscriber, link = register(rooms, life_s=life_s)
        ticks = 0
        while not rooms.expired:
            rooms.pulse.beat(ticks * TICK_S, limit=MANY)
            subscriber.session.answer()
            ticks += 1
            rooms.clock.now_s = NOW_S + ticks * TICK_S
            assert ticks * TICK_S <= life_s + 2 * TICK_S
        assert rooms.clock() - TICK_S >= NOW_S + life_s
        assert [subscriber] == rooms.expired
        assert [] == rooms.dead
        assert [] == link.late

    def test_renewed(self) -> None:
        """A connection with a new token lives until that one expires, and not a tick longer."""
        rooms = Rooms()
        subscriber, _ = register(rooms, life_s=10)
        subscriber.session.renew(NOW_S + 20)
        rooms.pulse.renewed(subscriber)
        rooms.clock.now_s = NOW_S + 19.9
        rooms.pulse.beat(19.9, limit=MANY)
        assert [] == rooms.expired
        rooms.clock.now_s = NOW_S + 20
        rooms.pulse.beat(20, limit=MANY)
        assert [subscriber] == rooms.expired

    def test_renewed_for_long_and_for_less(self) -> None:
        """The last token counts, whether it lives longer or shorter than the one before."""
        rooms = Rooms()
        subscriber, _ = register(rooms, life_s=10)
        subscriber.session.renew(NOW_S + 86_400)
        rooms.pulse.renewed(subscriber)
        rooms.clock.now_s = NOW_S + 15
        rooms.pulse.beat(15, limit=MANY)
        assert [] == rooms.expired
        subscriber.session.renew(NOW_S + 16)
        rooms.pulse.renewed(subscriber)
        rooms.clock.now_s = NOW_S + 16
        rooms.pulse.beat(16, limit=MANY)
        assert [subscriber] == rooms.expired

    def test_wall_clock_jumps_ahead(self) -> None:
        """A token that a jump of the clock made expire ends its connection within an interval."""
        rooms = Rooms()
        subscriber, link = register(rooms)
        rooms.clock.now_s += 100_000
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [subscriber] == rooms.expired
        assert [] == link.beats

    def test_many_at_once_in_slices(self) -> None:
        """Tokens that expire all at once end their connections a slice at a time."""
        rooms = Rooms()
        for user in range(10):
            register(rooms, str(user), life_s=5)
        rooms.clock.now_s += 5
        counts = []
        while rooms.pulse.beat(5.0, limit=4):
            counts.append(len(rooms.expired))
        assert [4, 8] == counts
        assert 10 == len(rooms.expired)

    def test_ended_before(self) -> None:
        """A connection that has ended is not ended again by its token, and gets no heartbeat."""
        rooms = Rooms()
        subscriber, link = register(rooms, life_s=5)
        subscriber.session.close()
        link.abort()
        rooms.clock.now_s += 5
        rooms.pulse.beat(5.0, limit=MANY)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [] == rooms.expired + rooms.dead
        assert [] == link.beats + link.late


class TestForgetting:
    @pytest.mark.parametrize("life_s", [20, 86_400])
    def test_closed_subscribers_are_let_go(self, life_s: float) -> None:
        """An interval after a connection ended, the clock keeps nothing of it."""
        rooms = Rooms()
        subscriber, link = register(rooms, life_s=life_s)
        subscriber.session.close()
        kept = weakref.ref(link)
        rooms.subscribers.remove(subscriber)
        del subscriber, link
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        gc.collect()
        assert kept() is None

    @pytest.mark.parametrize("life_s", [20, 86_400])
    def test_who_left_is_let_go_at_once(self, life_s: float) -> None:
        """The clock keeps nothing of a subscriber it was told has left, and serves those around it."""
        rooms = Rooms()
        first, leaving, last = (register(rooms, life_s=life_s) for _ in range(3))
        kept = weakref.ref(leaving[1])
        rooms.subscribers.remove(leaving[0])
        rooms.pulse.forget(leaving[0])
        rooms.pulse.forget(leaving[0])
        del leaving
        assert kept() is None
        rooms.pulse.beat(INTERVAL_S - 1, limit=MANY)
        rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert 1 == len(first[1].beats) == len(last[1].beats)

    def test_renewing_again_and_again(self) -> None:
        """A client that presents token after token takes one place, not one for each."""
        rooms = Rooms()
        subscriber, _ = register(rooms, life_s=10)
        for _ in range(1_000):
            rooms.pulse.renewed(subscriber)
        assert 1 == len(vars(rooms.pulse)["_expiring"])


class TestFailingLinks:
    @pytest.mark.parametrize("at", ["heartbeat", "expiry"])
    def test_clock_goes_on(self, at: str, caplog: pytest.LogCaptureFixture) -> None:
        """A link that fails is ended, and everybody after it is served all the same."""
        rooms = Rooms()
        broken, link = register(rooms, "1", life_s=1 if at == "expiry" else 86_400)
        _, other = register(rooms, "2")
        link.breaks = True
        rooms.pulse._on_expired = lambda subscriber: subscriber.link.write_heartbeat(None, "")
        rooms.clock.now_s += 1
        with caplog.at_level(logging.ERROR):
            rooms.pulse.beat(INTERVAL_S, limit=MANY)
        assert [broken] == rooms.dead
        assert 1 == len(other.beats)
        assert ["a link failed: RuntimeError"] == caplog.messages


@asynccontextmanager
async def running(rooms: Rooms) -> AsyncIterator[None]:
    """Have the clock run, in real time."""
    task = asyncio.create_task(rooms.pulse.run())
    try:
        async with asyncio.timeout(DEADLINE_S):
            yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TellingLink(FakeLink):
    """A link that says when it got its third heartbeat, and when it was dropped; its peer may answer each."""

    def __init__(self) -> None:
        super().__init__()
        self.third = asyncio.Event()
        self.dropped = asyncio.Event()
        self.on_beat: Callable[[], None] = lambda: None

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Take a heartbeat."""
        super().write_heartbeat(frame, cursor)
        self.on_beat()
        if len(self.beats) == 3:
            self.third.set()

    def abort(self) -> None:
        """End at once."""
        super().abort()
        self.dropped.set()


async def test_run() -> None:
    """In real time, too: who answers gets heartbeat after heartbeat, who does not is gone at the second."""
    rooms = Rooms(interval_s=0.1)
    answering, silent = TellingLink(), TellingLink()
    for user_id, link in (("1", silent), ("2", answering)):
        subscriber, _ = rooms.register(user_id, link=link)
        rooms.pulse.watch(subscriber, asyncio.get_running_loop().time())
    answering.on_beat = subscriber.session.answer
    async with running(rooms):
        await silent.dropped.wait()
        assert len(answering.beats) <= 2
        await answering.third.wait()
    assert ["a1/1"] == [subscriber.id for subscriber in rooms.dead]
    assert 1 == len(silent.beats)


async def test_run_goes_on_without_a_pause_while_more_are_due() -> None:
    """A thousand heartbeats that are due at once are all written in the turns that follow, not tick by tick."""
    rooms = Rooms(interval_s=INTERVAL_S)
    links = [register(rooms, str(user), monotonic_s=-1_000.0)[1] for user in range(1_201)]
    async with running(rooms):
        for _ in range(6):
            await asyncio.sleep(0)
        assert [1] * 1_201 == [len(link.beats) for link in links]
