"""Places in a stream: offsets, and the cursors that keep responses of different times apart."""

from __future__ import annotations

import random
import re

from hub.cursor import Cursor

__all__ = ["StreamCursor", "format_offset"]

#: Section 10.1: so long is an interval, they are counted from then, and a cursor that is too old moves by at most so
#: much.
INTERVAL_S = 20
EPOCH_S = 1_728_432_000
JITTER_S = 3_600
#: More digits no interval will have.
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


def format_offset(cursor: Cursor) -> str:
    """Return the offset that stands where `cursor` does: section 8 wants texts that sort as their positions do."""
    return cursor.sortable()


class StreamCursor:
    """The `Stream-Cursor` of one response: the number of the interval, and always more than the client's last one."""

    def __init__(self, told: str, now_s: float) -> None:
        """Begin after what the client was `told`; a text that is not a number tells nothing."""
        self._least = 0
        if _NUMBER.fullmatch(told) and int(told) >= _interval(now_s):
            self._least = int(told) + random.randint(1, JITTER_S // INTERVAL_S)  # noqa: S311 - keeps caches apart

    def at(self, now_s: float) -> int:
        """Return the cursor of this moment; it never falls."""
        self._least = max(self._least, _interval(now_s))
        return self._least


def _interval(now_s: float) -> int:
    return int((now_s - EPOCH_S) // INTERVAL_S)
