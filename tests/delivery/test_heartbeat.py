"""The heartbeat: when it is sent, dead peers, expiry, and what it remembers of connections."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cursor import parse_cursor
from hub.delivery.heartbeat import IDLE_S, TICK_S
from hub.delivery.subscribers import Subscriber, TransportName
from hub.target import EVERYONE
from tests.delivery.harness import INTERVAL_S, Harness
from tests.fakes import NOW_S, FakeLink

DEADLINE_S = 10.0
MANY = 1_000


def register(
    harness: Harness,
    user_id: str = "u1",
    *,
    transport: TransportName = "websocket",
    life_s: float = 86_400,
    speaks_hub_v1: bool = False,
    monotonic_s: float = 0.0,
) -> tuple[Subscriber, FakeLink]:
    """Register a connection whose replay has begun, and begin its heartbeats."""
    subscriber, link = harness.register(
        user_id, transport=transport, expires_at_s=harness.clock() + life_s, speaks_hub_v1=speaks_hub_v1
    )
    harness.resumption.begin(subscriber, None)
    harness.heartbeat.watch(subscriber, monotonic_s)
    return subscriber, link


def cursors(link: FakeLink) -> list[int]:
    """Return the positions that the heartbeats of this link told."""
    parsed = [parse_cursor(beat.cursor) for beat in link.beats]
    return [cursor.position for cursor in parsed if cursor is not None]


class TestHeartbeat:
    def test_once_an_interval(self) -> None:
        """A connection gets its heartbeat when its own interval is over, and then once in each."""
        harness = Harness()
        subscriber, link = register(harness, monotonic_s=7.0)
        counts = []
        for monotonic_s in (7.0, 36.9, 37.0, 37.1, 66.9, 67.0):
            harness.beat(monotonic_s, limit=MANY)
            subscriber.session.note_activity()
            counts.append(len(link.beats))
        assert [0, 0, 1, 1, 1, 2] == counts

    @pytest.mark.parametrize(("speaks_hub_v1", "frames"), [(True, 1), (False, 0)])
    def test_frame_only_for_hub_v1(self, speaks_hub_v1: bool, frames: int) -> None:
        """A client that does not know the heartbeat's type never gets the frame."""
        harness = Harness()
        _, link = register(harness, speaks_hub_v1=speaks_hub_v1)
        harness.beat(INTERVAL_S, limit=MANY)
        (beat,) = link.beats
        assert frames == (beat.frame is not None)
        if beat.frame is not None:
            assert b'{"type":"heartbeat","cursor":"%b"}' % beat.cursor.encode() == beat.frame

    def test_made_once_for_all_at_the_same_place(self) -> None:
        """Connections that are equally far share the bytes of their heartbeat."""
        harness = Harness()
        links = [register(harness, str(user), speaks_hub_v1=True)[1] for user in range(3)]
        harness.beat(INTERVAL_S, limit=MANY)
        assert 1 == len({id(link.beats[0].frame) for link in links})

    def test_wall_clock_set_back(self) -> None:
        """Heartbeats and dead peers follow the clock that cannot be set."""
        harness = Harness()
        alive, link = register(harness, "1")
        silent, _ = register(harness, "2")
        harness.clock.now_s -= 86_400
        harness.beat(INTERVAL_S, limit=MANY)
        alive.session.note_activity()
        harness.beat(2 * INTERVAL_S, limit=MANY)
        assert 2 == len(link.beats)
        assert [silent] == harness.dead

    @given(counts=st.lists(st.integers(1, 50), min_size=1, max_size=8), limit=st.integers(1, 60))
    def test_everybody_is_served_in_slices(self, counts: list[int], limit: int) -> None:
        """However small the slices, every connection that is due is served once, and no slice is larger than asked."""
        harness = Harness()
        links: list[FakeLink] = []
        for second, count in enumerate(counts):
            links += [
                register(harness, f"{second}/{user}", transport="sse", monotonic_s=float(second))[1]
                for user in range(count)
            ]
        more = True
        while more:
            before = sum(len(link.beats) for link in links)
            more = harness.beat(INTERVAL_S + len(counts), limit=limit)
            assert sum(len(link.beats) for link in links) - before <= limit
        assert [1] * len(links) == [len(link.beats) for link in links]


