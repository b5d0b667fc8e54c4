"""The tail alone: what it buffers, when it reads the log instead, and that nothing is lost between the two."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import StorageUnavailable
from hub.log.port import Reading, Record
from hub.log.tail import MOST_BYTES, MOST_RECORDS, Tail
from hub.target import EVERYONE
from tests.fakes import fit
from tests.log.engines import DEADLINE_S


class FakeLog:
    """Holds records and counts how often they are read."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.reads = 0
        self.failing = 0

    def grow(self, count: int, payload: bytes = b"{}") -> list[Record]:
        """Store and return `count` further records."""
        start = len(self.records) + 1
        fresh = [Record(position, (EVERYONE,), payload, None) for position in range(start, start + count)]
        self.records += fresh
        return fresh

    async def read_every(self, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
        """Return what the log's readers would."""
        self.reads += 1
        await asyncio.sleep(0)
        if self.failing:
            self.failing -= 1
            raise StorageUnavailable
        found = [record for record in self.records if after < record.position <= upto]
        return fit(found, upto=upto, limit=limit, limit_bytes=limit_bytes)


@pytest.fixture
def log() -> FakeLog:
    """An empty log."""
    return FakeLog()


def _announce(tail: Tail, log: FakeLog, count: int, payload: bytes = b"{}") -> None:
    records = log.grow(count, payload)
    tail.announce(records, log.records[-1].position)


async def _take(tail: Tail, count: int) -> list[int]:
    positions: list[int] = []
    async with asyncio.timeout(DEADLINE_S):
        while len(positions) < count:
            positions += _positions(await anext(tail))
    return positions


def _positions(records: Sequence[Record]) -> list[int]:
    return [record.position for record in records]


class TestBuffer:
    async def test_a_consumer_that_keeps_up_needs_no_read(self, log: FakeLog) -> None:
        """What is announced is yielded from memory."""
        tail = Tail(0, log.read_every)
        for _ in range(5):
            _announce(tail, log, 3)
        assert list(range(1, 16)) == await _take(tail, 15)
        assert 0 == log.reads

    @pytest.mark.parametrize(
        ("batches", "count", "payload"),
        [(MOST_RECORDS // 1_000 + 5, 1_000, b"{}"), (40, 1, b"x" * (MOST_BYTES // 20))],
        ids=["records", "bytes"],
    )
    async def test_a_consumer_far_behind_reads_the_log(
        self, log: FakeLog, batches: int, count: int, payload: bytes
    ) -> None:
        """The buffer stops at its bound, and everything still comes in order, and then from memory again."""
        tail = Tail(0, log.read_every)
        for _ in range(batches):
            _announce(tail, log, count, payload)
        assert sum(len(batch) for batch in tail._buffer) <= MOST_RECORDS
        assert sum(len(record.payload) for batch in tail._buffer for record in batch) <= MOST_BYTES
        assert list(range(1, batches * count + 1)) == await _take(tail, batches * count)
        reads = log.reads
        assert reads > 0
        _announce(tail, log, 2)
        assert [batches * count + 1, batches * count + 2] == await _take(tail, 2)
        assert reads == log.reads

    async def test_records_the_writer_did_not_hand_over_are_read(self, log: FakeLog) -> None:
        """A head beyond what was handed over, as after a disk fault, is made up for from the log, in order."""
        tail = Tail(0, log.read_every)
        log.grow(2)
        tail.announce([], 2)
        _announce(tail, log, 1)
        assert [1, 2, 3] == await _take(tail, 3)

    async def test_a_log_that_cannot_be_read_is_read_again(self, log: FakeLog) -> None:
        """A failing read holds the tail up and ends nothing."""
        tail = Tail(0, log.read_every)
        log.grow(2)
        log.failing = 1
        tail.announce([], 2)
        assert [1, 2] == await _take(tail, 2)

    async def test_what_retention_took_is_passed_over(self, log: FakeLog) -> None:
        """A tail so far behind that records are gone goes on with those that are left."""
        tail = Tail(0, log.read_every)
        log.grow(5)
        del log.records[:3]
        tail.announce([], 5)
        assert [4, 5] == await _take(tail, 2)


class TestEnd:
    async def test_end_comes_after_everything(self, log: FakeLog) -> None:
        """What was announced before the end is yielded first."""
        tail = Tail(0, log.read_every)
        _announce(tail, log, 2)
        tail.end()
        assert [[1, 2]] == [_positions(records) async for records in tail]

    async def test_all_that_must_be_read_comes_before_the_end(self, log: FakeLog) -> None:
        """A tail that is further behind than one reading goes reads until it has all, and ends then."""
        tail = Tail(0, log.read_every)
        log.grow(2_500)
        tail.announce([], 2_500)
        _announce(tail, log, 1)
        tail.end()
        assert list(range(1, 2_502)) == [position async for records in tail for position in _positions(records)]

    async def test_end_wakes_a_waiting_consumer(self, log: FakeLog) -> None:
        """A consumer that waits for news learns that there will be none."""
        tail = Tail(0, log.read_every)
        waiting = asyncio.create_task(anext(tail, None))
        await asyncio.sleep(0)
        tail.end()
        async with asyncio.timeout(DEADLINE_S):
            assert await waiting is None

    async def test_an_end_in_a_failing_log_is_an_end(self, log: FakeLog) -> None:
        """A closed log that cannot be read any more ends the tail instead of trying for ever."""
        tail = Tail(0, log.read_every)
        log.grow(1)
        log.failing = 1
        tail.announce([], 1)
        tail.end()
        assert [] == [_positions(records) async for records in tail]


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.one_of(st.integers(1, 4_000), st.just(0), st.just(-1)), max_size=25))
async def test_every_record_comes_once_and_in_order(steps: list[int]) -> None:
    """Whatever the mix of announcements (n), silent growth (-1) and a consumer that takes now and then (0)."""
    log = FakeLog()
    tail = Tail(0, log.read_every)
    taken: list[int] = []
    for step in steps:
        if step > 0:
            _announce(tail, log, step)
        elif step < 0:
            log.grow(3)
            tail.announce([], len(log.records))
        elif len(taken) < len(log.records):
            taken += _positions(await anext(tail))
    tail.end()
    taken += [position async for records in tail for position in _positions(records)]
    assert list(range(1, len(log.records) + 1)) == taken
