"""The process's memory: what the hub freed is given back to the system.

glibc keeps freed memory that lies below memory in use. Thousands of slow clients at once would leave the process as
large as they made it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["Heap"]

#: Beyond the smallest size seen; to give back takes milliseconds, which less is not worth.
WORTH_BYTES = 8 * 2**20
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = Path("/proc/self/statm")


class Heap:
    """Gives memory back where there may be some to give; does nothing where the system's allocator cannot."""

    def __init__(self) -> None:
        self._smallest_bytes = _read_resident_bytes()
        self._trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def give_back(self) -> None:
        """Give back what is free, where the process has grown; blocks for milliseconds."""
        resident_bytes = _read_resident_bytes()
        if self._trim is not None and resident_bytes > self._smallest_bytes + WORTH_BYTES:
            self._trim(0)
            resident_bytes = _read_resident_bytes()
        self._smallest_bytes = min(self._smallest_bytes, resident_bytes) or resident_bytes


def _read_resident_bytes() -> int:
    """Return the resident set of this process; 0 where the system does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
