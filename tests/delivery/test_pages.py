"""One page of what was missed, for a client without a connection: complete, in order, and no gap without a word."""

from __future__ import annotations

import asyncio
import json

import pytest

from hub.cursor import Cursor, Epoch, parse_cursor
from hub.delivery.delivery_counts import DeliveryCounts
from hub.delivery.erasures import Erasures
from hub.delivery.mutes import Mutes
from hub.delivery.page_reader import PAGE_RECORDS, READERS
from hub.delivery.pages import MOST_PAGES, MissedPage, Pages
from hub.errors import StorageUnavailable
from hub.metrics import Metrics
from hub.target import EVERYONE, subscriber_targets, user_target
from tests.fakes import NOW_S, FakeClock, MemoryLog
from tests.harness import DEADLINE_S

TARGETS = subscriber_targets("a", "1")


class Reader:
    """A client that asks for pages, and the log that it asks."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.log = MemoryLog(self.clock)
        self.metrics = Metrics(started_at_s=NOW_S)
        self.mutes = Mutes()
        self.pages = Pages(self.log, self.metrics, DeliveryCounts(start=0, records=1_000), self.mutes, Erasures())

    async def read(self, position: int | None) -> MissedPage:
        """Return the page after this position, or without a cursor."""
        return await self.pages.read(TARGETS, None if position is None else Cursor(self.log.epoch, position))

    def publish(self, count: int) -> None:
        """Store notifications for everyone."""
        for _ in range(count):
            self.log.publish(EVERYONE)


def positions(page: MissedPage) -> list[int]:
    """Return the positions that the cursors of a page's frames stand at."""
    cursors = [parse_cursor(json.loads(frame)["cursor"]) for frame in page.frames]
    return [cursor.position for cursor in cursors if cursor is not None]


class TestBeginning:
    async def test_without_a_cursor_only_the_head(self) -> None:
        """A first visit gets nothing old, and the cursor to ask with; nothing is read for that."""
        reader = Reader()
        reader.publish(3)
        page = await reader.read(None)
        assert ("live", [], 3) == (page.resume, page.frames, page.cursor.position)
        assert 0 == reader.log.reads

    async def test_everything_since_the_cursor(self) -> None:
        """A page has what came since, for this user and nobody else, and goes on after the last of all."""
        reader = Reader()
        reader.publish(2)
        reader.log.publish(user_target("a", "1"))
        reader.log.publish(user_target("a", "2"))
        page = await reader.read(1)
        assert ("replayed", [2, 3], 4) == (page.resume, positions(page), page.cursor.position)
        assert {"replayed": 1} == dict(reader.metrics.polls)
        assert 2 == reader.metrics.deliveries["poll"]

    @pytest.mark.parametrize("cursor", [Cursor(Epoch("another234"), 1), Cursor(Epoch("memory2345"), 4)])
    async def test_a_cursor_of_another_log_is_a_gap(self, cursor: Cursor) -> None:
        """A cursor that this log cannot serve is answered with a gap, and the head to go on from."""
        reader = Reader()
        reader.publish(3)
        page = await reader.pages.read(TARGETS, cursor)
        assert ("gap", [], 3) == (page.resume, page.frames, page.cursor.position)

    async def test_a_log_that_cannot_be_read_says_so(self) -> None:
        """The client keeps its cursor and asks again; an empty page would be a loss."""
        reader = Reader()
        reader.publish(1)
        reader.log.fails = True
        with pytest.raises(StorageUnavailable):
            await reader.read(0)


class TestPaging:
    async def test_page_after_page_brings_everything_once(self) -> None:
        """More than a page holds comes with the next ones, each from the cursor of the one before."""
        reader = Reader()
        reader.publish(2 * PAGE_RECORDS + 1)
        seen: list[int] = []
        position = 0
        while (page := await reader.read(position)).frames:
            assert len(page.frames) <= PAGE_RECORDS
            seen += positions(page)
            position = page.cursor.position
        assert list(range(1, 2 * PAGE_RECORDS + 2)) == seen

    async def test_a_page_is_bounded_in_bytes(self) -> None:
        """Large notifications fill a page before their count does, and each comes all the same."""
        reader = Reader()
        for _ in range(3):
            reader.log.publish(EVERYONE, size_bytes=40_000)
        page = await reader.read(0)
        assert [1] == positions(page)
        assert [2] == positions(await reader.read(page.cursor.position))


class TestLosses:
    @pytest.mark.parametrize("gate", ["before_read", "after_read"])
    async def test_retention_during_the_read_is_a_gap(self, gate: str) -> None:
        """Where retention passes the cursor while the page is read, part of it may be missing: the client is told."""
        reader = Reader()
        reader.publish(3)
        held = getattr(reader.log, gate)
        held.close()
        asked = asyncio.create_task(reader.read(0))
        async with asyncio.timeout(DEADLINE_S):
            while not held.waiting:
                await asyncio.sleep(0)
            reader.log.forget(2)
            held.open()
            page = await asked
        assert ("gap", [], 3) == (page.resume, page.frames, page.cursor.position)

    async def test_retention_up_to_the_cursor_is_no_gap(self) -> None:
        """What the client has already may go."""
        reader = Reader()
        reader.publish(3)
        reader.log.forget(1)
        page = await reader.read(1)
        assert ("replayed", [2, 3]) == (page.resume, positions(page))

    async def test_damage_is_a_gap_between_two_pages(self) -> None:
        """What is whole before the damage comes first, then a gap over all that is damaged, then the rest."""
        reader = Reader()
        reader.publish(5)
        reader.log.spoilt = {2, 3}
        pages: list[tuple[str, list[int], int]] = []
        position = 0
        while not pages or pages[-1][2] < reader.log.head:
            page = await reader.read(position)
            position = page.cursor.position
            pages.append((page.resume, positions(page), position))
        assert [("replayed", [1], 1), ("gap", [], 3), ("replayed", [4, 5], 5)] == pages

    async def test_damage_up_to_the_head_is_a_gap(self) -> None:
        """A page that is nothing but damage goes as far as the damage does."""
        reader = Reader()
        reader.publish(3)
        reader.log.spoilt = {2, 3}
        page = await reader.read(1)
        assert ("gap", [], 3) == (page.resume, page.frames, page.cursor.position)


