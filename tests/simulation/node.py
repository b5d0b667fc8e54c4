"""A hub node of the simulation: its connection, its log with a mirror in a real file; how it dies and comes back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random

from hub.errors import HubError, IdempotencyConflict
from hub.log.jetstream.append import Limits
from hub.log.jetstream.log import JetStreamLog, open_jetstream_log
from hub.log.jetstream.subject import Names
from hub.log.port import Appended, Draft, Record
from hub.log.sqlite.retention import Retention
from hub.target import Target
from tests.simulation.connection import Bus, Connection
from tests.simulation.servers import BEGIN_S
from tests.simulation.threads import Threads

__all__ = ["NAMES", "Node", "NodeDied"]

NAMES = Names("HUB")
_PAGE = 100


class NodeDied(Exception):
    """The node died before it responded."""


class Node:
    """One node; it is up some time after `start`, until `kill`."""

    def __init__(self, name: str, bus: Bus, folder: Path, threads: Threads, random: Random) -> None:
        self.name = name
        self.skew_s = 0.0
        self.log: JetStreamLog | None = None
        self._bus = bus
        self._folder = folder
        self._threads = threads
        self._random = random
        self._connection: Connection | None = None
        self._asked: dict[asyncio.Task[list[Appended | IdempotencyConflict]], None] = {}
        self._running: asyncio.Task[None] | None = None
        self._life = 0
        #: Whether the file that it left lacks state, and where that ends; None where there is no file.
        self._last: tuple[bool, int] | None = None

    async def append(self, drafts: list[Draft]) -> list[Appended | IdempotencyConflict]:
        """Publish here.

        Raises:
            NodeDied: it died meanwhile; what it had sent may be stored.
            HubError: as its log says.
        """
        if self.log is None:
            raise NodeDied
        asked = asyncio.ensure_future(self.log.append(drafts))
        self._asked[asked] = None
        try:
            return await asked
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if asked not in self._asked and current is not None and not current.cancelling():
                raise NodeDied from None
            raise
        finally:
            self._asked.pop(asked, None)

    async def read(self, targets: list[Target]) -> list[Record]:
        """Return everything in its mirror for some targets."""
        assert self.log is not None
        records: list[Record] = []
        after, upto = 0, self.log.head
        while after < upto:
            reading = await self.log.read(targets, after=after, upto=upto, limit=_PAGE, limit_bytes=2**20)
            records += reading.records
            after = reading.upto
        return records

    async def start(self) -> None:
        """Come up with what is on the disk; try again until that works, or somebody kills it."""
        if self._running is not None:
            return
        self._bus.network.revive(self.name)
        self._life += 1
        life = self._life
        connection = self._connection = self._bus.connect(self.name)
        self._running = asyncio.ensure_future(self._open(connection))
        try:
            await asyncio.wait([self._running])
            if life == self._life and not self._running.cancelled():
                self._running.result()
        finally:
            if life == self._life and self.log is None:
                self._running = None

    def kill(self, *, loses_power: bool = False) -> None:
        """Die; without power, what the disk had not synced is gone: the file may be anything, or there is none."""
        if self._connection is None:
            return
        self._life += 1
        self.knows(0)
        self._bus.network.kill(self.name)
        asked = list(self._asked)
        self._asked.clear()
        for each in asked:
            each.cancel()
        self._connection.end()
        self._connection = self.log = None
        if self._running is not None:
            self._running.cancel()
            self._running = None
        self._threads.kill(self.name)
        if loses_power:
            self._lose_power()

    def fill_disk(self, is_full: bool) -> None:
        """Take all room from the disk, or give it back."""
        (self._threads.full_disks.add if is_full else self._threads.full_disks.discard)(self._folder)

    def knows(self, first: int) -> bool:
        """Whether it has all state, in memory or on its disk, of a stream whose first position is this."""
        stores = self._threads.stores.get(self.name)
        if stores:
            self._last = (stores[-1].is_partial, stores[-1].head)
        is_partial, head = self._last or (False, 0)
        return not is_partial and head >= first - 1

    @property
    def is_partial(self) -> bool:
        """Whether it is up and lacks state."""
        stores = self._threads.stores.get(self.name)
        return stores is not None and bool(stores) and stores[-1].is_partial

    def cut(self) -> None:
        """Break the connection."""
        if self._connection is not None:
            self._connection.cut()

    def look(self) -> None:
        """Let the connection notice a server that does not answer."""
        if self._connection is not None:
            self._connection.look()

    def lose_server(self, name: str) -> None:
        """Notice that a server is gone."""
        if self._connection is not None and self._connection.server == name:
            self._connection.cut()

    def _wall_s(self) -> float:
        return BEGIN_S + self._bus.network.loop.time() + self.skew_s

    async def _open(self, connection: Connection) -> None:
        self._threads.group.set(self.name)
        loop = self._bus.network.loop
        while True:
            try:
                log = await open_jetstream_log(
                    connection,
                    stream=NAMES.stream,
                    node=self.name,
                    path=self._folder / "hub.db",
                    limits=Limits(max_pending=100, deadline_s=15.0),
                    retention=Retention(
                        retention_s=86_400, retention_records=10_000, idempotency_s=86_400, monotonic=loop.time
                    ),
                    now=self._wall_s,
                )
                break
            except HubError:
                await asyncio.sleep(1.0)
        if connection is self._connection:
            self.log = log

    def _lose_power(self) -> None:
        if self._random.random() < 0.5:
            self.lose_files()
        elif (note := self._folder / "hub.db.mirror").exists():
            note.write_text("another life of the machine")
            self._last = None

    def lose_files(self) -> None:
        """Lose the disk."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._last = None
