"""Work that one node does at a time: the log is the coordination.

The node that leads says so in a record under a key that nobody else can take, again and again. A node that has not
seen such a record for `take_over_s`, by its own monotonic clock, takes the next term; of several that try, the log
takes one. No two nodes' clocks are compared. A node that cannot write for `give_up_s`, which is shorter, stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable

import msgspec

from hub.errors import HubError
from hub.log.port import Appended, Change, Draft, Kind, Log
from hub.target import CONTROL

__all__ = ["Lease"]

_OWNER = "lease"
_PAYLOAD = b'{"type":"lease"}'


class _Held(msgspec.Struct, frozen=True):
    """Who leads, since turn number `turn`; nobody where `life` is empty. Every writing of it is a turn."""

    node: str
    life: str
    turn: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Held).decode


class Lease:
    """The right to do `work`, for one run of a node."""

    def __init__(
        self,
        work: str,
        log: Log,
        *,
        node: str,
        life: str,
        renew_s: float,
        give_up_s: float,
        take_over_s: float,
        look_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._work = work
        self._log = log
        self._node = node
        self._life = life
        self._renew_s = renew_s
        self._give_up_s = give_up_s
        self._take_over_s = take_over_s
        self._look_s = look_s
        self._monotonic = monotonic
        self._seen: _Held | None = None
        self._seen_s = monotonic()

    async def lead(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run this whenever the lease is ours, until cancelled."""
        while True:
            held = await self._take()
            if held is None:
                await asyncio.sleep(self._look_s)
                continue
            task = asyncio.ensure_future(run())
            try:
                held = await self._keep(held, task)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                with contextlib.suppress(HubError, TimeoutError):
                    async with asyncio.timeout(self._look_s):
                        await self._write(_Held("", "", held.turn + 1))

    async def _take(self) -> _Held | None:
        """Return the lease where it has become ours."""
        try:
            entry = await self._log.read_state(_OWNER, self._work)
            held = None if entry is None else _decode(entry.value)
        except HubError:
            return None
        if held != self._seen:
            self._seen, self._seen_s = held, self._monotonic()
        is_free = held is None or not held.life or self._monotonic() - self._seen_s >= self._take_over_s
        if not is_free:
            return None
        mine = _Held(self._node, self._life, 1 if held is None else held.turn + 1)
        with contextlib.suppress(HubError):
            if await self._write(mine):
                return mine
        return None

    async def _keep(self, held: _Held, task: asyncio.Future[None]) -> _Held:
        """Renew the lease until the work ends, or another node may have it; return it as it was last."""
        renewed_s = self._monotonic()
        while True:
            done, _ = await asyncio.wait((task,), timeout=self._renew_s)
            if done:
                return held
            if self._monotonic() - renewed_s >= self._give_up_s:
                # The log took nothing for so long, or this process stood still: another node may lead by now.
                return held
            following = msgspec.structs.replace(held, turn=held.turn + 1)
            with contextlib.suppress(HubError, TimeoutError):
                async with asyncio.timeout(self._renew_s):
                    if not await self._write(following):
                        return following
                held, renewed_s = following, self._monotonic()

    async def _write(self, held: _Held) -> bool:
        """Write down who leads; False where another node has had this turn."""
        digest = hashlib.sha256(f"lease\x00{self._work}\x00{held.turn}".encode()).digest()
        draft = Draft(
            # Of a repeat whose first try was stored without a word, the id says that it was ours.
            id=f"lease-{self._life}-{held.turn}",
            targets=(CONTROL,),
            payload=_PAYLOAD,
            idempotency=digest,
            kind=Kind.STATE,
            changes=(Change(_OWNER, self._work, _encode(held)),),
        )
        (result,) = await self._log.append([draft])
        return isinstance(result, Appended) and result.id == draft.id
