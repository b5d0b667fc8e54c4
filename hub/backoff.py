"""How long to wait before the next attempt: exponential back-off with full jitter. No clock, no wait."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MAX_RETRY_AFTER_S", "choose_delay_s"]

#: The longest Retry-After that is heeded; a longer one is a mistake more often than a wish.
MAX_RETRY_AFTER_S = 3600.0
#: Doubling more often than this would only make the number larger than any cap.
_MAX_DOUBLINGS = 30


def choose_delay_s(
    failures: int, *, base_s: float, cap_s: float, retry_after_s: float | None, random: Callable[[], float]
) -> float:
    """Return the seconds to wait after `failures` failures in a row, of which there is one at least.

    Between nothing and `base_s` doubled for each failure, at most `cap_s`. A Retry-After comes before that: the
    delay is never shorter, and several that got the same one do not come back at the same moment. `random`
    gives numbers from 0 to 1.
    """
    upper_s: float = min(cap_s, base_s * 2 ** min(failures - 1, _MAX_DOUBLINGS))
    first_s: float = min(max(retry_after_s or 0.0, 0.0), MAX_RETRY_AFTER_S)
    return first_s + random() * upper_s
