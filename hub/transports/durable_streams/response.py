"""What a read of a stream responds with: where the client stands, and the messages before that."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from hub.asgi import Send
from hub.cursor import Cursor
from hub.header_fields import Headers, list_tokens
from hub.transports.durable_streams.offset import format_offset
from hub.transports.response import respond

__all__ = ["COMMON_HEADERS", "EMPTY", "Read", "expose_headers", "respond_metadata", "respond_read"]

#: Of every response, problems too (section 12.7): a stream is one person's.
COMMON_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
]
#: The body of a read that has no message (section 9.1.5).
EMPTY = b"[]"
_EXPOSED = b"etag, stream-cursor, stream-next-offset, stream-up-to-date"
_JSON = (b"content-type", b"application/json")
_NO_STORE = (b"cache-control", b"no-store")


class Read(NamedTuple):
    """The response to a read: `place` stands behind the last message of `body`.

    `is_up_to_date`: nothing more was there. `cursor`: the `Stream-Cursor` of a live read. `has_tag`: what the offset
    stands for does not change with time.
    """

    place: Cursor
    body: bytes
    is_up_to_date: bool
    cursor: int | None = None
    has_tag: bool = True


def expose_headers(cors: Headers) -> Headers:
    """Return `cors` so that a page which may read the response sees the protocol's headers as well."""
    if any(name == b"access-control-allow-origin" for name, _ in cors):
        return [*cors, (b"access-control-expose-headers", _EXPOSED)]
    return cors


async def respond_metadata(send: Send, shared: Headers, tail: Cursor) -> None:
    """Respond to a HEAD (section 5.5): what the stream is, and where it ends now."""
    await send({"type": "http.response.start", "status": 200, "headers": [*shared, *_place(tail), _JSON, _NO_STORE]})
    await send({"type": "http.response.body", "body": b""})


async def respond_read(send: Send, headers: Headers, shared: Headers, read: Read) -> None:
    """Respond to a GET with `headers`: 200 with messages, 304 where the client has them, 204 after a wait for none."""
    lines = [*shared, *_place(read.place), _NO_STORE]
    if read.is_up_to_date:
        lines.append((b"stream-up-to-date", b"true"))
    if read.cursor is not None:
        lines.append((b"stream-cursor", b"%d" % read.cursor))
        if read.is_up_to_date and read.body == EMPTY:
            await respond(send, 204, lines, b"")
            return
    if read.has_tag:
        tag = _make_tag(read)
        lines.append((b"etag", tag))
        if read.cursor is None and _is_known(headers, tag):
            await respond(send, 304, lines, b"")
            return
    # Returns when the client has taken most of it.
    await respond(send, 200, [*lines, _JSON], read.body, waits=True)


def _place(place: Cursor) -> Headers:
    return [(b"stream-next-offset", format_offset(place).encode())]


def _make_tag(read: Read) -> bytes:
    """Return the entity tag: of the content alone, since all users' streams have one URL and the same offsets."""
    content = b"%b %d %b" % (format_offset(read.place).encode(), read.is_up_to_date, read.body)
    return b'"%b"' % blake2b(content, digest_size=16).hexdigest().encode()


def _is_known(headers: Headers, tag: bytes) -> bool:
    """Whether the client has this (RFC 9110 section 13.1.2: a weak comparison)."""
    return any(token == b"*" or token.removeprefix(b"W/") == tag for token in list_tokens(headers, b"if-none-match"))
