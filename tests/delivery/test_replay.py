"""Replay: page by page at the peer's pace, and every way it can be overtaken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hub.cursor import Cursor
from hub.delivery.page_reader import PAGE_RECORDS, READERS
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber
from hub.errors import StorageUnavailable
from hub.target import EVERYONE, account_target, user_target
from tests.delivery.harness import BUDGET_BYTES, Harness
from tests.fakes import NOW_S, FakeLink, Gate

DEADLINE_S = 5.0


def resume(
    harness: Harness, user_id: str = "u1", account_id: str = "a1", *, link: FakeLink | None = None, position: int = 0
) -> tuple[Subscriber, FakeLink]:
    """Register a connection that is back with the cursor at this position; its replay has not begun."""
    subscriber, link = harness.register(user_id, account_id, link=link)
    harness.resumption.begin(subscriber, at(harness, position))
    return subscriber, link


@asynccontextmanager
async def replaying(harness: Harness, subscriber: Subscriber, *, held_at: Gate | None = None) -> AsyncIterator[None]:
    """Replay beside the block, and to the end after it; during the block it is held up at `held_at`, if given."""
    if held_at is not None:
        held_at.close()
    running = asyncio.create_task(harness.replay.run(subscriber))
    try:
        async with asyncio.timeout(DEADLINE_S):
            while held_at is not None and not held_at.waiting:
                await asyncio.sleep(0)
            yield
            if held_at is not None:
                held_at.open()
            await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until_waiting(link: FakeLink, *, written: int) -> None:
    """Let others run until somebody waits for this link's peer, with so many notifications written."""
    async with asyncio.timeout(DEADLINE_S):
        while not link.waiting or len(link.said) < written:
            await asyncio.sleep(0)
    assert written == len(link.said)


def at(harness: Harness, position: int) -> Cursor:
    """Return the cursor at this position."""
    return harness.resumption.cursor(position)


class TestBegin:
    @pytest.mark.parametrize(("position", "kind"), [(3, "replayed"), (4, "gap")])
    async def test_begins_in_the_log_as_it_is(self, position: int, kind: str) -> None:
        """The log's epoch, first and head decide, and each beginning is counted by its result."""
        harness = Harness()
        for _ in range(3):
            harness.log.publish(EVERYONE)
        subscriber, _ = harness.register()
        assert (kind, 3) == harness.resumption.begin(subscriber, Cursor(harness.log.epoch, position))
        assert {kind: 1} == dict(harness.metrics.resumes)


