"""Why connections are refused, in the log: one line for each reason a minute, however many are refused for it.

The client is told no more than a code, since it may be anybody. The operator of the hub reads here which claim or rule
it was. The lines hold names of claims and settings and nothing that a client sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from hub.errors import HubError, TokenExpired, Unauthenticated

__all__ = ["RefusalLog"]

_REST_S = 60.0
#: Reasons are some dozens of the hub's own sentences; this bound is for the case that one ever is not.
_MAX_REASONS = 256

logger = logging.getLogger("hub.admission")


class RefusalLog:
    """Logs each reason, with the number of refusals since its last line. `monotonic` gives seconds."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # Per code and reason: when the last line was written, and how many were refused since.
        self._logged: dict[tuple[str, str], tuple[float, int]] = {}

    def log(self, error: HubError) -> None:
        """Write a line about this refusal, or count it where one was written within the last minute."""
        key = error.code, error.reason or error.detail
        now_s = self._monotonic()
        logged_at_s, passed_over = self._logged.get(key, (float("-inf"), 0))
        if now_s < logged_at_s + _REST_S:
            self._logged[key] = logged_at_s, passed_over + 1
            return
        if len(self._logged) >= _MAX_REASONS:
            self._logged.clear()
        self._logged[key] = now_s, 0
        # What happens every day is not a warning: tokens expire, and some clients come without one.
        level = logging.INFO if isinstance(error, TokenExpired | Unauthenticated) else logging.WARNING
        more = f" ({passed_over} more for this since the last line)" if passed_over else ""
        logger.log(level, "refused with %s: %s%s", *key, more)
