"""The log lines that an operator looks for: each has an event name, and a flood of one is one line a minute.

`docs/operations/logs.md` lists the events. A line holds codes, counts and names from the settings. It never holds what
a client sent, and never the id of a user or an account.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["REST_S", "OperatorLog"]

#: How long a line that repeats is only counted.
REST_S = 60.0
#: Lines differ by the hub's own codes and by names from the settings; this bound is for the case that they ever do not.
_MAX_LINES = 256

Label = str | int | float | bool | dict[str, str]


class OperatorLog:
    """Writes events to `logger`; used by one thread. `monotonic` gives seconds."""

    def __init__(self, logger: logging.Logger, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._monotonic = monotonic
        # Per line: when it was last written, and how many were counted since.
        self._written: dict[tuple[object, ...], tuple[float, int]] = {}

    def write(self, level: int, event: str, message: str, /, **labels: Label) -> None:
        """Write a line now; `labels` are further fields of its JSON object."""
        self._logger.log(level, "%s", message, extra={"event": event, "labels": labels})

    def write_limited(self, level: int, event: str, message: str, /, *, count: int = 1, **labels: Label) -> bool:
        """Write a line, or count it where the same one was written within the last minute; True where it was written.

        `count`: how many occurrences this call stands for. The line's `count` has those that were not written before.
        """
        key = event, message, *labels.values()
        now_s = self._monotonic()
        written_at_s, passed_over = self._written.get(key, (float("-inf"), 0))
        if now_s < written_at_s + REST_S:
            self._written[key] = written_at_s, passed_over + count
            return False
        if len(self._written) >= _MAX_LINES:
            self._written.clear()
        self._written[key] = now_s, 0
        more = passed_over + count - 1
        suffix = f" ({more} more for this since the last line)" if more else ""
        self.write(level, event, message + suffix, **labels, count=more + 1)
        return True
