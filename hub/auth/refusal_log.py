"""Why connections are refused, in the log: one line for each reason a minute, however many are refused for it.

The client is told no more than a code, since it may be anybody. The operator of the hub reads here which claim or rule
it was. The lines hold names of claims and settings and nothing that a client sent.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from hub.errors import HubError, TokenExpired, Unauthenticated
from hub.operator_log import OperatorLog

__all__ = ["RefusalLog"]

logger = logging.getLogger("hub.admission")


class RefusalLog:
    """Logs each reason, with the number of refusals since its last line. `monotonic` gives seconds."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lines = OperatorLog(logger, monotonic=monotonic)

    def log(self, error: HubError) -> None:
        """Write a line about this refusal, or count it where one was written within the last minute."""
        # What happens every day is not a warning: tokens expire, and some clients come without one.
        level = logging.INFO if isinstance(error, TokenExpired | Unauthenticated) else logging.WARNING
        reason = error.reason or error.detail
        self._lines.write_limited(level, "refused", f"refused with {error.code}: {reason}", code=error.code)
