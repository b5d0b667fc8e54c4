"""The questions of other nodes, answered by this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from hub.cluster.local import Local
from hub.cluster.members import Member
from hub.cluster.message import (
    AnswerMessage,
    AskClock,
    AskClose,
    AskName,
    AskSignal,
    AskStats,
    AskTaken,
    AskTicket,
    QuestionMessage,
)
from hub.cluster.operator import OperatorQuestion
from hub.cluster.sums import cut_accounts
from hub.cluster.talk import Talk
from hub.errors import InvalidToken, TokenExpired
from hub.target import Target

__all__ = ["Questions"]

_AtOnce: TypeAlias = AskClock | AskTicket | AskClose | AskStats | AskTaken | OperatorQuestion

#: Signals of other nodes that are handed over at one time.
_MAX_SIGNALS = 1_000


class Questions:
    """Answers at once, but for signals, which take a moment; `dispatched` says which position was dispatched last."""

    def __init__(self, talk: Talk, *, dispatched: Callable[[], int], now: Callable[[], float]) -> None:
        self._talk = talk
        self._dispatched = dispatched
        self._now = now
        self._signals: set[asyncio.Task[None]] = set()
        #: This node, once it can answer.
        self.local: Local | None = None

    def take(self, said: QuestionMessage, member: Member, reply: str) -> None:
        """Answer a question of another node at `reply`."""
        local, ask = self.local, said.ask
        if not reply or isinstance(ask, AskName) or local is None:
            return
        if not isinstance(ask, AskSignal):
            self._talk.say(reply, self._answer(local, ask))
        elif len(self._signals) >= _MAX_SIGNALS:
            self._talk.drop("busy")
        else:
            task = asyncio.create_task(self._hand_over(local, ask, reply), name="signal of another node")
            self._signals.add(task)
            task.add_done_callback(self._signals.discard)

    async def close(self) -> None:
        """Stop what is under way."""
        for task in self._signals:
            task.cancel()
        await asyncio.gather(*self._signals, return_exceptions=True)

    def _answer(self, local: Local, ask: _AtOnce) -> AnswerMessage:
        node, life = self._talk.node, self._talk.life
        if isinstance(ask, AskClock):
            return AnswerMessage(node=node, life=life, at_s=self._now())
        if isinstance(ask, AskTicket):
            try:
                return AnswerMessage(node=node, life=life, grant=local.redeem(bytes.fromhex(ask.digest), ask.origin))
            except TokenExpired:
                return AnswerMessage(node=node, life=life, refused="token_expired")
            except InvalidToken:
                return AnswerMessage(node=node, life=life, refused="invalid_token")
        if isinstance(ask, AskClose):
            closed = local.close_for(ask.revocation.encode(), revoke=ask.revoke)
            return AnswerMessage(node=node, life=life, count=closed)
        if isinstance(ask, AskTaken):
            is_known = self._dispatched() >= ask.position
            taken = is_known and local.has_taken(Target(ask.user), ask.position)
            return AnswerMessage(node=node, life=life, taken=taken)
        if isinstance(ask, AskStats):
            return AnswerMessage(node=node, life=life, stats=cut_accounts(local.collect_stats()))
        return AnswerMessage(node=node, life=life, told=local.answer_operator(ask))

    async def _hand_over(self, local: Local, ask: AskSignal, reply: str) -> None:
        targets = [Target(target) for target in ask.targets]
        count = await local.send_signal(targets, ask.kind, ask.key, ask.prefix.encode())
        self._talk.say(reply, AnswerMessage(node=self._talk.node, life=self._talk.life, count=count))
