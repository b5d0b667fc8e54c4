"""What `/poll` answers."""

from __future__ import annotations

import msgspec

from contracts.frame import ResumeKind
from contracts.identifier import CursorText

__all__ = ["Page"]


class Page(msgspec.Struct, kw_only=True):
    """What came since a cursor, oldest first, and the cursor to ask with next.

    `frames` are the bytes that a connection carries too. With `resume` `gap` the only one announces the gap.
    """

    frames: list[msgspec.Raw]
    cursor: CursorText
    resume: ResumeKind