class TestRun:
    async def test_everything_since_the_cursor(self) -> None:
        """What is due since the cursor is written in order, what is somebody else's is not, and then it is live."""
        harness = Harness()
        for _ in range(2):
            harness.log.publish(user_target("a", "1"))
            harness.log.publish(account_target("a"), user_target("a", "1"))
            harness.log.publish(user_target("a", "2"))
            harness.log.publish(user_target("b", "1"))
        subscriber, link = resume(harness, "1", "a", position=1)
        await harness.replay.run(subscriber)
        assert [2, 5, 6] == link.positions
        assert (Phase.LIVE, 8) == (subscriber.session.phase, subscriber.session.last)
        assert (3, 3) == (harness.metrics.replayed, harness.metrics.deliveries["websocket"])

    @pytest.mark.parametrize(
        ("count", "reads"), [(0, 0), (1, 1), (PAGE_RECORDS - 1, 1), (PAGE_RECORDS, 1), (PAGE_RECORDS + 1, 2)]
    )
    async def test_pages(self, count: int, reads: int) -> None:
        """The log is read a page at a time, and no more often than there may be something."""
        harness = Harness()
        for _ in range(count):
            harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        await harness.replay.run(subscriber)
        assert list(range(1, count + 1)) == link.positions
        assert reads == harness.log.reads

    async def test_a_page_is_one_write(self) -> None:
        """What was read together is handed to the link together, in pages of the log."""
        harness = Harness(page_records=3)
        for _ in range(7):
            harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        await harness.replay.run(subscriber)
        assert [3, 3, 1] == link.pages

    async def test_a_storm_shares_what_is_encoded(self) -> None:
        """Clients that missed the same get the same envelopes, though each reads the log for itself."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        links = []
        for user_id in ("1", "2"):
            subscriber, link = resume(harness, user_id)
            await harness.replay.run(subscriber)
            links.append(link)
        assert links[0].said[0] is links[1].said[0]
        assert 2 == harness.log.reads

    async def test_nothing_to_replay_reads_nothing(self) -> None:
        """A connection without a cursor costs the log nothing."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        await harness.connect()
        assert 0 == harness.log.reads

    async def test_published_meanwhile(self) -> None:
        """What is dispatched while a page is read is written after it, once."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        async with replaying(harness, subscriber, held_at=harness.log.before_read):
            harness.log.publish(EVERYONE)
            await harness.dispatch()
        assert [1, 2] == link.positions
        assert (1, 2) == (harness.metrics.replayed, harness.metrics.deliveries["websocket"])

    async def test_more_held_than_may_be_written_at_once(self) -> None:
        """What was held beyond a quarter of the budget is read again, so that a peer that reads is not over it."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = resume(harness, link=FakeLink(collects=True))
        async with replaying(harness, subscriber, held_at=harness.log.before_read):
            for _ in range(9):
                harness.log.publish(EVERYONE, size_bytes=1_000)
            await harness.dispatch()
            assert [] == link.said
            harness.log.before_read.open()
            await until_waiting(link, written=3)
            link.collects = False
            link.release()
        assert list(range(1, 11)) == link.positions
        assert 2 == harness.log.reads
        assert [] == harness.slow

    async def test_storage_fails(self) -> None:
        """Where the log cannot be read, the connection ends with "come back later"; nothing was skipped."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        harness.log.fails = True
        await harness.replay.run(subscriber)
        assert [(subscriber, StorageUnavailable.close_code)] == harness.ended
        assert [] == link.said
        assert 0 == subscriber.session.last


class TestPace:
    async def test_waits_for_the_peer(self) -> None:
        """A peer that reads slowly gets everything, and little more than a quarter of its budget waits for it."""
        harness = Harness()
        for _ in range(20):
            harness.log.publish(EVERYONE, size_bytes=1_000)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            for written in (2, 4, 6):
                await until_waiting(link, written=written)
                link.take(2)
            await until_waiting(link, written=8)
            link.release()
        assert list(range(1, 21)) == link.positions
        assert [] == harness.slow

    async def test_peer_that_takes_nothing(self) -> None:
        """A peer that takes nothing in time is slow, and is written nothing more."""
        harness = Harness()
        for _ in range(20):
            harness.log.publish(EVERYONE, size_bytes=1_000)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            await until_waiting(link, written=2)
            link.time_out()
        assert [subscriber] == harness.slow
        assert [1, 2] == link.positions
        assert [] == link.late
        assert (2, 2) == (harness.metrics.replayed, harness.metrics.deliveries["websocket"])

    async def test_peer_that_takes_little(self) -> None:
        """A peer that took anything at all in time is waited for again."""
        harness = Harness()
        for _ in range(4):
            harness.log.publish(EVERYONE, size_bytes=3_000)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            await until_waiting(link, written=1)
            for written in (1, 2, 3):
                link.taken_bytes += 1
                link.time_out()
                await until_waiting(link, written=written)
                link.take(1)
                await until_waiting(link, written=written + 1)
            link.release()
        assert [1, 2, 3, 4] == link.positions
        assert [] == harness.slow

    async def test_holds_nothing_live_while_it_waits(self) -> None:
        """Of what is dispatched meanwhile nothing is kept, for the log has it, and nothing is lost."""
        harness = Harness()
        for _ in range(3):
            harness.log.publish(EVERYONE, size_bytes=3_000)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            await until_waiting(link, written=1)
            for _ in range(3):
                harness.log.publish(EVERYONE)
            await harness.dispatch()
            assert [] == subscriber.session._held
            link.release()
        assert [1, 2, 3, 4, 5, 6] == link.positions

    async def test_expired_while_waiting_for_the_peer(self) -> None:
        """What expired since its page was read is not handed over, and what did not is."""
        harness = Harness()
        for expires_at_s in (None, None, NOW_S + 5, None):
            harness.log.publish(EVERYONE, size_bytes=1_000, expires_at_s=expires_at_s)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            await until_waiting(link, written=2)
            harness.clock.now_s += 5
            link.release()
        assert [1, 2, 4] == link.positions
        assert (Phase.LIVE, 4) == (subscriber.session.phase, subscriber.session.last)

    async def test_expired_while_held(self) -> None:
        """What expired while it was held is not handed over."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        async with replaying(harness, subscriber, held_at=harness.log.after_read):
            harness.log.publish(EVERYONE, expires_at_s=NOW_S + 5)
            harness.log.publish(EVERYONE)
            await harness.dispatch()
            harness.clock.now_s += 5
        assert [1, 3] == link.positions
        assert 2 == harness.metrics.deliveries["websocket"]


