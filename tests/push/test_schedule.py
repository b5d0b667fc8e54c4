"""The schedule and the lanes: what is due in order, up to where all is done, and no service behind another."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from hub.push.job import Job
from hub.push.lanes import Lanes
from hub.push.schedule import Due, Schedule
from hub.target import user_target
from tests.harness import DEADLINE_S

USER = user_target("a", "u")


def due(position: int, due_s: float = 0.0) -> Due:
    return Due(due_s, position, (USER,))


def job(number: int, origin: str) -> Job:
    return Job(position=number, user=USER, key=str(number), origin=origin, since_s=0.0)


class TestSchedule:
    def test_entries_come_when_they_are_due(self) -> None:
        """An entry is taken at its moment, in order, and not before."""
        schedule = Schedule(limit_bytes=10_000)
        assert schedule.add(due(1, 5.0))
        assert schedule.add(due(2, 6.0))
        assert schedule.take(4.9) is None
        assert due(1, 5.0) == schedule.take(5.0)
        assert schedule.take(5.0) is None
        assert due(2, 6.0) == schedule.take(7.0)
        assert schedule.take(9.0) is None

    def test_the_mark_stays_before_what_is_open(self) -> None:
        """Everything up to the mark is done: neither scheduled, nor being prepared, nor a message on its way."""
        schedule = Schedule(limit_bytes=10_000)
        assert 7 == schedule.done_upto(7)
        for position in (3, 5):
            schedule.add(due(position))
        assert 2 == schedule.done_upto(7)
        assert not schedule.has_finished
        assert schedule.take(1.0)
        schedule.begin(3)
        schedule.finish(3)
        assert 2 == schedule.done_upto(7), "its message is on its way"
        schedule.finish(3)
        assert 4 == schedule.done_upto(7)
        assert schedule.take(1.0)
        schedule.finish(5)
        assert 7 == schedule.done_upto(7)
        assert schedule.has_finished

    def test_it_is_bounded_in_bytes(self) -> None:
        """What there is no room for is not taken; an entry that is larger than all room by itself is."""
        schedule = Schedule(limit_bytes=500)
        assert schedule.add(Due(0.0, 1, (USER,) * 1_000))
        assert not schedule.add(due(2))
        assert schedule.take(1.0)
        assert schedule.add(due(2))
        assert schedule.add(due(3))
        assert not schedule.add(due(4))


class TestLanes:
    async def test_a_slow_service_delays_no_other(self) -> None:
        """Jobs of one service wait for each other, in order and a few at a time; those of others do not."""
        ran: defaultdict[str, list[int]] = defaultdict(list)
        hangs = asyncio.Event()

        async def run(job: Job) -> None:
            ran[job.origin].append(job.position)
            if job.origin == "slow":
                await hangs.wait()

        lanes = Lanes(run, each=2, limit=100)
        for number in range(10):
            assert lanes.put(job(number, "slow"))
            assert lanes.put(job(number, "fast"))
        async with asyncio.timeout(DEADLINE_S):
            while len(ran["fast"]) < 10:
                await asyncio.sleep(0)
        assert [0, 1] == ran["slow"]
        assert {"slow": 10} == lanes.measure()
        hangs.set()
        async with asyncio.timeout(DEADLINE_S):
            while lanes.measure():
                await asyncio.sleep(0)
        assert list(range(10)) == ran["slow"]
        await lanes.close()

    async def test_they_are_bounded_and_one_service_takes_half(self) -> None:
        """There is room for `limit` jobs, of which one service takes half; what is given back has not begun."""
        hangs = asyncio.Event()

        async def run(_: Job) -> None:
            await hangs.wait()

        lanes = Lanes(run, each=1, limit=10)
        taken = [lanes.put(job(number, "a")) for number in range(20)]
        assert 5 == sum(taken)
        assert 5 == sum(lanes.put(job(number, "b")) for number in range(20))
        assert not lanes.put(job(0, "c"))
        assert [0, 1] == [each.position for each in lanes.drain("a", 2)]
        assert 8 == len(lanes)
        assert [1, 2, 0] == [lanes.note("a", takes=False), lanes.note("a", takes=False), lanes.note("a", takes=True)]
        await lanes.close()
