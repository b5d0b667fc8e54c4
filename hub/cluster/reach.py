"""Receipts over several nodes: how many connections of the others a notification met."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from contracts.receipt import NodesAnswered
from hub.cluster.members import Members
from hub.cluster.message import CountsMessage
from hub.cluster.port import Reached, Result
from hub.cluster.tally import Awaiting, Tally
from hub.log.port import Appended

__all__ = ["NodesReach"]


class NodesReach:
    """Lets a publish wait until the other nodes told of it, at most `wait_s`."""

    def __init__(self, members: Members, *, wait_s: float, limit: int, monotonic: Callable[[], float]) -> None:
        """Remember what was told of up to `limit` positions."""
        self._members = members
        self._wait_s = wait_s
        self._monotonic = monotonic
        self._tally = Tally(limit=limit)
        self._ends: dict[Awaiting, Callable[[], None]] = {}

    def note(self, message: CountsMessage) -> None:
        """Note what a node told."""
        for position, count in message.counts:
            awaiting = self._tally.note(message.node, position, count)
            if awaiting is not None:
                self._ends[awaiting]()

    def follow(self, stored: asyncio.Future[list[Result]]) -> asyncio.Future[list[Result]]:
        """Return what ends as `stored` does: then, or once the other nodes told of it, or their time is over."""
        followed: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        stored.add_done_callback(partial(self._begin, followed))
        return followed

    def take(self, appended: Appended) -> Reached:
        """Return what the other nodes told of a notification, once; this node counts as one that answered."""
        known = [member.name for member in self._members.list_alive(self._monotonic())]
        if appended.duplicate:
            # It was told of when it was stored, to the node that stored it.
            return Reached(0, NodesAnswered(answered=1, known=1 + len(known)))
        told = self._tally.take(appended.position)
        silent = [name for name in known if name not in told]
        nodes = NodesAnswered(answered=1 + len(known) - len(silent), known=1 + len(known))
        if silent:
            nodes.silent = silent
        return Reached(sum(told.values()), nodes)

    def _begin(self, followed: asyncio.Future[list[Result]], stored: asyncio.Future[list[Result]]) -> None:
        if stored.cancelled():
            followed.cancel()
            return
        error = stored.exception()
        if followed.done():
            return
        if error is not None:
            followed.set_exception(error)
            return
        results = stored.result()
        positions = [each.position for each in results if isinstance(each, Appended) and not each.duplicate]
        awaiting = self._tally.expect(positions, self._members.list_answering(self._monotonic()))
        if awaiting is None:
            followed.set_result(results)
            return
        end = partial(self._end, awaiting, followed, results)
        timer = asyncio.get_running_loop().call_later(self._wait_s, end)
        self._ends[awaiting] = end
        followed.add_done_callback(lambda _: self._forget(awaiting, timer))

    def _end(self, awaiting: Awaiting, followed: asyncio.Future[list[Result]], results: list[Result]) -> None:
        if not followed.done():
            followed.set_result(results)

    def _forget(self, awaiting: Awaiting, timer: asyncio.TimerHandle) -> None:
        timer.cancel()
        self._tally.forget(awaiting)
        self._ends.pop(awaiting, None)
