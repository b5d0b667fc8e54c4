"""What a push message holds of a notification: its texts, cut to what fits, its link, id and cursor. Pure."""

from __future__ import annotations

import msgspec

from contracts.push import PushMessage
from hub.push.encryption import MAX_MESSAGE_BYTES

__all__ = ["SMALLER_BYTES", "read_collapse_id", "write_message"]

#: What is tried where a push service finds a message too large (413).
SMALLER_BYTES = 1024
#: No system shows more of a title.
_TITLE_LENGTH = 256
_ELLIPSIS = "…"

_encode = msgspec.json.Encoder().encode


class _Stored(msgspec.Struct):
    """What is read of a stored notification."""

    id: str
    type: str
    title: str
    message: str
    link: str = ""
    timestamp: str = ""


class _Collapse(msgspec.Struct):
    collapse_id: str = ""


_decode_collapse = msgspec.json.Decoder(_Collapse).decode
_decode = msgspec.json.Decoder(_Stored).decode


def read_collapse_id(payload: bytes) -> str:
    """Return what a stored notification has in common with those whose place it takes; empty where it takes none's.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: the payload is not a notification.
    """
    return _decode_collapse(payload).collapse_id


def write_message(payload: bytes, cursor: str, *, limit_bytes: int = MAX_MESSAGE_BYTES) -> bytes:
    """Return the message of a stored notification, at most `limit_bytes` long.

    The texts are cut where they have to be: the message first. A link that does not fit is left out as a whole, since
    a part of it leads elsewhere.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: the payload is not a notification.
    """
    stored = _decode(payload)
    message = PushMessage(
        id=stored.id,
        type=stored.type,
        title=_cut(stored.title, _TITLE_LENGTH),
        message=stored.message,
        cursor=cursor,
        link=stored.link,
        timestamp=stored.timestamp,
    )
    if len(encoded := _encode(message)) <= limit_bytes:
        return encoded
    if len(_encode(stored.link)) > limit_bytes // 2:
        message.link = ""
    for field in ("message", "title"):
        encoded = _fit(message, field, limit_bytes)
        if len(encoded) <= limit_bytes:
            break
    return encoded


def _fit(message: PushMessage, field: str, limit_bytes: int) -> bytes:
    """Cut a text to the longest one that fits, or to nothing, and return the message."""
    text: str = getattr(message, field)
    if len(encoded := _encode(message)) <= limit_bytes:
        return encoded
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        setattr(message, field, _cut(text, middle))
        if len(_encode(message)) <= limit_bytes:
            low = middle
        else:
            high = middle - 1
    setattr(message, field, _cut(text, low))
    return _encode(message)


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return text[: length - 1].rstrip() + _ELLIPSIS if length else ""
