"""The response of `/poll`."""

from __future__ import annotations

import msgspec

from contracts.frame import ResumeKind
from contracts.identifier import CursorText

__all__ = ["Page"]


class Page(msgspec.Struct, kw_only=True):
    """What came since a cursor, oldest first, and the cursor for the next request.

    `frames` are the same bytes that a connection carries. With `resume` `gap` the only frame announces the gap.
    """

    frames: list[msgspec.Raw]
    cursor: CursorText
    resume: ResumeKind