class TestDamage:
    async def test_a_damaged_record_is_a_gap_in_its_place(self) -> None:
        """What is whole before and after it is handed over; damage side by side is one gap."""
        harness = Harness()
        for _ in range(7):
            harness.log.publish(EVERYONE)
        harness.log.spoilt = {2, 4, 5, 7}
        subscriber, link = resume(harness)
        await harness.replay.run(subscriber)
        assert [1, 3, 6] == link.positions
        assert [(subscriber, at(harness, position)) for position in (2, 5, 7)] == harness.gaps
        assert (Phase.LIVE, 7) == (subscriber.session.phase, subscriber.session.last)

    async def test_what_was_for_others_is_no_gap(self) -> None:
        """Only whom the index names is told."""
        harness = Harness()
        harness.log.publish(user_target("rival", "someone"))
        harness.log.publish(EVERYONE)
        harness.log.spoilt = {1}
        subscriber, link = resume(harness)
        await harness.replay.run(subscriber)
        assert ([2], []) == (link.positions, harness.gaps)

    async def test_what_is_held_meanwhile_comes_after_the_gap(self) -> None:
        """Live notifications that came while the damaged page was read are not lost with it."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        harness.log.spoilt = {1}
        subscriber, link = resume(harness)
        async with replaying(harness, subscriber, held_at=harness.log.after_read):
            harness.log.publish(EVERYONE)
            await harness.dispatch()
        assert [(subscriber, at(harness, 1))] == harness.gaps
        assert [2] == link.positions


class TestOvertaken:
    @pytest.mark.parametrize("gate", ["before_read", "after_read"])
    async def test_by_retention(self, gate: str) -> None:
        """Where retention passes the cursor while a page is read, the gap is told and the session goes on live."""
        harness = Harness()
        for _ in range(4):
            harness.log.publish(EVERYONE)
        subscriber, link = harness.register()
        assert "replayed" == harness.resumption.begin(subscriber, at(harness, 1)).kind
        async with replaying(harness, subscriber, held_at=getattr(harness.log, gate)):
            harness.log.forget(2)
        assert [(subscriber, at(harness, 4))] == harness.gaps
        assert [] == link.said
        assert (Phase.LIVE, 4) == (subscriber.session.phase, subscriber.session.last)

    async def test_by_retention_between_two_pages(self) -> None:
        """What was handed over stays handed over, and the gap begins there."""
        harness = Harness(page_records=2)
        for _ in range(6):
            harness.log.publish(EVERYONE, size_bytes=1_000)
        subscriber, link = resume(harness)
        link.stall()
        async with replaying(harness, subscriber):
            await until_waiting(link, written=2)
            harness.log.forget(4)
            link.release()
        assert [1, 2] == link.positions
        assert [(subscriber, at(harness, 6))] == harness.gaps

    async def test_retention_up_to_the_cursor_is_no_gap(self) -> None:
        """What is gone was handed over before: nothing is missing."""
        harness = Harness()
        for _ in range(4):
            harness.log.publish(EVERYONE)
        subscriber, link = resume(harness, position=2)
        harness.log.forget(2)
        await harness.replay.run(subscriber)
        assert [3, 4] == link.positions
        assert [] == harness.gaps

    @pytest.mark.parametrize("forget", [False, True])
    async def test_by_the_end(self, forget: bool) -> None:
        """A session that ends while its page is read is written nothing, no gap either."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = resume(harness)
        async with replaying(harness, subscriber, held_at=harness.log.after_read):
            subscriber.session.close()
            link.abort()
            if forget:
                harness.log.forget(1)
        assert [] == link.said + link.late
        assert [] == harness.gaps
        assert 0 == harness.metrics.replayed

    async def test_ended_before_it_began(self) -> None:
        """A session that ended between registration and replay costs the log nothing."""
        harness = Harness()
        harness.log.publish(EVERYONE)
        subscriber, link = harness.register()
        subscriber.session.close()
        harness.resumption.begin(subscriber, at(harness, 0))
        await harness.replay.run(subscriber)
        assert (0, []) == (harness.log.reads, link.said + link.late)


