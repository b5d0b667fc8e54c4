"""Moments as they are written for people and programs: ISO 8601 (RFC 3339) in UTC, with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, TypeAlias

__all__ = ["Precision", "format_moment", "format_time"]

Precision: TypeAlias = Literal["seconds", "milliseconds"]


def format_time(at_s: float, precision: Precision = "milliseconds") -> str:
    """Return a moment in Unix seconds as text: `2026-11-25T22:58:08.250Z`."""
    return format_moment(datetime.fromtimestamp(at_s, UTC), precision)


def format_moment(moment: datetime, precision: Precision = "milliseconds") -> str:
    """Return a moment of any time zone as text.

    Raises:
        OverflowError: it lies outside the calendar once its offset is taken away.
    """
    return moment.astimezone(UTC).isoformat(timespec=precision).removesuffix("+00:00") + "Z"
