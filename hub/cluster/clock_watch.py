"""Watches by how much the clocks of the other nodes differ from ours, and says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from hub.bounds import Bounds
from hub.cluster.members import Member, Members
from hub.cluster.message import AskClock
from hub.cluster.talk import Talk
from hub.operator_log import OperatorLog

__all__ = ["ClockWatch"]

logger = logging.getLogger("hub.cluster")


class ClockWatch:
    """Notes what nodes say of their clocks, and asks those that seem to be behind."""

    def __init__(
        self,
        talk: Talk,
        members: Members,
        bounds: Bounds,
        *,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._talk = talk
        self._members = members
        self._limit_s = bounds.node_clock_skew_s
        self._every_s = bounds.node_presence_s
        self._answer_s = bounds.node_answer_s
        self._now = now
        self._monotonic = monotonic
        self._lines = OperatorLog(logger, monotonic=monotonic)

    def note(self, member: Member, at_s: float) -> None:
        """Note what a node's clock said in a message that came just now."""
        member.clock.note_message(at_s, self._now())
        if not member.clock.seems_behind(self._limit_s):
            member.clock.forget_answers()
        self._check(member)

    async def run(self) -> None:
        """Ask the nodes whose clocks seem to be behind, until cancelled: their messages may only be late."""
        while True:
            await asyncio.sleep(self._every_s)
            for member in self._members.list_alive(self._monotonic()):
                if member.clock.seems_behind(self._limit_s):
                    await self._ask(member)

    async def _ask(self, member: Member) -> None:
        asked_s = self._now()
        answer = await self._talk.ask(member.name, AskClock(), timeout_s=self._answer_s)
        if answer is not None and answer.life == member.life and answer.at_s is not None:
            member.clock.note_answer(answer.at_s, asked_s)
            self._check(member)

    def _check(self, member: Member) -> None:
        ahead_s = member.clock.known_s
        if abs(ahead_s) > self._limit_s:
            words = "ahead of" if ahead_s > 0 else "behind"
            message = f"the clock of the node {member.name} is {words} this one's: check the time service of both"
            self._lines.write_limited(logging.WARNING, "node_clock", message, node=member.name)
