"""Messages and questions between nodes, over NATS: every question has a deadline, what cannot be right is dropped."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeVar

from hub.cluster.members import Member, Members, NameConflict
from hub.cluster.message import (
    MAX_BYTES,
    AnswerMessage,
    AskName,
    BadMessage,
    Question,
    QuestionMessage,
    Reader,
    Sender,
    encode,
)
from hub.cluster.subject import Subjects
from hub.nats.port import Message, Nats, NatsError, Reply, Subscription
from hub.operator_log import OperatorLog

__all__ = ["Talk"]

logger = logging.getLogger("hub.cluster")

_S = TypeVar("_S", bound=Sender)
_read_answer: Reader[AnswerMessage] = Reader(AnswerMessage)
_read_question: Reader[QuestionMessage] = Reader(QuestionMessage)


class Talk:
    """What one run of a node says and hears; `dropped` counts what it did not believe, by reason."""

    def __init__(
        self,
        nats: Nats,
        members: Members,
        subjects: Subjects,
        *,
        node: str,
        life: str,
        dropped: Counter[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node = node
        self.life = life
        self.subjects = subjects
        self._nats = nats
        self._members = members
        self._dropped = dropped
        self._monotonic = monotonic
        self._lines = OperatorLog(logger)
        self._subscriptions: list[Subscription] = []

    async def listen(self, subject: str, kind: type[_S], take: Callable[[_S, Member, str], None]) -> None:
        """Have `take` called with each message of another node on a subject, that node, and where an answer goes.

        Raises:
            NatsError: it cannot be subscribed.
        """
        callback = partial(self._hear, Reader(kind), take)
        self._subscriptions.append(await self._nats.subscribe(subject, callback))

    async def listen_namesakes(self, is_running: Callable[[], bool]) -> None:
        """Answer other runs of this node that ask whether it has its name.

        Raises:
            NatsError: it cannot be subscribed.
        """

        def hear(message: Message) -> None:
            with contextlib.suppress(BadMessage):
                said = _read_question.read(message.payload)
                if isinstance(said.ask, AskName) and said.life != self.life and message.reply:
                    self.say(message.reply, AnswerMessage(node=self.node, life=self.life, running=is_running()))

        self._subscriptions.append(await self._nats.subscribe(self.subjects.ask(self.node), hear))

    def end(self) -> None:
        """Hear nothing any more."""
        for subscription in self._subscriptions:
            subscription.end()
        self._subscriptions.clear()

    def say(self, subject: str, message: Sender) -> bool:
        """Send a message; False where it was not sent."""
        payload = encode(message)
        if len(payload) > MAX_BYTES:
            self._dropped["too_large"] += 1
            return False
        with contextlib.suppress(NatsError):
            self._nats.publish(subject, payload)
            return True
        return False

    async def ask_all(self, question: Question, *, timeout_s: float) -> Mapping[str, AnswerMessage]:
        """Return the answers of the nodes that answered in time, by their names."""
        waited = {member.name: member.life for member in self._members.list_alive(self._monotonic())}
        if not waited:
            return {}
        answers: dict[str, AnswerMessage] = {}

        def take(reply: Reply) -> bool:
            with contextlib.suppress(BadMessage):
                answer = _read_answer.read(reply.payload)
                if waited.get(answer.node) == answer.life:
                    answers.setdefault(answer.node, answer)
            return len(answers) == len(waited)

        with contextlib.suppress(NatsError):
            replies = await self._nats.request_many(
                self.subjects.ask_all, self._encode(question), timeout_s=timeout_s, is_last=take
            )
            # Each was looked at as it came; what is left to say is which of them could not be right.
            for reply in replies:
                self._judge(reply)
        return answers

    async def ask(self, node: str, question: Question, *, timeout_s: float) -> AnswerMessage | None:
        """Return one node's answer; None where there was none in time."""
        try:
            reply = await self._nats.request(self.subjects.ask(node), self._encode(question), timeout_s=timeout_s)
        except NatsError:
            return None
        answer = self._judge(reply)
        return answer if answer is not None and answer.node == node else None

    async def find_namesake(self, question: Question, *, timeout_s: float) -> AnswerMessage | None:
        """Return the answer of another run of this node; None where there is none.

        Raises:
            NatsError: nobody can be asked.
        """
        found: list[AnswerMessage] = []

        def take(reply: Reply) -> bool:
            with contextlib.suppress(BadMessage):
                answer = _read_answer.read(reply.payload)
                if answer.node == self.node and answer.life != self.life:
                    found.append(answer)
            return bool(found)

        subject = self.subjects.ask(self.node)
        await self._nats.request_many(subject, self._encode(question), timeout_s=timeout_s, is_last=take)
        return found[0] if found else None

    def drop(self, reason: str) -> None:
        """Count a message that was not believed."""
        self._dropped[reason] += 1

    def _encode(self, question: Question) -> bytes:
        return encode(QuestionMessage(node=self.node, life=self.life, ask=question))

    def _judge(self, reply: Reply) -> AnswerMessage | None:
        try:
            return _read_answer.read(reply.payload)
        except BadMessage as error:
            self.drop(str(error))
            return None

    def _hear(self, reader: Reader[_S], take: Callable[[_S, Member, str], None], message: Message) -> None:
        try:
            said = reader.read(message.payload)
            if said.life == self.life:
                return
            member = self._find_sender(said)
            if member is not None:
                take(said, member, message.reply)
        except BadMessage as error:
            self.drop(str(error))
        except Exception as error:  # whatever a message makes of the hub, the next one is heard
            self.drop("failed")
            self._lines.write_limited(
                logging.ERROR, "cluster_failed", f"a node's message failed: {type(error).__name__}"
            )

    def _find_sender(self, said: Sender) -> Member | None:
        now_s = self._monotonic()
        try:
            member = self._members.hear(said.node, said.life, now_s)
        except NameConflict as conflict:
            words = "this node's name is used by another one" if said.node == self.node else "two nodes have one name"
            message = f"{words}, {conflict}: give each its own HUB_NODE, and start it again"
            self._lines.write_limited(logging.ERROR, "node_name", message, node=str(conflict))
            member = self._members.find(said.node, now_s)
        if member is None:
            self.drop("sender")
        return member
