"""A place in one log's life: its epoch and a position, written as one opaque string.

The cursor is the SSE `id` and the `cursor` of every WebSocket frame. It grants nothing: a
client gets only what its own credential matches, so the same string serves everyone.
"""

from __future__ import annotations

import re
import secrets
from typing import NewType

import msgspec

__all__ = ["Cursor", "Epoch", "new_epoch", "parse_cursor", "write_cursor"]

Epoch = NewType("Epoch", str)

#: SQLite's largest row id; a larger position cannot come from a log of ours.
_MAX_POSITION = 2**63 - 1
#: So many digits that position has.
_POSITION_DIGITS = 13
_CURSOR = re.compile(rf"([a-z0-9]{{10}})-([0-9a-z]{{1,{_POSITION_DIGITS}}})", re.ASCII)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]


class Cursor(msgspec.Struct, frozen=True):
    """A position (0 = before the first record) in the log that has this epoch."""

    epoch: Epoch
    position: int

    def __str__(self) -> str:
        return write_cursor(self.epoch, self.position)

    def sortable(self) -> str:
        """Return the same cursor in the spelling that is longer: of one log, such texts are in order of position."""
        return f"{self.epoch}-{_base36(self.position):0>{_POSITION_DIGITS}}"


def write_cursor(epoch: Epoch, position: int) -> str:
    """Return the cursor that stands at `position` in the log of this epoch, as it is written."""
    return f"{epoch}-{_base36(position)}"


def parse_cursor(text: str) -> Cursor | None:
    """Return the cursor that `text` is, or None where it is not a cursor."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        return None
    position = int(match[2], 36)
    if position > _MAX_POSITION:
        return None
    return Cursor(Epoch(match[1]), position)


def new_epoch() -> Epoch:
    """Return a random epoch (50 bits) for a log that is being created."""
    return Epoch("".join(secrets.choice("abcdefghijkmnpqrstuvwxyz23456789") for _ in range(10)))


def _base36(number: int) -> str:
    digits = ""
    while number >= 36**2:
        number, rest = divmod(number, 36**2)
        digits = _PAIRS[rest] + digits
    return (_PAIRS[number] if number >= 36 else _DIGITS[number]) + digits
