"""Integers that would not arrive as they were sent.

A reader in JavaScript makes a double of every JSON number (RFC 8259 section 6). An integer beyond 2^53 - 1 silently
becomes another one there: the id of another order. A number with a fraction or an exponent is meant as a double, and
every reader takes the nearest one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["MAX_EXACT", "find_inexact"]

#: The largest integer that a double holds as no other.
MAX_EXACT = 2**53 - 1
_LONGEST_NAME = 64

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
#: As many digits as `MAX_EXACT` has.
_LONG = b"0" * len(str(MAX_EXACT))


def find_inexact(text: bytes, value: Any, *, at: str) -> str | None:
    """Return the path of the first integer beyond 2^53 - 1 in `value`, or None; `text` is the JSON it was read from.

    `at` is the path of `value` itself. A name that is not an identifier is left out, since it could be a person's id.
    """
    if _LONG not in text.translate(_DIGITS):
        return None
    return next(_walk(value, at), None)


def _walk(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            shown = f".{name}" if name.isidentifier() and len(name) <= _LONGEST_NAME else "[...]"
            yield from _walk(part, path + shown)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _walk(part, f"{path}[{index}]")
    elif isinstance(value, int) and abs(value) > MAX_EXACT:
        yield path
