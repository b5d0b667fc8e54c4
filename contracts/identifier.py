"""The small values that many contracts share: ids of people and things, moments, cursors."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "MAX_LINK_LENGTH",
    "AccountId",
    "Amount",
    "CursorText",
    "Identifier",
    "Link",
    "Number",
    "Timestamp",
    "UserId",
]

#: The largest integer that a JavaScript number holds exactly (2^53 - 1): a larger id would arrive changed.
_MAX_SAFE = 2**53 - 1
#: Text without control characters. Python's `$` also matches before a trailing newline, hence the
#: look-ahead; elsewhere (ECMAScript, JSON Schema) it changes nothing.
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f]+$(?!\n)"

_SafeInteger = Annotated[int, msgspec.Meta(ge=-_MAX_SAFE, le=_MAX_SAFE)]

#: A thing's id inside `data`: a number in some systems, text in others, passed on as received.
Identifier = _SafeInteger | str
#: Money inside `data`: a number, or formatted text.
Amount = int | float | str
#: A quantity inside `data`.
Number = int | float

UserId = Annotated[str, msgspec.Meta(pattern=_PRINTABLE, min_length=1, max_length=128)]
AccountId = Annotated[str, msgspec.Meta(pattern=_PRINTABLE, min_length=1, max_length=128)]

#: A browser takes longer ones; what is longer than this is data and not a place.
MAX_LINK_LENGTH = 2048
#: Where a click on a notification leads: a path that begins with one slash, or a URL.
Link = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LINK_LENGTH, examples=["/orders/1234"])]

#: A moment on the wire: RFC 3339 in UTC with milliseconds and `Z`.
Timestamp = Annotated[
    str, msgspec.Meta(examples=["2026-11-22T14:03:07.125Z"], extra_json_schema={"format": "date-time"})
]
#: The type of a signal, as a client names it.
SignalType = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_:.-]{0,63}$(?!\n)", examples=["orders:updated"])]
#: A position in the hub's log; opaque, to be given back unchanged.
CursorText = Annotated[str, msgspec.Meta(max_length=64, examples=["k3v9q2m7xa-1z8"])]
