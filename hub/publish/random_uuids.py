"""The ids of notifications."""

from __future__ import annotations

import secrets

__all__ = ["RandomUuids"]

UUID_BYTES = 16
UUIDS_PER_DRAW = 256
#: The four bits of the variant (RFC 9562 section 4.1), two of them random.
_VARIANTS = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}


class RandomUuids:
    """UUIDs of version 4 (RFC 9562 section 5.4), from randomness that is drawn for many at once.

    Each draw releases the GIL; under load the log's writer then takes it, and the event loop waits.
    """

    def __init__(self) -> None:
        self._drawn: list[str] = []

    def next(self) -> str:
        """Return another one, as text."""
        if not self._drawn:
            block, digits = secrets.token_hex(UUID_BYTES * UUIDS_PER_DRAW), UUID_BYTES * 2
            self._drawn = [block[start : start + digits] for start in range(0, len(block), digits)]
        text = self._drawn.pop()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANTS[text[16]]}{text[17:20]}-{text[20:]}"
