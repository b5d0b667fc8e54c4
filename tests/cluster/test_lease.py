"""Work that one node does at a time, with the log as the only coordination."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import pytest

from hub.cluster.lease import Lease
from hub.errors import IdempotencyConflict, StorageUnavailable
from hub.log.port import Appended, Draft
from tests.cluster.nodes import wait_until
from tests.fakes import FakeClock, MemoryLog

LIVES = {"a": "a" * 16, "b": "b" * 16, "c": "c" * 16}


class _Log(MemoryLog):
    """One log that several nodes share: it keeps one draft of each idempotency key, and cuts nodes off."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.keys: dict[bytes, Appended] = {}
        #: Lives whose appends fail; and those whose appends are stored without a word.
        self.cut: set[str] = set()
        self.mute: set[str] = set()

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        await asyncio.sleep(0)
        (draft,) = drafts
        life = draft.id.split("-")[1]
        assert draft.idempotency is not None
        if life in self.cut:
            raise StorageUnavailable
        known = self.keys.get(draft.idempotency)
        if known is None:
            (known,) = self.store(drafts)
            self.keys[draft.idempotency] = known
            if life in self.mute:
                self.mute.remove(life)
                raise StorageUnavailable
            return [known]
        return [Appended(known.id, known.position, True)]


class _Node:
    def __init__(self, log: _Log, name: str, **lease: float) -> None:
        self.name = name
        self.runs = 0
        self.is_running = False
        spans = {"renew_s": 0.02, "give_up_s": 0.1, "take_over_s": 0.3, "look_s": 0.02, **lease}
        monotonic = asyncio.get_running_loop().time
        lease_of_node = Lease("push", log, node=name, life=LIVES[name], monotonic=monotonic, **spans)
        self.task = asyncio.create_task(lease_of_node.lead(self._run))

    async def _run(self) -> None:
        self.runs += 1
        self.is_running = True
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_running = False

    async def stop(self) -> None:
        """End in order."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@contextlib.asynccontextmanager
async def run_nodes(log: _Log, *names: str, **lease: float) -> AsyncIterator[list[_Node]]:
    """Run nodes that want to lead."""
    nodes = [_Node(log, name, **lease) for name in names]
    try:
        yield nodes
    finally:
        for node in nodes:
            await node.stop()


def _leading(nodes: Sequence[_Node]) -> list[_Node]:
    return [node for node in nodes if node.is_running]


async def test_one_node_leads() -> None:
    """Of three that begin at one time one works, and goes on doing so."""
    log = _Log()
    async with run_nodes(log, "a", "b", "c", take_over_s=60.0) as nodes:
        await wait_until(lambda: len(log.keys) >= 10)
        assert 1 == len(_leading(nodes)) == sum(node.runs for node in nodes)


async def test_an_orderly_end_hands_over_at_once() -> None:
    """The next node does not wait until the lease is over."""
    async with run_nodes(_Log(), "a", "b", take_over_s=3_600.0) as nodes:
        await wait_until(lambda: 1 == len(_leading(nodes)))
        (first,) = _leading(nodes)
        await first.stop()
        await wait_until(lambda: [first] != _leading(nodes) and 1 == len(_leading(nodes)))


async def test_a_node_that_cannot_write_stops_before_another_begins() -> None:
    """At no moment do two nodes work."""
    log = _Log()
    async with run_nodes(log, "a", "b") as nodes:
        await wait_until(lambda: 1 == len(_leading(nodes)))
        (first,) = _leading(nodes)
        log.cut.add(LIVES[first.name])
        seen = set()
        async with asyncio.timeout(20):
            while not _leading(nodes) or _leading(nodes) == [first]:
                seen.add(len(_leading(nodes)))
                await asyncio.sleep(0.005)
        assert {0, 1} == seen
        assert not first.is_running


async def test_a_writing_without_a_word_is_recognised() -> None:
    """A turn that was stored and not acknowledged is ours when it is tried again, so the work goes on."""
    log = _Log()
    async with run_nodes(log, "a", give_up_s=60.0) as (node,):
        await wait_until(lambda: node.is_running)
        log.mute.add(LIVES["a"])
        turns = len(log.keys)
        await wait_until(lambda: not log.mute and len(log.keys) >= turns + 3)
        assert (True, 1) == (node.is_running, node.runs)


async def test_a_node_that_stood_still_does_not_go_on() -> None:
    """A leader that was stopped for longer than its lease gives up before it says a word."""
    log, now_s = _Log(), [0.0]

    async def run() -> None:
        await asyncio.get_running_loop().create_future()

    lease = Lease(
        "push", log, node="a", life=LIVES["a"], renew_s=0.02, give_up_s=40.0, take_over_s=60.0, look_s=0.02,
        monotonic=lambda: now_s[0],
    )  # fmt: skip
    task = asyncio.create_task(lease.lead(run))
    await wait_until(lambda: len(log.keys) >= 3)
    now_s[0] = 100.0
    turns = len(log.keys)
    # It gives up and, since nobody took over, begins again: an end and a beginning, not one more renewal.
    await wait_until(lambda: len(log.keys) >= turns + 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    holders = [record.changes[0].value for record in log._records]
    assert any(value is not None and b'"life":""' in value for value in holders[turns : turns + 2])


@pytest.mark.parametrize("count", [2, 3])
async def test_work_that_ends_is_taken_again(count: int) -> None:
    """Where the work itself ends, whichever node is free does it again."""
    log, runs = _Log(), [0]

    async def run() -> None:
        runs[0] += 1

    leases = [
        Lease("push", log, node=name, life=LIVES[name], renew_s=0.02, give_up_s=1.0, take_over_s=60.0, look_s=0.01,
              monotonic=asyncio.get_running_loop().time)
        for name in list(LIVES)[:count]
    ]  # fmt: skip
    tasks = [asyncio.create_task(lease.lead(run)) for lease in leases]
    await wait_until(lambda: runs[0] >= 3)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
