"""Clients that follow the log through its nodes: each hops between them with its cursor and remembers what it got."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from hub.cursor import Epoch
from hub.errors import HubError
from hub.log.port import Reading
from hub.target import Target
from tests.simulation.truth import Segment, require

__all__ = ["Client", "Followed"]

_ID = re.compile(rb"id\d{7}")
#: How long a node waits for what a cursor knows of and it does not.
AHEAD_S = 2.0
PAGE = 7


class Followed(Protocol):
    """What a client sees of a node's log."""

    @property
    def epoch(self) -> Epoch:
        """The log's life."""

    @property
    def head(self) -> int:
        """The newest position."""

    @property
    def first(self) -> int:
        """The lowest position that is kept."""

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the log ends before this position."""

    async def read(self, targets: Sequence[Target], *, after: int, upto: int, limit: int, limit_bytes: int) -> Reading:
        """Return what there is for some targets."""


class Client:
    """One client. `choose` gives it a log of a node that is up, or None."""

    def __init__(
        self, name: str, targets: tuple[Target, ...], choose: Callable[[], Followed | None], random: Random
    ) -> None:
        self.name = name
        self.targets = targets
        self.segments: list[Segment] = []
        #: Gaps that were announced: where each left off, and where it went on.
        self.gaps: list[tuple[int, int]] = []
        self.hurries = False
        self._choose = choose
        self._random = random
        self._epoch: Epoch | None = None
        self._log: Followed | None = None

    @property
    def position(self) -> int:
        """The position of its cursor."""
        return self.segments[-1].end if self.segments else 0

    async def run(self) -> None:
        """Read for ever, and leave the node now and then."""
        while True:
            if self._log is None or self._random.random() < 0.05:
                self.leave()
                self._log = self._choose()
            if self._log is not None:
                await self._read(self._log)
            await asyncio.sleep(0.1 if self.hurries else self._random.uniform(0.05, 1.5))

    def leave(self, log: Followed | None = None) -> None:
        """Lose the connection: to any node, or to this one."""
        if log is None or log is self._log:
            self._log = None

    async def _read(self, log: Followed) -> None:
        loop = asyncio.get_running_loop()
        if self._epoch != log.epoch or not self.segments:
            self._gap(log, log.head, is_told=self._epoch is not None)
        if self.position > log.head:
            ends_s = loop.time() + AHEAD_S
            while self.position > log.head and loop.time() < ends_s:
                await asyncio.sleep(0.1)
            if self._log is not log:
                return
            try:
                is_beyond = await log.is_beyond_end(self.position)
            except HubError:
                self.leave(log)
                return
            # The stream keeps all that it gave out, and some node had this.
            require(not is_beyond, f"{self.name} was told of a gap behind {self.position}, where there is none")
        after, upto = self.position, log.head
        try:
            reading = await log.read(self.targets, after=after, upto=upto, limit=PAGE, limit_bytes=2**20)
        except HubError:
            return
        if self._log is not log or log.epoch != self._epoch:
            return
        if log.first > after + 1:
            self._gap(log, log.first - 1, is_told=True)
            return
        if any(record.is_damaged for record in reading.records):
            self._gap(log, reading.upto, is_told=True)
            return
        segment = self.segments[-1]
        for record in reading.records:
            found = _ID.search(record.payload)
            segment.got.append((record.position, found.group().decode() if found else "nothing"))
        require(reading.upto > after or upto == after, f"{self.name} does not get on")
        segment.end = max(segment.end, reading.upto)

    def _gap(self, log: Followed, position: int, *, is_told: bool) -> None:
        if is_told:
            self.gaps.append((self.position, position))
        self._epoch = log.epoch
        self.segments.append(Segment(self.name, self.targets, position, position, []))
