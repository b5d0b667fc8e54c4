"""A network in virtual time between servers and nodes: delays, cuts, and messages that are lost, repeated or late."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

__all__ = ["Network"]


class Network:
    """Links between participants, by name. A pair that is cut loses everything, without a word.

    What goes over one link arrives in order, as over TCP, unless it is sent as `loose`: then `drops`, `repeats` and
    `reorders` are how likely each of these is.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, random: Random) -> None:
        self.loop = loop
        self.random = random
        self.delay_s = (0.0002, 0.003)
        self.drops = self.repeats = self.reorders = 0.0
        self._cut: set[tuple[str, str]] = set()
        self._dead: set[str] = set()
        self._arrived_at_s: dict[tuple[str, str], float] = {}

    def is_open(self, one: str, other: str) -> bool:
        """Whether messages go from one to the other."""
        return (one, other) not in self._cut and one not in self._dead and other not in self._dead

    def cut(self, one: str, other: str) -> None:
        """Lose everything between the two from now on."""
        self._cut |= {(one, other), (other, one)}

    def heal(self) -> None:
        """Let everything through again."""
        self._cut.clear()

    def kill(self, name: str) -> None:
        """Lose everything from and to a participant."""
        self._dead.add(name)

    def revive(self, name: str) -> None:
        """Let everything from and to a participant through again."""
        self._dead.discard(name)

    def later(self, delay_s: float, call: Callable[..., object], *arguments: Any) -> None:
        """Do something after a while."""
        self.loop.call_later(delay_s, call, *arguments)

    def send(self, one: str, other: str, deliver: Callable[..., object], *arguments: Any, loose: bool = False) -> None:
        """Have a message delivered, if it gets through."""
        if not self.is_open(one, other):
            return
        random, now_s = self.random, self.loop.time()
        at_s = now_s + random.uniform(*self.delay_s)
        if loose:
            if self.drops and random.random() < self.drops:
                return
            if self.repeats and random.random() < self.repeats:
                self.loop.call_at(at_s + random.uniform(0, 0.5), self._arrive, one, other, deliver, *arguments)
            if self.reorders and random.random() < self.reorders:
                self.loop.call_at(at_s + random.uniform(0, 0.2), self._arrive, one, other, deliver, *arguments)
                return
        pair = (one, other)
        at_s = max(at_s, self._arrived_at_s.get(pair, 0.0) + 1e-7)
        self._arrived_at_s[pair] = at_s
        self.loop.call_at(at_s, self._arrive, one, other, deliver, *arguments)

    def _arrive(self, one: str, other: str, deliver: Callable[..., object], *arguments: Any) -> None:
        if self.is_open(one, other):
            deliver(*arguments)
