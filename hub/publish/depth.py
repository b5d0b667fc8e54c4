"""How deep JSON is nested, counted by the hub itself.

How deep a decoder can go depends on the interpreter: Python 3.11 counts calls, 3.12 and later the C stack. The same
body must get the same response on all of them.
"""

from __future__ import annotations

from itertools import accumulate

__all__ = ["is_deeper"]

_ROUND = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = ord("(")


def is_deeper(text: bytes, levels: int) -> bool:
    """Whether arrays and objects of `text` are nested more than `levels` deep; `text` may be broken JSON."""
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    # Outside of strings only: with escaped backslashes and quotes gone, every second piece is a string.
    plain = b"".join(text.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2])
    brackets = rest = plain.translate(_ROUND, _NO_BRACKETS)
    for _ in range(levels):
        rest = rest.replace(b"()", b"")  # takes away the innermost level, and only that
        if not rest:
            return False
    # What is left may be too deep, or just not closed.
    return max(accumulate(1 if bracket == _OPENING else -1 for bracket in brackets)) > levels