class TestCursor:
    async def test_live(self) -> None:
        """A live connection is as far as the dispatch, even if the notifications were for others."""
        harness = Harness()
        subscriber, link = register(harness)
        await harness.replay.run(subscriber)
        harness.log.publish(EVERYONE)
        harness.beat(INTERVAL_S, limit=MANY)
        subscriber.session.note_activity()
        await harness.dispatch()
        harness.beat(2 * INTERVAL_S, limit=MANY)
        assert [0, 1] == cursors(link)

    async def test_live_ahead_of_the_dispatch(self) -> None:
        """A connection that began at a head the dispatch has not reached does not go back behind it."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = register(harness)
        await harness.replay.run(subscriber)
        harness.beat(INTERVAL_S, limit=MANY)
        assert [1] == cursors(link)

    async def test_replaying(self) -> None:
        """A connection that is still being replayed is only as far as what it was written, not as the dispatch."""
        harness = Harness()
        for _ in range(3):
            harness.log.publish(EVERYONE, size_bytes=3_000)
        subscriber, link = harness.register()
        harness.resumption.begin(subscriber, harness.resumption.cursor(0))
        harness.heartbeat.watch(subscriber, 0.0)
        link.stall()
        replaying = asyncio.create_task(harness.replay.run(subscriber))
        await harness.dispatch()
        assert (1, 3) == (len(link.said), harness.progress.position)
        harness.beat(INTERVAL_S, limit=MANY)
        assert [1] == cursors(link)
        link.release()
        async with asyncio.timeout(DEADLINE_S):
            await replaying


class TestDeadPeers:
    def test_silent_peer(self) -> None:
        """A peer that answers no ping is gone when the second interval is over."""
        harness = Harness()
        subscriber, link = register(harness)
        harness.beat(INTERVAL_S, limit=MANY)
        assert [] == harness.dead
        harness.beat(2 * INTERVAL_S, limit=MANY)
        assert [subscriber] == harness.dead
        assert 1 == len(link.beats)
        assert [] == link.late

    def test_peer_that_falls_silent(self) -> None:
        """A peer that answered before is gone two intervals after its last answer."""
        harness = Harness()
        subscriber, _ = register(harness)
        for beat in (1, 2, 3):
            harness.beat(beat * INTERVAL_S, limit=MANY)
            subscriber.session.note_activity()
        harness.beat(4 * INTERVAL_S, limit=MANY)
        assert [] == harness.dead
        harness.beat(5 * INTERVAL_S, limit=MANY)
        assert [subscriber] == harness.dead

    def test_stream_that_takes_nothing(self) -> None:
        """A stream's peer is gone when bytes waited for it for an interval and it took none; another one is not."""
        harness = Harness()
        stuck, link = register(harness, "1", transport="sse")
        _, slow = register(harness, "2", transport="sse")
        _, idle = register(harness, "3", transport="sse")
        link.stall()
        slow.stall()
        for each in (link, slow):
            each.write_control(b"{}")
            each.write_control(b"{}")
        harness.beat(INTERVAL_S, limit=MANY)
        slow.take(1)
        harness.beat(2 * INTERVAL_S, limit=MANY)
        assert [stuck] == harness.dead
        assert (2, 2) == (len(slow.beats), len(idle.beats))


