"""Filling the mirror: what is in order goes into it, in batches, while the next ones gather.

An erasure is done where its record stands: what came before it is in the mirror then, and what comes after is not. So
every node erases the same, and a node that was killed meanwhile begins it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from hub.errors import HubError
from hub.log.jetstream.order import Order
from hub.log.jetstream.record import Erase, UnknownRecord, place
from hub.log.port import Erased, Placed
from hub.log.sqlite.mirror import SqliteMirror
from hub.operator_log import OperatorLog

__all__ = ["Filling"]

logger = logging.getLogger(__name__)

_BATCH_RECORDS = 1_000
_BATCH_BYTES = 4 * 2**20
#: Outcomes of erasures that are remembered.
_ERASURES = 100
#: How long after a failed write of the mirror the next one is tried.
_RETRY_S = 0.5


class Filling:
    """Takes what `order` has put in order, and tells `take_head` how far the mirror reaches.

    `take_received` knows when the publish of a draft of this node came; the stream does not.
    """

    def __init__(
        self,
        mirror: SqliteMirror,
        order: Order[bytes],
        *,
        node: str,
        take_head: Callable[[int], None],
        take_received: Callable[[str], float | None],
        max_bytes: int,
    ) -> None:
        self._mirror = mirror
        self._order = order
        self._node = node
        self._take_head = take_head
        self._take_received = take_received
        self._max_bytes = max_bytes
        #: Without content: the stream has nothing below this position.
        self._ready: deque[tuple[int, bytes | None]] = deque()
        self._ready_bytes = 0
        self._wakeup = asyncio.Event()
        self._moved = asyncio.Event()
        self._erased: dict[int, asyncio.Future[Erased]] = {}
        self._lines = OperatorLog(logger)
        #: Why the mirror does not take what comes; None while it does.
        self.failure: Exception | None = None
        #: Told of each erasure that this node has done, whichever node was asked for it.
        self.on_erased: Callable[[Erase, Erased], None] = lambda erase, erased: None
        #: Called when something has to be read from the stream again.
        self.ask_again: Callable[[], None] = lambda: None

    @property
    def reached(self) -> int:
        """Up to here the mirror has everything that the stream still has."""
        return self._mirror.head

    @property
    def has_room(self) -> bool:
        """Whether more may be added now."""
        return self._ready_bytes < self._max_bytes

    def add(self, items: Sequence[tuple[int, bytes]]) -> None:
        """Take records, in order."""
        if not items:
            return
        self._ready.extend(items)
        self._ready_bytes += sum(len(content) for _, content in items)
        self._wakeup.set()

    def skip_to(self, position: int, items: Sequence[tuple[int, bytes]]) -> None:
        """Take note that the stream has nothing below this position any more; `items` follow it."""
        self._ready.append((position, None))
        self._wakeup.set()
        self.add(items)

    def wait_erased(self, position: int) -> asyncio.Future[Erased]:
        """Return what the erasure at this position will have come to."""
        if position not in self._erased:
            self._erased[position] = asyncio.get_running_loop().create_future()
        return self._erased[position]

    async def wait_moved(self) -> None:
        """Return once the mirror has taken more, or failed to."""
        self._moved.clear()
        await self._moved.wait()

    async def run(self) -> None:
        """Fill the mirror, as long as the hub runs."""
        while True:
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._ready:
                await self._fill()

    async def _fill(self) -> None:
        try:
            batch, erase = self._take_batch()
            if erase is not None:
                position = batch[-1].position
                await self._apply(batch[:-1])
                await self._erase(erase, position)
                batch = batch[-1:]
            await self._apply(batch)
        except (HubError, UnknownRecord) as error:
            await self._recover(error)

    async def _apply(self, batch: Sequence[Placed]) -> None:
        if batch:
            await self._mirror.apply(batch)
            self.failure = None
            self._take_head(self._mirror.head)
            self._moved.set()

    def _take_batch(self) -> tuple[list[Placed], Erase | None]:
        batch: list[Placed] = []
        size_bytes = 0
        while self._ready and len(batch) < _BATCH_RECORDS and size_bytes < _BATCH_BYTES:
            position, content = self._ready.popleft()
            if content is None:
                batch.append(Placed(position, 0, None))
                continue
            self._ready_bytes -= len(content)
            size_bytes += len(content)
            placed, erase = place(position, content, self._node)
            batch.append(self._recall(placed) if placed.origin is None else placed)
            if erase is not None:
                return batch, erase
        return batch, None

    def _recall(self, placed: Placed) -> Placed:
        """Return a record with the moment at which its publish came to this node, if it did."""
        draft = placed.draft
        received_s = None if draft is None else self._take_received(draft.id)
        if draft is None or received_s is None:
            return placed
        return msgspec.structs.replace(placed, draft=msgspec.structs.replace(draft, received_s=received_s))

    async def _erase(self, erase: Erase, position: int) -> None:
        erased = await self._mirror.erase(erase.user_id, erase.account_id, upto=position)
        self.on_erased(erase, erased)
        # It may be asked for in a moment, or never: it was published by another node.
        while len(self._erased) > _ERASURES:
            self._erased.pop(min(self._erased))
        waiting = self.wait_erased(position)
        if not waiting.done():
            waiting.set_result(erased)

    async def _recover(self, error: Exception) -> None:
        """Begin again where the mirror is: what it did not take is read from the stream once more."""
        self.failure = error
        message = f"the mirror does not take what the stream has: {error}"
        self._lines.write_limited(logging.ERROR, "mirror_failed", message)
        self._ready.clear()
        self._ready_bytes = 0
        head = self._order.head
        self._order.reset(self._mirror.head)
        self._order.learn_head(head)
        self._moved.set()
        await asyncio.sleep(_RETRY_S)
        self.ask_again()
