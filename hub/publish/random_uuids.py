"""The ids of notifications."""

from __future__ import annotations

import secrets
from uuid import UUID

__all__ = ["RandomUuids"]

UUID_BYTES = 16
UUIDS_PER_DRAW = 256


class RandomUuids:
    """UUIDs of version 4 (RFC 9562 section 5.4), from randomness that is drawn for many at once.

    Each draw releases the GIL; under load the log's writer then takes it, and the event loop waits.
    """

    def __init__(self) -> None:
        self._drawn: list[bytes] = []

    def next(self) -> str:
        """Return another one, as text."""
        if not self._drawn:
            block = secrets.token_bytes(UUID_BYTES * UUIDS_PER_DRAW)
            self._drawn = [block[start : start + UUID_BYTES] for start in range(0, len(block), UUID_BYTES)]
        return str(UUID(bytes=self._drawn.pop(), version=4))
