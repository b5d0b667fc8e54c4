"""Back-pressure of one connection: reading pauses while what was read waits, writing while the peer takes nothing."""

from __future__ import annotations

import asyncio

from hub.edge.backlog import LOWER_MARK_BYTES, UPPER_MARK_BYTES, read_taken_bytes
from hub.edge.waiters import CompactEvent

__all__ = ["Flow"]


class Flow:
    """Pauses and resumes one transport in both directions.

    A peer that takes nothing of its response for `stall_timeout_s` is aborted, as long as `watches` is set.
    """

    __slots__ = (
        "_is_held",
        "_is_reading_paused",
        "_loop",
        "_stall_timeout_s",
        "_stall_timer",
        "_transport",
        "_writable",
        "is_writing_paused",
        "watches",
    )

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, stall_timeout_s: float
    ) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(UPPER_MARK_BYTES, LOWER_MARK_BYTES)
        self._loop = loop
        self._is_held = False
        self._is_reading_paused = False
        self.is_writing_paused = False
        self.watches = True
        self._stall_timeout_s = stall_timeout_s
        self._stall_timer: asyncio.TimerHandle | None = None
        self._writable = CompactEvent(is_set=True)

    def pause_reading(self) -> None:
        """Read nothing more until `resume_reading`."""
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on, unless what was read already is held."""
        if self._is_reading_paused and not self._is_held:
            self._is_reading_paused = False
            self._transport.resume_reading()

    def hold(self, is_held: bool) -> None:
        """Read nothing more, whatever asks for it, until this is called with False."""
        self._is_held = is_held
        if is_held:
            self.pause_reading()

    def pause_writing(self) -> None:
        """Note that much waits for the peer."""
        self.is_writing_paused = True
        self._writable.clear()
        if self.watches and self._stall_timer is None:
            self._watch(read_taken_bytes(self._transport))

    def resume_writing(self) -> None:
        """Note that the peer took most of it, or left."""
        self.is_writing_paused = False
        self._writable.set()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    async def drain(self) -> None:
        """Wait until the peer has taken most of what was written, or left; the caller brings the deadline."""
        await self._writable.wait()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the peer has taken most of what was written; False where it did not in time."""
        if not self.is_writing_paused:
            return True
        try:
            async with asyncio.timeout(timeout_s):
                await self._writable.wait()
        except TimeoutError:
            return False
        return True

    def _watch(self, taken_bytes: int) -> None:
        self._stall_timer = self._loop.call_later(self._stall_timeout_s, self._check_progress, taken_bytes)

    def _check_progress(self, taken_bytes: int) -> None:
        if (taken_now_bytes := read_taken_bytes(self._transport)) == taken_bytes:
            self._transport.abort()
        else:
            self._watch(taken_now_bytes)
