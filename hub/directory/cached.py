"""A directory that remembers what it was told for a while, and does not pile onto a database that is down."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from hub.directory.directory import Directory, User
from hub.errors import DirectoryUnavailable

__all__ = ["CachedDirectory"]

#: Somebody who signs up must not stay unknown for the whole time to live.
_UNKNOWN_TTL_S = 5.0
#: After a failure, one look-up in this time finds out whether the directory is back; the others fail at once.
_RETRY_S = 1.0
#: How old an answer may be that somebody is told no for; so many such questions are one question a second and user.
_ANEW_S = 1.0

_Answer = TypeVar("_Answer")


class CachedDirectory:
    """`inner` with a memory.

    A found user is remembered for `ttl_s`, an unknown one for at most 5 s; at most `max_entries` of each
    kind, the least recently used go first. `now` is any clock in seconds. Concurrent look-ups of one id
    share one question. When `inner` is down, what is remembered still answers and everything else raises
    `DirectoryUnavailable`, at once but for one look-up a second.

    Owns one task for each question under way; `close` ends them.
    """

    def __init__(self, inner: Directory, *, ttl_s: float, now: Callable[[], float], max_entries: int = 100_000) -> None:
        self._inner = inner
        circuit = _Circuit(now)
        self._users = _Memory(inner.find_user, circuit, ttl_s, now, max_entries)
        self._statuses = _Memory(inner.account_status, circuit, ttl_s, now, max_entries)

    @property
    def trusts_claims(self) -> bool:
        """As `inner` does."""
        return self._inner.trusts_claims

    def find_user_nowait(self, user_id: str) -> User | None:
        """Return the user if they are remembered; None means: ask `find_user`."""
        return self._users.recall(user_id)

    async def find_user(self, user_id: str) -> User | None:
        """Return the user with this id, remembered or asked for, or None if there is none.

        Raises:
            DirectoryUnavailable: not remembered, and `inner` failed just now.
        """
        return await self._users.find(user_id)

    async def find_user_anew(self, user_id: str) -> User | None:
        """Return the user, asked for unless that was done within the last second.

        Raises:
            DirectoryUnavailable: `inner` failed just now, whatever is remembered.
        """
        return await self._users.find(user_id, _ANEW_S)

    async def account_status(self, account_id: str) -> str | None:
        """Return the status of this account, remembered or asked for, or None if there is none.

        Raises:
            DirectoryUnavailable: as for `find_user`.
        """
        return await self._statuses.find(account_id)

    async def check(self) -> None:
        """Ask `inner`, whatever is remembered.

        Raises:
            DirectoryUnavailable: it failed.
        """
        await self._inner.check()

    async def close(self) -> None:
        """End the questions under way and close `inner`."""
        await self._users.close()
        await self._statuses.close()
        await self._inner.close()


class _Circuit:
    """Whether it makes sense to ask: always, or once a second after a failure."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._failed_at_s: float | None = None

    def enter(self) -> None:
        if self._failed_at_s is None:
            return
        now_s = self._now()
        if self._failed_at_s <= now_s < self._failed_at_s + _RETRY_S:
            raise DirectoryUnavailable(retry_after_s=1)
        # Whoever comes first finds out; those who come while they do fail as before.
        self._failed_at_s = now_s

    def report(self, *, failed: bool) -> None:
        self._failed_at_s = self._now() if failed else None


class _Memory(Generic[_Answer]):
    """Answers by id, and the questions under way."""

    def __init__(
        self,
        ask: Callable[[str], Awaitable[_Answer | None]],
        circuit: _Circuit,
        ttl_s: float,
        now: Callable[[], float],
        max_entries: int,
    ) -> None:
        self._ask = ask
        self._circuit = circuit
        self._ttl_s = ttl_s
        self._now = now
        self._max_entries = max_entries
        self._entries: OrderedDict[str, tuple[_Answer | None, float]] = OrderedDict()
        self._questions: dict[str, asyncio.Task[_Answer | None]] = {}

    def recall(self, key: str) -> _Answer | None:
        entry = self._fresh(key)
        return None if entry is None else entry[0]

    async def find(self, key: str, max_age_s: float = math.inf) -> _Answer | None:
        entry = self._fresh(key, max_age_s)
        if entry is not None:
            return entry[0]
        question = self._questions.get(key)
        if question is None:
            self._circuit.enter()
            question = asyncio.create_task(self._look_up(key), name="directory-question")
            self._questions[key] = question
            question.add_done_callback(lambda done: self._end(key, done))
        # Shielded: one connection that hangs up must not fail the others that wait for the same user.
        try:
            return await asyncio.shield(question)
        finally:
            # Its error holds this frame, which would hold it.
            del question

    async def close(self) -> None:
        questions = set(self._questions.values())
        for question in questions:
            question.cancel()
        if questions:
            await asyncio.wait(questions)

    async def _look_up(self, key: str) -> _Answer | None:
        try:
            answer = await self._ask(key)
        except DirectoryUnavailable:
            self._circuit.report(failed=True)
            raise
        self._circuit.report(failed=False)
        self._entries[key] = (answer, self._now())
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
        return answer

    def _end(self, key: str, question: asyncio.Task[_Answer | None]) -> None:
        del self._questions[key]
        if not question.cancelled():
            # Taken note of here, for the case that everybody who waited has hung up.
            question.exception()

    def _fresh(self, key: str, max_age_s: float = math.inf) -> tuple[_Answer | None, float] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        answer, since_s = entry
        ttl_s = self._ttl_s if answer is not None else min(self._ttl_s, _UNKNOWN_TTL_S)
        if not 0 <= self._now() - since_s < min(ttl_s, max_age_s):
            return None
        self._entries.move_to_end(key)
        return entry