class TestFallingBehind:
    async def test_gets_everything_from_the_log(self) -> None:
        """A live peer that takes too little is written the rest when it takes it, in order, and is live again."""
        harness = Harness()
        subscriber, link = await harness.connect()
        link.stall()
        for _ in range(30):
            harness.log.publish(EVERYONE, size_bytes=1_000)
        await harness.dispatch()
        assert ([subscriber], 8) == (harness.behind, len(link.positions))
        async with replaying(harness, subscriber):
            await until_waiting(link, written=8)
            assert 0 == harness.log.reads, "no page is read ahead of the peer"
            link.release()
        assert list(range(1, 31)) == link.positions
        assert (Phase.LIVE, 30) == (subscriber.session.phase, subscriber.session.last)
        assert ([], 22) == (harness.slow, harness.metrics.replayed)

    async def test_one_record_beyond_the_budget(self) -> None:
        """A record heavier than the budget falls behind by itself, and passes."""
        harness = Harness()
        subscriber, link = await harness.connect()
        link.stall()
        for size_bytes in (3 * BUDGET_BYTES, 100, 3 * BUDGET_BYTES):
            harness.log.publish(EVERYONE, size_bytes=size_bytes)
        await harness.dispatch()
        assert ([subscriber], [1]) == (harness.behind, link.positions)
        async with replaying(harness, subscriber):
            await until_waiting(link, written=1)
            link.take(1)
            await until_waiting(link, written=3)
            link.release()
        assert [1, 2, 3] == link.positions


async def test_readers_are_bounded() -> None:
    """However many clients come back at once, so many pages are read together; one that left meanwhile reads none."""
    harness = Harness()
    harness.log.publish(EVERYONE)
    connected = [harness.register(str(user)) for user in range(READERS + 5)]
    harness.log.before_read.close()
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as tasks:
        for subscriber, _ in connected:
            harness.resumption.begin(subscriber, at(harness, 0))
            tasks.create_task(harness.replay.run(subscriber))
        while harness.log.before_read.waiting < READERS:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert READERS == harness.log.before_read.waiting
        connected[-1][0].session.close()
        harness.log.before_read.open()
    assert READERS + 4 == harness.log.reads
    assert [[1]] * (READERS + 4) + [[]] == [link.positions for _, link in connected]
