"""Lengths of time as people write them: `30s`, `15m`, `12h`, `7d`."""

from __future__ import annotations

import re

import click

__all__ = ["DURATION", "Duration", "format_duration"]

_UNITS_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(\d{1,9})([dhms]?)", re.ASCII)


class Duration(click.ParamType[float]):
    """A positive length of time; a bare number is seconds. Its value is in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds that `value` says, or end the command with exit code 2."""
        match = _WRITTEN.fullmatch(str(value).strip())
        if match is None or int(match[1]) == 0:
            self.fail(f"{value!r} is not a duration; write 30s, 15m, 12h or 7d.", param, ctx)
        return float(int(match[1]) * _UNITS_S[match[2] or "s"])


DURATION = Duration()


def format_duration(seconds: float) -> str:
    """Return a length of time in its two largest units: `6d 23h`, `4m 10s`, `0s`."""
    rest = int(seconds)
    words = []
    for unit, size_s in _UNITS_S.items():
        count, rest = divmod(rest, size_s)
        if count:
            words.append(f"{count}{unit}")
    return " ".join(words[:2]) or "0s"
