"""Cursors from beyond the log's end: a sign that an older copy of the whole data folder was put back."""

from __future__ import annotations

import logging

from hub.cursor import Cursor
from hub.log.port import Log

__all__ = ["AheadWatch"]

logger = logging.getLogger("hub.dispatcher")


class AheadWatch:
    """Says once that such a cursor came.

    It may be made up, so nothing else follows from it: the client that sent it is told of a gap, as after any other
    cursor that cannot be served.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._said = False

    def look(self, cursor: Cursor | None) -> None:
        """Look at a cursor that a client came with."""
        log = self._log
        if not self._said and cursor is not None and cursor.epoch == log.epoch and cursor.position > log.head:
            self._said = True
            logger.warning(
                "a client came with a cursor of this log's epoch from beyond its end: if an older copy of the data"
                " folder was put back, stop the hub and give it a new epoch with `hub restore`"
            )