class TestExpiry:
    @pytest.mark.parametrize("life_s", [0.0, 0.1, INTERVAL_S - 1, INTERVAL_S, INTERVAL_S + 1, 2.5 * INTERVAL_S, 1_000])
    def test_never_later_than_a_tick(self, life_s: float) -> None:
        """Wherever in its interval a token expires, its connection ends at the next tick."""
        harness = Harness()
        subscriber, link = register(harness, life_s=life_s)
        ticks = 0
        while not harness.expired:
            harness.beat(ticks * TICK_S, limit=MANY)
            subscriber.session.note_activity()
            ticks += 1
            harness.clock.now_s = NOW_S + ticks * TICK_S
            assert ticks * TICK_S <= life_s + 2 * TICK_S
        assert harness.clock() - TICK_S >= NOW_S + life_s
        assert [subscriber] == harness.expired
        assert [] == harness.dead
        assert [] == link.late

    def test_renewed(self) -> None:
        """A connection with a new token lives until that one expires, and not a tick longer."""
        harness = Harness()
        subscriber, _ = register(harness, life_s=10)
        subscriber.session.renew(NOW_S + 20)
        harness.heartbeat.update_expiry(subscriber)
        harness.clock.now_s = NOW_S + 19.9
        harness.beat(19.9, limit=MANY)
        assert [] == harness.expired
        harness.clock.now_s = NOW_S + 20
        harness.beat(20, limit=MANY)
        assert [subscriber] == harness.expired

    def test_renewed_for_long_and_for_less(self) -> None:
        """The last token counts, whether it lives longer or shorter than the one before."""
        harness = Harness()
        subscriber, _ = register(harness, life_s=10)
        subscriber.session.renew(NOW_S + 86_400)
        harness.heartbeat.update_expiry(subscriber)
        harness.clock.now_s = NOW_S + 15
        harness.beat(15, limit=MANY)
        assert [] == harness.expired
        subscriber.session.renew(NOW_S + 16)
        harness.heartbeat.update_expiry(subscriber)
        harness.clock.now_s = NOW_S + 16
        harness.beat(16, limit=MANY)
        assert [subscriber] == harness.expired

    def test_wall_clock_jumps_ahead(self) -> None:
        """A token that a jump of the clock made expire ends its connection within an interval."""
        harness = Harness()
        subscriber, link = register(harness)
        harness.clock.now_s += 100_000
        harness.beat(INTERVAL_S, limit=MANY)
        assert [subscriber] == harness.expired
        assert [] == link.beats

    def test_many_at_once_in_slices(self) -> None:
        """Tokens that expire all at once end their connections a slice at a time."""
        harness = Harness()
        for user in range(10):
            register(harness, str(user), life_s=5)
        harness.clock.now_s += 5
        counts = []
        while harness.beat(5.0, limit=4):
            counts.append(len(harness.expired))
        assert [4, 8] == counts
        assert 10 == len(harness.expired)

    def test_ended_before(self) -> None:
        """A connection that has ended is not ended again by its token, and gets no heartbeat."""
        harness = Harness()
        subscriber, link = register(harness, life_s=5)
        subscriber.session.close()
        link.abort()
        harness.clock.now_s += 5
        harness.beat(5.0, limit=MANY)
        harness.beat(INTERVAL_S, limit=MANY)
        assert [] == harness.expired + harness.dead
        assert [] == link.beats + link.late


class TestForgetting:
    @pytest.mark.parametrize("life_s", [20, 86_400])
    def test_closed_subscribers_are_let_go(self, life_s: float) -> None:
        """An interval after a connection ended, the heartbeat keeps nothing of it."""
        harness = Harness()
        subscriber, link = register(harness, life_s=life_s)
        subscriber.session.close()
        kept = weakref.ref(link)
        harness.subscribers.remove(subscriber)
        del subscriber, link
        harness.beat(INTERVAL_S, limit=MANY)
        gc.collect()
        assert kept() is None

    @pytest.mark.parametrize("life_s", [20, 86_400])
    def test_a_subscriber_that_left_is_dropped_at_once(self, life_s: float) -> None:
        """The heartbeat keeps nothing of a subscriber that has left, and serves the others."""
        harness = Harness()
        first, leaving, last = (register(harness, life_s=life_s) for _ in range(3))
        kept = weakref.ref(leaving[1])
        harness.subscribers.remove(leaving[0])
        harness.heartbeat.forget(leaving[0])
        harness.heartbeat.forget(leaving[0])
        del leaving
        assert kept() is None
        harness.beat(INTERVAL_S - 1, limit=MANY)
        harness.beat(INTERVAL_S, limit=MANY)
        assert 1 == len(first[1].beats) == len(last[1].beats)

    def test_renewing_again_and_again(self) -> None:
        """A client that presents token after token takes one place, not one for each."""
        harness = Harness()
        subscriber, _ = register(harness, life_s=10)
        for _ in range(1_000):
            harness.heartbeat.update_expiry(subscriber)
        assert 1 == len(vars(harness.heartbeat)["_expiring"])


