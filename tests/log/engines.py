"""The engines the contract suite runs over; a second engine is one more line in `ENGINES`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from hub.cursor import new_epoch
from hub.log.jetstream.append import Limits
from hub.log.jetstream.founding import Founding, create_stream
from hub.log.jetstream.log import open_jetstream_log
from hub.log.jetstream.stream import StreamError, read_stream
from hub.log.jetstream.subject import Names
from hub.log.port import Appended, Draft, Log, Record
from hub.log.sqlite.log import open_sqlite_log
from hub.log.sqlite.retention import Retention
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from hub.target import EVERYONE, Target
from tests.nats_servers import shared_server

__all__ = ["DEADLINE_S", "ENGINES", "Clock", "Follower", "draft", "drain", "stored", "wait_for_a_look", "wait_until"]

DEADLINE_S = 10.0


class Clock:
    """A wall clock that stands still until it is told to jump, and a monotonic one beside it."""

    def __init__(self, now_s: float = 1_800_000_000.0) -> None:
        self.now_s = now_s
        self.monotonic_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def monotonic(self) -> float:
        """Return the time of the monotonic clock."""
        return self.monotonic_s

    def pass_by(self, seconds: float) -> None:
        """Let time go by, which both clocks show."""
        self.now_s += seconds
        self.monotonic_s += seconds


async def _open_sqlite(path: Path, clock: Clock, max_pending: int = 1_000) -> Log:
    return await open_sqlite_log(
        path / "hub.db",
        now=clock,
        retention_s=30 * 86_400,
        retention_records=1_000_000,
        idempotency_s=86_400,
        max_pending=max_pending,
        monotonic=clock.monotonic,
    )


async def _open_jetstream(path: Path, clock: Clock, max_pending: int = 1_000) -> Log:
    servers, _ = read_servers(shared_server().url)
    nats = await open_nats(servers, name="test", timeout_s=20)
    names = Names(hashlib.sha256(str(path).encode()).hexdigest()[:16])
    try:
        await read_stream(nats, names)
    except StreamError:
        founding = Founding(replicas=1, max_age_s=30 * 86_400, max_records=1_000_000)
        await create_stream(nats, names, founding, epoch=new_epoch())
    return await open_jetstream_log(
        nats,
        stream=names.stream,
        node="test",
        path=path / "hub.db",
        limits=Limits(max_pending=max_pending, deadline_s=15),
        retention=Retention(
            retention_s=30 * 86_400, retention_records=1_000_000, idempotency_s=86_400, monotonic=clock.monotonic
        ),
        now=clock,
        owns_nats=True,
    )


#: Opens the log that lives in a folder, with the product's usual retention.
ENGINES: dict[str, Callable[[Path, Clock, int], Awaitable[Log]]] = {
    "jetstream": _open_jetstream,
    "sqlite": _open_sqlite,
}


def draft(
    identifier: str,
    *targets: Target,
    key: bytes | None = None,
    body: bytes = b"",
    expires_at_s: float | None = None,
    payload: bytes | None = None,
) -> Draft:
    """Return a draft whose payload names it, for everyone unless targets are given."""
    return Draft(
        id=identifier,
        targets=targets or (EVERYONE,),
        payload=b'{"id":"%s"}' % identifier.encode() if payload is None else payload,
        idempotency=key,
        body_digest=body,
        expires_at_s=expires_at_s,
    )


def stored(result: object) -> Appended:
    """Return the result as what it must be: a draft that is on disk."""
    assert isinstance(result, Appended), result
    return result


async def drain(log: Log, *targets: Target, after: int = 0, page: int = 1_000, page_bytes: int = 2**30) -> list[Record]:
    """Return all that a subscriber of `targets` (everyone unless given) would be replayed."""
    records: list[Record] = []
    upto = log.head
    while after < upto:
        found = await log.read(targets or (EVERYONE,), after=after, upto=upto, limit=page, limit_bytes=page_bytes)
        assert after < found.upto <= upto
        records += found.records
        after = found.upto
    return records


async def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once `condition` holds, looking every few milliseconds."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"not within {DEADLINE_S} s: {what}") from None


async def wait_for_a_look(log: Log) -> None:
    """Return once the log has looked for what is over: it does so every second, between two appends."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + 1.2
    while loop.time() < until_s:
        await log.append([draft("a moment")])
        await asyncio.sleep(0.05)


class Follower:
    """Collects what a log's tail yields."""

    def __init__(self, tail: AsyncIterator[list[Record]]) -> None:
        self.records: list[Record] = []
        self._tail = tail
        self._task = asyncio.get_running_loop().create_task(self._follow())

    @property
    def positions(self) -> list[int]:
        return [record.position for record in self.records]

    async def wait_for(self, count: int) -> None:
        """Return once `count` records were yielded."""
        await wait_until(lambda: len(self.records) >= count, f"{count} records from the tail")

    async def wait_end(self) -> None:
        """Return once the tail has ended."""
        async with asyncio.timeout(DEADLINE_S):
            await self._task

    async def _follow(self) -> None:
        async for records in self._tail:
            assert records, "a batch holds at least one record"
            self.records += records
