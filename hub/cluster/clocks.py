"""How the clocks of two nodes differ, as far as messages between them say for certain. Pure.

A message may wait on its way, or at a node that is starved, for any time. So what a node says of its clock proves
only that it is not less far ahead. That it is behind is known from an answer alone: the clock was read after the
question was sent.
"""

from __future__ import annotations

from collections import deque

__all__ = ["ClockDifference"]

#: Of so many messages the quickest is the best one. A clock that was set is believed again after so many.
_MESSAGES = 5


class ClockDifference:
    """By how much the clock of another node is ahead of ours: at least, and at most."""

    __slots__ = ("_at_least_s", "_at_most_s")

    def __init__(self) -> None:
        self._at_least_s: deque[float] = deque(maxlen=_MESSAGES)
        self._at_most_s: deque[float] = deque(maxlen=_MESSAGES)

    @property
    def known_s(self) -> float:
        """What is certain of it: below 0 where that clock is behind, and 0 where both may be equal."""
        at_least_s = max(self._at_least_s, default=0.0)
        at_most_s = min(self._at_most_s, default=0.0)
        return at_least_s if at_least_s > 0 else min(0.0, at_most_s)

    def seems_behind(self, limit_s: float) -> bool:
        """Whether that clock is behind by more than `limit_s`, or its messages are late: only an answer can tell."""
        return max(self._at_least_s, default=0.0) < -limit_s

    def note_message(self, at_s: float, now_s: float) -> None:
        """Note what that clock said in a message, and what ours says now that it came."""
        self._at_least_s.append(at_s - now_s)

    def note_answer(self, at_s: float, asked_s: float) -> None:
        """Note what that clock said in an answer, and what ours said before the question was sent."""
        self._at_most_s.append(at_s - asked_s)

    def forget_answers(self) -> None:
        """Drop what the answers said: that clock does not seem to be behind any more."""
        self._at_most_s.clear()
