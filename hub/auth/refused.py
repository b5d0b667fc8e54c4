"""Tokens that no key of the issuer's had signed when it was last asked.

Each of them may have the issuer asked again, since its key may be published any moment, but after longer and longer
pauses. The pause belongs to one token, signature included, and not to the key it names: a stranger who could start a
pause for a key would lock out everybody whose token names it.
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["RefusedTokens"]

#: 150 bytes each.
_MAX_REMEMBERED = 4_096
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


class RefusedTokens:
    """Remembers, for the tokens refused last, how often that was and until when it holds."""

    def __init__(self, *, max_remembered: int = _MAX_REMEMBERED) -> None:
        self._max_remembered = max_remembered
        self._entries: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tokens are remembered."""
        return len(self._entries)

    def may_ask(self, digest: bytes, *, at_s: float) -> bool:
        """Whether the issuer may be asked about this token; `at_s` is the time of a monotonic clock."""
        entry = self._entries.get(digest)
        return entry is None or at_s >= entry[1]

    def note(self, digest: bytes, *, at_s: float) -> None:
        """Remember that the issuer was asked and had no key for it. The second time has no pause."""
        times = self._entries.pop(digest, (0, 0.0))[0]
        pause_s = 0.0 if times == 0 else min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (times - 1))
        self._entries[digest] = (min(times + 1, 16), at_s + pause_s)
        if len(self._entries) > self._max_remembered:
            self._entries.popitem(last=False)
