"""A node that is cut off from the log: it sends its connections away, so that they come back to another node."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from hub.operator_log import OperatorLog

__all__ = ["Isolation", "SendsAway"]

logger = logging.getLogger("hub.cluster")

#: How often a node looks whether it is cut off.
LOOK_S = 0.25


class SendsAway(Protocol):
    """Holds the connections of clients."""

    async def send_away(self, *, window_s: float) -> None:
        """Let nobody in, and send every connection away, spread over at most `window_s`."""

    def let_in(self) -> None:
        """Let clients in again."""


class Isolation:
    """Watches whether this node is cut off, and acts once it has been for `after_s`."""

    def __init__(
        self,
        connections: SendsAway,
        *,
        is_cut_off: Callable[[], bool],
        after_s: float,
        window_s: float,
        monotonic: Callable[[], float],
        look_s: float = LOOK_S,
    ) -> None:
        self._connections = connections
        self._is_cut_off = is_cut_off
        self._after_s = after_s
        self._window_s = window_s
        self._monotonic = monotonic
        self._look_s = look_s
        self._since_s: float | None = None
        #: Whether clients are sent to other nodes now.
        self.is_isolated = False
        self._lines = OperatorLog(logger)

    @property
    def lasted_s(self) -> float:
        """For how long this node has been cut off; 0 where it is not."""
        return 0.0 if self._since_s is None else self._monotonic() - self._since_s

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Look once, and act."""
        if not self._is_cut_off():
            if self.is_isolated:
                self._lines.write(
                    logging.WARNING, "node_back", "this node is connected to NATS again: it takes clients"
                )
                self._connections.let_in()
            self._since_s, self.is_isolated = None, False
            return
        if self._since_s is None:
            self._since_s = self._monotonic()
        if self.lasted_s >= self._after_s and not self.is_isolated:
            self.is_isolated = True
            message = f"this node has been cut off from NATS for {self._after_s:g} s: its clients go to other nodes"
            self._lines.write(logging.ERROR, "node_isolated", message, seconds=self._after_s)
            await self._connections.send_away(window_s=self._window_s)