class TestFailingLinks:
    @pytest.mark.parametrize("at", ["heartbeat", "expiry"])
    def test_heartbeats_go_on(self, at: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
        """A link that fails is ended, and everybody after it is served all the same."""
        harness = Harness()
        broken, link = register(harness, "1", life_s=1 if at == "expiry" else 86_400)
        _, other = register(harness, "2")
        link.breaks = True
        monkeypatch.setattr(harness, "end_expired", lambda subscriber: subscriber.link.write_heartbeat(None, ""))
        harness.clock.now_s += 1
        with caplog.at_level(logging.ERROR):
            harness.beat(INTERVAL_S, limit=MANY)
        assert [broken] == harness.dead
        assert 1 == len(other.beats)
        assert ["a link failed: RuntimeError"] == caplog.messages


@asynccontextmanager
async def running(harness: Harness) -> AsyncIterator[None]:
    """Run the heartbeat, in real time."""
    task = asyncio.create_task(harness.heartbeat.run(harness))
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
    """In real time, too: a peer that answers gets heartbeat after heartbeat, a silent one is gone at the second."""
    harness = Harness(interval_s=0.1)
    answering, silent = TellingLink(), TellingLink()
    for user_id, link in (("1", silent), ("2", answering)):
        subscriber, _ = harness.register(user_id, link=link)
        harness.heartbeat.watch(subscriber, asyncio.get_running_loop().time())
    answering.on_beat = subscriber.session.note_activity
    async with running(harness):
        await silent.dropped.wait()
        assert len(answering.beats) <= 2
        await answering.third.wait()
    assert ["a1/1"] == [subscriber.id for subscriber in harness.dead]
    assert 1 == len(silent.beats)


async def test_run_goes_on_without_a_pause_while_more_are_due() -> None:
    """A thousand heartbeats that are due at once are all written in the turns that follow, not tick by tick."""
    harness = Harness(interval_s=INTERVAL_S)
    links = [register(harness, str(user), monotonic_s=-1_000.0)[1] for user in range(1_201)]
    async with running(harness):
        for _ in range(6):
            await asyncio.sleep(0)
        assert [1] * 1_201 == [len(link.beats) for link in links]


async def test_run_is_woken_by_the_first_connection() -> None:
    """With nobody connected the heartbeat rests for long, and is not late for whoever comes."""
    harness = Harness(interval_s=0.1)
    async with running(harness):
        await asyncio.sleep(0)  # the pause has begun
        link = TellingLink()
        subscriber, _ = harness.register(link=link)
        link.on_beat = subscriber.session.note_activity
        async with asyncio.timeout(IDLE_S - 1):
            harness.heartbeat.watch(subscriber, asyncio.get_running_loop().time())
            await link.third.wait()


@pytest.mark.parametrize("renews", [False, True])
async def test_run_is_woken_by_a_token_that_expires_before_the_next_heartbeat(*, renews: bool) -> None:
    """A connection that comes with it, or presents it later, ends with it and not at the end of a long pause."""
    harness = Harness(interval_s=INTERVAL_S)
    link = TellingLink()
    subscriber, _ = harness.register(link=link)
    harness.heartbeat.watch(subscriber, asyncio.get_running_loop().time())
    async with running(harness):
        await asyncio.sleep(0)
        if renews:
            subscriber.session.renew(NOW_S + 1)
            harness.heartbeat.update_expiry(subscriber)
        else:
            link = TellingLink()
            subscriber, _ = harness.register("u2", link=link, expires_at_s=NOW_S + 1)
            harness.heartbeat.watch(subscriber, asyncio.get_running_loop().time())
        harness.clock.now_s += 1
        async with asyncio.timeout(IDLE_S - 1):
            await link.dropped.wait()
    assert [subscriber] == harness.expired


def test_pauses() -> None:
    """The clock looks at every tick while records are dispatched or a token ends soon; otherwise when a beat is due."""
    harness = Harness(interval_s=INTERVAL_S)
    heartbeat = harness.heartbeat
    assert IDLE_S == heartbeat.find_pause_s(0.0)
    register(harness)
    assert [IDLE_S, IDLE_S, 2.0, TICK_S, TICK_S] == [heartbeat.find_pause_s(at_s) for at_s in (0, 25, 28, 29.9, 31)]
    harness.progress.position += 1
    assert [TICK_S, IDLE_S] == [heartbeat.find_pause_s(0.0) for _ in range(2)]
    register(harness, "u2", life_s=INTERVAL_S)
    assert [TICK_S, TICK_S] == [heartbeat.find_pause_s(0.0) for _ in range(2)]


async def test_run_measures_how_late_the_loop_is() -> None:
    """Each pause is one observation, of how much later than due the loop ran the next beat; no timer is added."""
    harness = Harness(interval_s=0.2)
    lags = harness.metrics.loop_lag
    register(harness, life_s=0.3)  # so that the clock looks at every tick
    async with running(harness):
        await asyncio.sleep(0)  # the first pause, of 50 ms, has begun
        asyncio.get_running_loop().call_soon(time.sleep, 0.3)
        while not sum(lags.counts):
            await asyncio.sleep(0.005)
    assert 1 == sum(lags.counts)
    assert lags.sum_s >= 0.2
