"""Where a connection starts in the log: live, at its cursor, or after a gap."""

from __future__ import annotations

import asyncio
import logging

from hub.cursor import Cursor
from hub.delivery.ahead import AheadWatch
from hub.delivery.session import ResumeResult
from hub.delivery.subscribers import Subscriber
from hub.log.port import Log
from hub.metrics import Metrics
from hub.operator_log import OperatorLog

__all__ = ["Resumption"]

logger = logging.getLogger("hub.dispatcher")

#: How often a node looks whether it has reached a cursor that another node gave.
_LOOK_S = 0.02


class Resumption:
    """Fixes where each session starts, and counts the results."""

    def __init__(self, log: Log, metrics: Metrics, *, ahead_wait_s: float = 0.0) -> None:
        self._ahead_wait_s = ahead_wait_s
        self._log = log
        self._metrics = metrics
        self._ahead = AheadWatch(log)
        self._lines = OperatorLog(logger)

    @property
    def head(self) -> int:
        """The newest position of the log."""
        return self._log.head

    @property
    def waits_ahead(self) -> bool:
        """Whether any cursor is waited for; a hub alone never does, and looks at none before it lets a client in."""
        return self._ahead_wait_s > 0

    def is_ahead(self, cursor: Cursor | None) -> bool:
        """Whether a cursor is of a node that is faster than this one, so that `wait_ahead` has to come first."""
        if not self._ahead_wait_s or cursor is None:
            return False
        return cursor.epoch == self._log.epoch and cursor.position > self._log.head

    async def wait_ahead(self, cursor: Cursor | None) -> None:
        """Return once this node has reached the cursor, or knows that the log ends before it.

        Raises:
            StorageUnavailable: it has had its time to, and cannot know. A gap would take the client back, and what it
                has would come again.
        """
        for _ in range(round(self._ahead_wait_s / _LOOK_S)):
            if not self.is_ahead(cursor):
                return
            await asyncio.sleep(_LOOK_S)
        if cursor is not None and self.is_ahead(cursor):
            await self._log.is_beyond_end(cursor.position)

    def begin(self, subscriber: Subscriber, cursor: Cursor | None) -> ResumeResult:
        """Fix where the session starts; the subscriber must be registered already.

        Registered first, head second: a record stored in between is offered live or read from the log,
        and what both bring is handed over once.
        """
        self._ahead.look(cursor)
        resume = subscriber.session.begin(cursor, epoch=self._log.epoch, first=self._log.first, head=self._log.head)
        self._metrics.resumes[resume.kind] += 1
        return resume

    def cursor(self, position: int) -> Cursor:
        """Return the cursor that stands at `position` in this log."""
        return Cursor(self._log.epoch, position)

    def cursor_after(self, position: int) -> Cursor:
        """Return the cursor of a client that gave none and has seen everything up to `position`.

        Where the log has lost some of what came since, it is that of the oldest which is left: such a client cannot
        be told of a gap.
        """
        first = self._log.first
        if position < first - 1:
            self._lines.write_limited(logging.WARNING, "gap", "retention passed a client that gives no cursor")
        return self.cursor(min(max(position, first - 1), self._log.head))
