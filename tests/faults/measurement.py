"""What a process takes of the machine, read from /proc, and what a list of waits comes to."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["count_files", "percentile_ms", "read_peak_bytes", "read_resident_bytes"]

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def read_resident_bytes(process_id: int) -> int:
    """Return the resident set of a process."""
    return int(Path(f"/proc/{process_id}/statm").read_text().split()[1]) * PAGE_BYTES


def read_peak_bytes(process_id: int) -> int:
    """Return the largest resident set that a process ever had."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def count_files(process_id: int) -> int:
    """Return how many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{process_id}/fd"))


def percentile_ms(waits_s: Sequence[float], percent: float) -> float:
    """Return the wait that `percent` of all do not exceed."""
    ordered = sorted(waits_s)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)] * 1000
