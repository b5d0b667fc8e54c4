"""What a reader of a stream asks for: from which offset, and whether it waits for more."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import parse_qs

from hub.cursor import Cursor, parse_cursor
from hub.errors import BadRequest, InvalidCursor
from hub.transports.response import MAX_QUERY_FIELDS

__all__ = ["Live", "StreamRequest", "parse_request"]

#: How more is waited for: by one response that stays, or by one that comes when there is something.
Live = Literal["sse", "long-poll"]
#: Section 8: the offsets that are none of a stream's own.
BEGINNING = "-1"
TAIL = "now"


class StreamRequest(NamedTuple):
    """The query of a read. `offset` is None for the beginning; `from_now`: for the tail."""

    offset: Cursor | None
    from_now: bool
    live: Live | None
    #: What the client was told as `Stream-Cursor` last; empty where it says nothing.
    cursor: str


def parse_request(query: bytes) -> StreamRequest:
    """Return what a query asks for; fields that the protocol does not know say nothing (section 11.1).

    Raises:
        InvalidCursor: `offset` is not one of a hub, nor `-1` or `now`.
        BadRequest: a field comes twice or is not one of its values, or a live read has no offset.
    """
    try:
        fields = parse_qs(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError:
        raise BadRequest(f"A query may have {MAX_QUERY_FIELDS} fields") from None
    offset, live = _find_single(fields, "offset"), _find_live(fields)
    if offset is None and live is not None:
        raise BadRequest("A live read needs `offset`: an offset of this stream, `-1` for its beginning, or `now`")
    cursor = (fields.get("cursor") or [""])[-1]
    if offset is None or offset == BEGINNING:
        return StreamRequest(None, False, live, cursor)
    if offset == TAIL:
        return StreamRequest(None, True, live, cursor)
    place = parse_cursor(offset)
    if place is None:
        raise InvalidCursor("`offset` is not an offset of this stream, `-1` or `now`")
    return StreamRequest(place, False, live, cursor)


def _find_live(fields: dict[str, list[str]]) -> Live | None:
    live = _find_single(fields, "live")
    if live is None:
        return None
    if live == "sse":
        return "sse"
    if live == "long-poll":
        return "long-poll"
    raise BadRequest("`live` is `sse` or `long-poll`")


def _find_single(fields: dict[str, list[str]], name: str) -> str | None:
    values = fields.get(name, [])
    if len(values) > 1:
        raise BadRequest(f"There are two `{name}` in the query")
    return values[0] if values else None
