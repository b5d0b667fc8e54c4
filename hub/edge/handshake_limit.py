"""A storm of returns let in a few at a time, so that who is here already is served in between."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

__all__ = ["Turnstile", "find_turnstile"]

#: Handshakes that begin in one turn of the loop; each takes about half a millisecond.
PER_TURN = 16


class Turnstile:
    """Lets `PER_TURN` newcomers in per turn of the loop, in the order of their arrival.

    Without it a thousand handshakes that arrive together are one turn, and every publish waits for its end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[Callable[[], None]] = deque()
        self._room = PER_TURN
        self._turning = False

    def enter(self) -> bool:
        """Let one in now; False where others are waiting or this turn has had its share."""
        if self._room <= 0 or self._waiting:
            return False
        self._room -= 1
        self._turn_soon()
        return True

    def wait(self, begin: Callable[[], None]) -> None:
        """Call `begin` when the turn has come; there is no way back, so it must stand a peer that left."""
        self._waiting.append(begin)
        self._turn_soon()

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._turning = False
        self._room = PER_TURN
        while self._waiting and self._room > 0:
            self._room -= 1
            # First, so that the next turn comes whatever this one does.
            self._turn_soon()
            self._waiting.popleft()()


_turnstiles: WeakKeyDictionary[asyncio.AbstractEventLoop, Turnstile] = WeakKeyDictionary()


def find_turnstile(loop: asyncio.AbstractEventLoop) -> Turnstile:
    """Return the one turnstile of a loop."""
    turnstile = _turnstiles.get(loop)
    if turnstile is None:
        turnstile = _turnstiles[loop] = Turnstile(loop)
    return turnstile
