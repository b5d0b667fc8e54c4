"""Rounds: what has to outlive the stream's retention is appended anew, by one node, before the stream drops it.

The log is the coordination. A round begins with a record under a message id that follows from the newest position that
a round is known by, so of several nodes that begin one at the same time the stream takes one; and where it takes
two, the later voids the other. What a leader that was killed has left undone, another one begins again. Which state
follows is decided where it is applied (`hub.log.sqlite.renewal`).
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from hub.errors import HubError
from hub.log.jetstream.record import encode_renewal
from hub.log.jetstream.stream import Stream
from hub.log.port import Draft, Renewal
from hub.log.sqlite.mirror import SqliteMirror
from hub.log.sqlite.renewal import Progress, StateDamaged
from hub.operator_log import OperatorLog

__all__ = ["Renewer", "Timing", "is_due"]

logger = logging.getLogger(__name__)

_NANOSECONDS = 10**9


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How often a node looks whether a round is due, and how long it waits for the next step of another node's.

    A node that lacks state waits for it at its start (`whole_s`); and leads a round with what it has only after
    `orphan_s` in which nobody did who has more. `rest` times as long as it worked, a leader rests between two steps, so
    that publishes go on.
    """

    look_s: float = 2.0
    patience_s: float = 60.0
    whole_s: float = 20.0
    orphan_s: float = 600.0
    rest: float = 2.0


