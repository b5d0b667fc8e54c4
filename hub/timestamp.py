"""Moments as they are written for people and programs: ISO 8601 (RFC 3339) in UTC, with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from math import modf
from typing import Literal, TypeAlias

__all__ = ["Precision", "format_moment", "format_time"]

Precision: TypeAlias = Literal["seconds", "milliseconds"]


def format_time(at_s: float, precision: Precision = "milliseconds") -> str:
    """Return a moment in Unix seconds as text: `2026-11-25T22:58:08.250Z`."""
    fraction, whole_s = modf(at_s)
    us = round(fraction * 1_000_000)
    if not 0 <= us < 1_000_000:
        whole_s, us = whole_s + us // 1_000_000, us % 1_000_000
    second = _format_second(whole_s)
    return f"{second}Z" if precision == "seconds" else f"{second}.{us // 1_000:03d}Z"


def format_moment(moment: datetime, precision: Precision = "milliseconds") -> str:
    """Return a moment of any time zone as text.

    Raises:
        OverflowError: it lies outside the calendar once its offset is taken away.
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"


@lru_cache(maxsize=64)
def _format_second(at_s: float) -> str:
    # Notifications come many in a second.
    return datetime.fromtimestamp(at_s, UTC).isoformat().removesuffix("+00:00")
