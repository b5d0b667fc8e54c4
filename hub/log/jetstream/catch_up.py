"""Catching up with the stream: pages of what the tap did not bring, and whether the stream can be reached at all."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from hub.cursor import Epoch
from hub.errors import StorageUnavailable
from hub.log.jetstream.filling import Filling
from hub.log.jetstream.order import Order
from hub.log.jetstream.repair import PageUnreadable, read_page
from hub.log.jetstream.stream import LEFT, NOT_FOUND, Stream, StreamError, read_stream
from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, NatsError
from hub.operator_log import OperatorLog

__all__ = ["CatchUp"]

logger = logging.getLogger(__name__)

#: How long a record that an acknowledgement told of may take over the tap, before it is read.
_GRACE_S = 0.05
#: So many missing records did not only come out of order.
_MANY = 100
_RETRY_S = 0.2
#: How often the leader is asked how far the stream reaches.
_WATCH_S = 2.0
_PROGRESS_S = 5.0
#: A leader that was just elected may not know yet how far the stream reaches, and one that was stopped may not know
#: that it leads no more. After so long it does.
_SHORTER_S = 15.0


class CatchUp:
    """Reads what `order` misses, and knows whether this node is cut off.

    `isolated_since_s` (monotonic): since when neither the servers nor the stream's leader answer.
    """

    def __init__(
        self,
        nats: Nats,
        names: Names,
        order: Order[bytes],
        filling: Filling,
        *,
        epoch: Epoch,
        progress_s: float = _PROGRESS_S,
    ) -> None:
        self._progress_s = progress_s
        self._nats = nats
        self._names = names
        self._order = order
        self._filling = filling
        self._epoch = epoch
        self._wakeup = asyncio.Event()
        self._asked = True
        self._shorter_since_s: float | None = None
        #: Which server answers as the leader, and since when it has answered each time.
        self._leader: tuple[str, float] | None = None
        self._asking = asyncio.Lock()
        self._asks = 0
        self._lines = OperatorLog(logger)
        self.isolated_since_s: float | None = None
        self.is_replaced = False
        #: NATS says that there is no such stream.
        self.is_missing = False
        #: As the leader described it last.
        self.stream: Stream | None = None
        #: The stream was closed for good, by this node.
        self.is_leaving = False
        filling.ask_again = self.ask

    def wake(self) -> None:
        """Look for what is missing, after a moment."""
        self._wakeup.set()

    def ask(self) -> None:
        """Ask the leader how far the stream reaches, and look for what is missing."""
        self._asked = True
        self._wakeup.set()

    def note_connection(self, is_connected: bool) -> None:
        """Take note that the connection to NATS is there, or is not."""
        if is_connected:
            self.ask()
        elif self.isolated_since_s is None:
            self.isolated_since_s = time.monotonic()

    async def wait_applied(self, position: int) -> None:
        """Return once the mirror has everything up to this position; says every few seconds how far it is."""
        begun, told_s = self._order.applied, time.monotonic()
        while self._filling.reached < position:
            self.wake()
            await self._filling.wait_moved()
            if time.monotonic() >= told_s + self._progress_s:
                told_s = time.monotonic()
                done = (self._filling.reached - begun) / max(1, position - begun)
                message = f"catching up with the stream: {done:.0%}, at position {self._filling.reached} of {position}"
                self._lines.write(logging.INFO, "catching_up", message)

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the stream ends before a position that this node has not reached.

        Raises:
            StorageUnavailable: that cannot be known now.
        """
        asks = self._asks
        if position > self._order.head and self.isolated_since_s is None:
            async with self._asking:
                # Many ask at once, and one reply is enough for all that came before it was asked for.
                if self._asks == asks:
                    self._asks += 1
                    await self._ask_leader()
        is_settled = self._leader is not None and time.monotonic() > self._leader[1] + _SHORTER_S
        if position <= self._order.head or not is_settled or self.is_replaced:
            raise StorageUnavailable("This node does not have all of the log yet", retry_after_s=1)
        return True

    async def run(self) -> None:
        """Read what is missing, as long as the hub runs."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            if self._asked:
                await self._ask_leader()
            missing = self._order.missing_after()
            if missing is not None and self._order.head - missing < _MANY:
                await asyncio.sleep(_GRACE_S)
            while not self.is_replaced and (after := self._order.missing_after()) is not None:
                await self._read(after)

    async def watch(self) -> None:
        """Ask the leader now and then, also where nothing else tells of a loss."""
        while True:
            await asyncio.sleep(_WATCH_S * (0.75 + random.random() / 2))  # noqa: S311  # spreads the nodes
            self.ask()

    async def _read(self, after: int) -> None:
        try:
            page = await read_page(self._nats, self._names, after=after)
        except (NatsError, PageUnreadable) as error:
            self._lines.write_limited(logging.WARNING, "repair_failed", f"{error}")
            await self._ask_leader()
            await asyncio.sleep(_RETRY_S)
            return
        if page.items:
            self._filling.add(self._order.receive_page(page.items, after=after))
            while not self._filling.has_room:
                await self._filling.wait_moved()
            return
        # The replica is behind, or retention has taken all that was missing: the leader knows.
        await self._ask_leader()
        if self._order.missing_after() == after:
            await asyncio.sleep(_RETRY_S)

    async def _ask_leader(self) -> None:
        # Before the request: what the mirror gets meanwhile may be newer than the reply.
        reached = self._filling.reached
        try:
            stream = await read_stream(self._nats, self._names)
        except (NatsError, StreamError) as error:
            if self.isolated_since_s is None:
                self.isolated_since_s = time.monotonic()
            self._leader = None
            self._note_missing(isinstance(error, StreamError) and error.code == NOT_FOUND)
            return
        self._asked = self.is_missing = False
        if self._leader is None or self._leader[0] != stream.cluster.leader:
            self._leader = (stream.cluster.leader, time.monotonic())
        left = LEFT in stream.config.metadata and not self.is_leaving
        if left or stream.epoch != self._epoch or self._is_shorter(stream.state.last, reached):
            if not self.is_replaced:
                self.is_replaced = True
                message = (
                    "the stream is not the one that this node began with: nothing is accepted until it is restarted"
                )
                self._lines.write(logging.ERROR, "stream_replaced", message)
            return
        if stream.state.last < reached:
            return
        self.isolated_since_s = None
        self.stream = stream
        self._order.learn_head(stream.state.last)
        if stream.state.first > self._order.applied + 1:
            self._filling.skip_to(stream.state.first, self._order.learn_first(stream.state.first))

    def _note_missing(self, is_missing: bool) -> None:
        if is_missing and not self.is_missing:
            message = (
                f"NATS has no stream {self._names.stream} any more. Every node's mirror has all that it knew: stop the"
                " hubs, and run `hub cluster init` in the data folder of the one that is furthest"
            )
            self._lines.write(logging.ERROR, "stream_missing", message)
        self.is_missing = is_missing

    def _is_shorter(self, last: int, reached: int) -> bool:
        """Whether the stream has lost what this node has got of it; a leader that was just elected may not know yet."""
        if last >= reached:
            self._shorter_since_s = None
        elif self._shorter_since_s is None:
            self._shorter_since_s = time.monotonic()
        since_s = self._shorter_since_s
        return since_s is not None and time.monotonic() > since_s + _SHORTER_S