class Renewer:
    """Leads rounds where they are due; `run` has to run meanwhile.

    `publish` returns the position of a record once the mirror has it. `find_stream` says what the stream's leader said
    last.
    """

    def __init__(
        self,
        mirror: SqliteMirror,
        *,
        publish: Callable[[bytes, str], Awaitable[int]],
        node: str,
        find_stream: Callable[[], Stream | None],
        wall_s: Callable[[], float],
        timing: Timing,
    ) -> None:
        self._mirror = mirror
        self._publish = publish
        self._node = node
        self._find_stream = find_stream
        self._wall_s = wall_s
        self._timing = timing
        self._loop = asyncio.get_running_loop()
        #: Under which name it leads.
        self.life = f"{node} {secrets.token_hex(8)}"
        #: The newest step of another node's round, and since when it is known here.
        self._seen = (0, self._loop.time())
        #: Since when a round was due that nobody led.
        self._due_since_s: float | None = None
        self._lines = OperatorLog(logger)

    async def run(self) -> None:
        """Look whether a round is due, as long as the hub runs."""
        while True:
            # Spread, so that mostly one node finds it due first.
            await asyncio.sleep(self._timing.look_s * (0.5 + random.random()))  # noqa: S311
            await self.look()

    async def look(self) -> None:
        """Lead a round if one is due, and no other node does."""
        try:
            await self._look()
        except StateDamaged:
            message = "the state index is damaged here: another node has to renew what the stream is about to drop"
            self._lines.write_limited(logging.ERROR, "renewal_damaged", message)
        except HubError as error:
            # It is looked at again in a moment; the round that was begun is void, or goes on.
            self._lines.write_limited(logging.WARNING, "renewal_failed", f"state was not renewed: {error}")

    async def wait_whole(self) -> None:
        """Return once the mirror has the state from before its beginning; for a while, and then without it."""
        ends_s = self._loop.time() + self._timing.whole_s
        told = False
        while (await self._mirror.read_progress()).is_partial:
            if not told:
                told = True
                message = (
                    "waiting for the state that the stream dropped before this mirror was made: other nodes have it"
                )
                self._lines.write(logging.INFO, "state_awaited", message)
            if self._loop.time() >= ends_s:
                message = (
                    "the stream has dropped records, and no other node has renewed the state from before them:"
                    " preferences, push subscriptions and revocations may be missing until a node with an older mirror"
                    " is started"
                )
                self._lines.write(logging.ERROR, "state_missing", message)
                return
            await asyncio.sleep(self._timing.look_s / 10)

    async def _look(self) -> None:
        stream = self._find_stream()
        if stream is None:
            return
        progress = await self._mirror.read_progress()
        if not is_due(stream, progress, head=self._mirror.head):
            self._due_since_s = None
            return
        now_s = self._loop.time()
        self._due_since_s = self._due_since_s or now_s
        if progress.round > progress.complete and progress.leader.partition(" ")[0] not in ("", self._node):
            if self._seen[0] != progress.step:
                self._seen = progress.step, now_s
            if now_s - self._seen[1] < self._timing.patience_s:
                return
        if progress.is_partial and not (
            # A node that has more, and was away already when this one found out, lacks it by now as well.
            stream.state.first > progress.partial_upto + 1 and now_s - self._due_since_s >= self._timing.orphan_s
        ):
            return
        # By the clock of the stream's leader, so that no node's clock has a round begin.
        await self._lead(progress, round((stream.at.timestamp() if stream.at else self._wall_s()) * 1000))

    async def _lead(self, before: Progress, began_ms: int) -> None:
        message_id = f"renewal.{max(before.round, before.complete)}"
        if before.is_partial:
            # It may not know of the newest round, whose beginning had that id.
            message_id = f"{message_id}.{secrets.token_hex(8)}"
        position = await self._append(Renewal("begin", leader=self.life), message_id, created_ms=began_ms)
        if await self._has_lost(position):
            return
        if not before.is_partial and (await self._mirror.read_progress()).is_partial:
            # The stream has dropped something on the way to here. Another node goes on at once.
            await self._append(Renewal("stop"), f"renewal.{position}.stop")
            return
        # A round that has become void, as each erasure makes it, is begun again; what it would append is for nothing.
        after, rows = (-1, -1), 0
        while not await self._has_lost(position):
            begun_s = self._loop.time()
            page = await self._mirror.read_renewable(after, position)
            if page.last is None:
                break
            step = Renewal("rows", position, rows=page.rows)
            await self._append(step, f"renewal.{position}.{page.last[0]}.{page.last[1]}")
            after, rows = page.last, rows + len(page.rows)
            await self._rest(begun_s)
        at, controls = 0, 0
        now_ms = round(self._wall_s() * 1000)
        while not await self._has_lost(position):
            begun_s = self._loop.time()
            placed = await self._mirror.read_renewable_control(at, position, now_ms)
            if placed is None:
                break
            at, controls = placed.position, controls + 1
            step = Renewal("control", position, position=at)
            await self._append(step, f"renewal.{position}.{at}", placed.draft, placed.created_ms)
            await self._rest(begun_s)
        if await self._has_lost(position):
            return
        await self._append(Renewal("end", position), f"renewal.{position}.end")
        message = f"renewed {rows} rows of state and {controls} control records before the stream drops them"
        self._lines.write(logging.INFO, "state_renewed", message, rows=rows, controls=controls)

    async def _append(
        self, step: Renewal, message_id: str, control: Draft | None = None, created_ms: int | None = None
    ) -> int:
        made_ms = round(self._wall_s() * 1000) if created_ms is None else created_ms
        return await self._publish(encode_renewal(step, control, made_ms, self._node), message_id)

    async def _has_lost(self, position: int) -> bool:
        """Whether the round is another node's by now, or void."""
        progress = await self._mirror.read_progress()
        return (progress.round, progress.leader) != (position, self.life)

    async def _rest(self, begun_s: float) -> None:
        await asyncio.sleep(self._timing.rest * (self._loop.time() - begun_s))


def is_due(stream: Stream, progress: Progress, *, head: int) -> bool:
    """Whether what the newest complete round has appended, or the stream's beginning, is in its older half by now.

    `head`: the newest position that this node knows of; the leader's word is some seconds old.
    """
    state, config = stream.state, stream.config
    base = progress.complete or stream.start
    if state.first > base:
        return True
    # What a round appends does not make the next one due.
    taken = max(0, progress.end - progress.complete)
    since = max(state.last, head) - base + 1 - taken
    if config.max_msgs > 0 and 2 * since > config.max_msgs - taken:
        return True
    if config.max_bytes > 0 and state.messages:
        room = config.max_bytes * state.messages // max(1, state.bytes)
        if 2 * since > room - taken:
            return True
    if config.max_age <= 0 or not state.messages or stream.at is None or state.first_at is None:
        return False
    begun_s = progress.complete_ms / 1000 if progress.complete else state.first_at.timestamp()
    return 2 * (stream.at.timestamp() - begun_s) > config.max_age / _NANOSECONDS
