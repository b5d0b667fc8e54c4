"""A node that cannot go on with the log: it sends its connections away, so that they come back to another node."""

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
    """Watches whether this node can go on, and acts once it could not for `after_s`.

    `find_reason` returns why it cannot: a code for a label, and a clause for a sentence; None where it can.
    """

    def __init__(
        self,
        connections: SendsAway,
        *,
        find_reason: Callable[[], tuple[str, str] | None],
        after_s: float,
        window_s: float,
        monotonic: Callable[[], float],
        look_s: float = LOOK_S,
    ) -> None:
        self._connections = connections
        self._find_reason = find_reason
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
        """For how long this node could not go on; 0 where it can."""
        return 0.0 if self._since_s is None else self._monotonic() - self._since_s

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_s)

    async def look(self) -> None:
        """Look once, and act."""
        reason = self._find_reason()
        if reason is None:
            if self.is_isolated:
                self._lines.write(logging.WARNING, "node_back", "this node has the log again: it takes clients")
                self._connections.let_in()
            self._since_s, self.is_isolated = None, False
            return
        if self._since_s is None:
            self._since_s = self._monotonic()
        if self.lasted_s >= self._after_s and not self.is_isolated:
            self.is_isolated = True
            code, words = reason
            message = f"for {self._after_s:g} s {words}: the clients of this node go to other nodes"
            self._lines.write(logging.ERROR, "node_isolated", message, seconds=self._after_s, reason=code)
            await self._connections.send_away(window_s=self._window_s)