class TestStream:
    """Pages for a reader of Durable Streams."""

    async def test_beginning_is_the_oldest_that_is_kept(self) -> None:
        """Without a cursor a page begins where retention has left something, and that is no gap."""
        reader = Reader()
        reader.publish(4)
        reader.log.forget(2)
        page = await reader.pages.read_stream(TARGETS, None)
        assert ("replayed", [3, 4], True) == (page.resume, positions(page), page.is_whole)
        assert {"durable-streams": 2} == dict(reader.metrics.deliveries)

    async def test_beginning_is_behind_damage(self) -> None:
        """Damage in front of everything is passed over: who asks for what is left would else never get it."""
        reader = Reader()
        reader.publish(4)
        reader.log.spoilt = {1, 2}
        page = await reader.pages.read_stream(TARGETS, None)
        assert ("replayed", [3, 4], 4) == (page.resume, positions(page), page.cursor.position)

    async def test_nothing_but_damage_is_empty(self) -> None:
        """Where nothing whole is left the page goes up to the head."""
        reader = Reader()
        reader.publish(2)
        reader.log.spoilt = {1, 2}
        page = await reader.pages.read_stream(TARGETS, None)
        assert ("replayed", [], 2, True) == (page.resume, page.frames, page.cursor.position, page.is_whole)

    @pytest.mark.parametrize("kept", [2, 0])
    async def test_beginning_moves_with_retention(self, kept: int) -> None:
        """Retention that passes a first page while it is read makes it begin later."""
        reader = Reader()
        reader.publish(3)
        reader.log.after_read.close()
        asked = asyncio.create_task(reader.pages.read_stream(TARGETS, None))
        async with asyncio.timeout(DEADLINE_S):
            while not reader.log.after_read.waiting:
                await asyncio.sleep(0)
            reader.log.forget(3 - kept)
            reader.log.after_read.open()
            page = await asked
        assert ("replayed", [2, 3][2 - kept :], 3) == (page.resume, positions(page), page.cursor.position)

    async def test_damage_after_an_offset_is_a_gap(self) -> None:
        """A reader that has been somewhere is told of what is damaged behind that, once, and goes on after it."""
        reader = Reader()
        reader.publish(5)
        reader.log.spoilt = {2, 3}
        pages: list[tuple[str, list[int], int, bool]] = []
        cursor: Cursor | None = None
        while not pages or not pages[-1][3]:
            page = await reader.pages.read_stream(TARGETS, cursor)
            cursor = page.cursor
            pages.append((page.resume, positions(page), cursor.position, page.is_whole))
        assert [("replayed", [1], 1, False), ("gap", [], 3, False), ("replayed", [4, 5], 5, True)] == pages

    async def test_head_needs_no_read(self) -> None:
        """A reader that is at the tail costs the log nothing."""
        reader = Reader()
        reader.publish(2)
        page = await reader.pages.read_stream(TARGETS, reader.pages.head)
        assert ([], True, 0) == (page.frames, page.is_whole, reader.log.reads)


async def test_readers_are_bounded() -> None:
    """However many clients ask at once, only so many pages are read at the same time."""
    reader = Reader()
    reader.publish(1)
    reader.log.before_read.close()
    asking = [asyncio.create_task(reader.read(0)) for _ in range(2 * READERS)]
    async with asyncio.timeout(DEADLINE_S):
        while reader.log.before_read.waiting < READERS:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        assert READERS == reader.log.before_read.waiting
        reader.log.before_read.open()
        assert [[1]] * len(asking) == [positions(page) for page in await asyncio.gather(*asking)]


class TestMuted:
    async def test_what_is_muted_is_left_out_and_passed_over(self) -> None:
        """A page has nothing of a muted type, and its cursor goes on all the same; other users get it."""
        reader = Reader()
        reader.publish(1)
        reader.log.publish(EVERYONE, tag="other")
        reader.publish(1)
        reader.mutes.put(TARGETS[0], frozenset({"other"}))
        page = await reader.read(0)
        assert ([1, 3], 3, True) == (positions(page), page.cursor.position, page.is_whole)
        assert 2 == reader.metrics.deliveries["poll"]
        other = await reader.pages.read(subscriber_targets("a", "2"), Cursor(reader.log.epoch, 0))
        assert [1, 2, 3] == positions(other)

    async def test_pages_of_nothing_but_muted_ones_are_passed_over(self) -> None:
        """A client takes an empty page for the end, so it gets what is behind many muted ones, within bounds."""
        reader = Reader()
        reader.publish(PAGE_RECORDS + 1)
        reader.log.publish(EVERYONE, tag="other")
        reader.mutes.put(TARGETS[0], frozenset({"info"}))
        assert [PAGE_RECORDS + 2] == positions(await reader.read(0))
        reader.log.reads = 0
        reader.publish((MOST_PAGES + 1) * PAGE_RECORDS)
        page = await reader.read(PAGE_RECORDS + 2)
        assert (MOST_PAGES, []) == (reader.log.reads, page.frames)
        assert page.cursor.position == PAGE_RECORDS + 2 + MOST_PAGES * PAGE_RECORDS
