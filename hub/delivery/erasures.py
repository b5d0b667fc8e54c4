"""What clients are told after an erasure, so that nothing of it stays on a page that is open."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from contracts.frame import InboxChanged
from hub.cursor import Cursor

__all__ = ["STALE", "Erasures", "encode_removal"]

_encode = msgspec.json.Encoder().encode
#: Has a client fetch its inbox again.
STALE = _encode(InboxChanged(read=[], unread=[], archived=[], stale=True))


class Erasures:
    """Knows which clients may still show something that was erased while they were away.

    Whose notifications an erasure took is written down nowhere, so every client from before the newest one is told.
    """

    __slots__ = ("upto",)

    def __init__(self) -> None:
        #: The newest position that a client may have got before the newest erasure; 0 without any.
        self.upto = 0

    def concern(self, where: object) -> bool:
        """Whether a client that comes back from here may still show what was erased."""
        return isinstance(where, Cursor) and where.position <= self.upto

    def note(self, upto: int) -> None:
        """Note an erasure of something at or below this position."""
        self.upto = max(self.upto, upto)


def encode_removal(ids: Sequence[str]) -> bytes:
    """Return the frame for the connections of a user who was erased, with the newest of what has gone."""
    return _encode(InboxChanged(read=[], unread=[], archived=[], removed=[*ids], stale=True))
