"""Asks the directory again about every connected user: what has changed since the connection was admitted.

Staff suspend accounts, deactivate users and move them while their pages are open. A connection that would not be
admitted any more is ended as if it asked now.
"""

from __future__ import annotations

import asyncio
import logging

from hub.auth.account import check_user
from hub.delivery.ports import EndsInOrder
from hub.delivery.subscribers import Subscribers
from hub.directory.directory import Directory, User
from hub.errors import AccountInactive, DirectoryUnavailable, UserNotAllowed
from hub.operator_log import OperatorLog
from hub.target import user_target

__all__ = ["Recheck"]

logger = logging.getLogger("hub.recheck")

#: Users in one question, and the pause before the next: 2,500 users a second at most, one question at a time.
BATCH = 500
PAUSE_S = 0.2
#: A new user is asked about after so long at most, since the answer that let them in may be a time to live old.
FIRST_S = 30.0
#: How often to look for users that are due, and how long to leave a directory alone that could not be asked.
TICK_S = 5.0
RETRY_S = 5.0
#: Connections looked at in one loop iteration.
SLICE = 2_000


class Recheck:
    """Looks at every connected user once in `ttl_s` (`min_interval_s` at least), in questions of up to 500 users.

    What changes at the directory is so noticed within its time to live and a minute. A directory that cannot be
    asked ends nothing: connections stay until it answers.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        subscribers: Subscribers,
        ends: EndsInOrder,
        ttl_s: float,
        min_interval_s: float,
        retry_s: float = RETRY_S,
    ) -> None:
        self._directory = directory
        self._subscribers = subscribers
        self._ends = ends
        self._interval_s = max(ttl_s, min_interval_s)
        self._retry_s = retry_s
        #: When each (account, user) that is connected is asked about next.
        self._due: dict[tuple[str, str], float] = {}
        self._waiting: list[tuple[str, str]] = []

    async def run(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                pause_s = await self.step(loop.time())
            except Exception as error:  # whatever it is, it must not leave doors open for ever
                logger.error("asking about connected users failed: %s", type(error).__name__)
                pause_s = self._retry_s
            await asyncio.sleep(pause_s)

    async def step(self, monotonic_s: float) -> float:
        """Put at most one question about the users that are due; return how long to wait for the next step."""
        if not self._waiting:
            self._waiting = await self._find_due(monotonic_s)
            if not self._waiting:
                return min(TICK_S, self._interval_s / 4)
        asked = self._waiting[:BATCH]
        try:
            found = await self._directory.find_users([user_id for _, user_id in asked])
        except DirectoryUnavailable:
            return min(self._retry_s, self._interval_s)
        del self._waiting[: len(asked)]
        for one in asked:
            self._due[one] = monotonic_s + self._interval_s
        self._judge(asked, found)
        return PAUSE_S

    async def _find_due(self, monotonic_s: float) -> list[tuple[str, str]]:
        first_s = monotonic_s + min(self._interval_s, FIRST_S)
        due: dict[tuple[str, str], float] = {}
        everyone = self._subscribers.everyone()
        for start in range(0, len(everyone), SLICE):
            for subscriber in everyone[start : start + SLICE]:
                one = (subscriber.account_id, subscriber.user_id)
                due[one] = self._due.get(one, first_s)
            await asyncio.sleep(0)
        # Users that have left are forgotten with this.
        self._due = due
        return sorted((one for one, due_s in due.items() if due_s <= monotonic_s), key=due.__getitem__)

    def _judge(self, asked: list[tuple[str, str]], found: dict[str, User]) -> None:
        ended = 0
        for account_id, user_id in asked:
            for subscriber in self._subscribers.match([user_target(account_id, user_id)]):
                try:
                    check_user(subscriber.grant, found.get(user_id))
                except (UserNotAllowed, AccountInactive) as error:
                    self._ends.end(subscriber, error.close_code, error.title)
                    ended += 1
        if ended:
            message = f"ended {ended} connections that the directory does not allow any more"
            OperatorLog(logger).write(logging.INFO, "no_longer_allowed", message, connections=ended)
