"""The deadlines of one HTTP connection: for the next head, and while it is idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hub.bounds import Bounds

__all__ = ["ConnectionClock"]


class ConnectionClock:
    """Runs one deadline at a time; without any, something else ends the connection."""

    __slots__ = ("_bounds", "_is_idle", "_loop", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, bounds: Bounds) -> None:
        self._bounds = bounds
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._is_idle = False

    @property
    def is_running(self) -> bool:
        """Whether there is a deadline."""
        return self._timer is not None

    def wait_head(self, on_late: Callable[[], None]) -> None:
        """Call `on_late` where the head of a request has not arrived whole in time."""
        self._start(self._bounds.head_timeout_s, on_late)

    def wait_body(self, on_late: Callable[[], None]) -> None:
        """Call `on_late` where the body of a request does not follow its head at once."""
        self._start(self._bounds.body_patience_s, on_late)

    def wait_request(self, keep_alive_s: float, on_late: Callable[[], None], *, is_crowded: bool) -> None:
        """Call `on_late` where no other request has begun in time, which is short where there are many connections."""
        self._start(self._bounds.short_keep_alive_s if is_crowded else keep_alive_s, on_late)
        self._is_idle = True

    def end_idle(self) -> None:
        """Stop the deadline of an idle connection, which gets something; one for a head runs on."""
        if self._is_idle:
            self.stop()

    def stop(self) -> None:
        """Have no deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, delay_s: float, on_late: Callable[[], None]) -> None:
        self.stop()
        self._is_idle = False
        self._timer = self._loop.call_later(delay_s, on_late)
