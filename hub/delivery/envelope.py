"""One notification in its finished forms, encoded once and shared by every subscriber.

The stored JSON object gets its cursor as last member; the WebSocket frame and the SSE event carry that
same text. Control frames take the same forms, without a cursor of their own.
"""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache

from sse_starlette.event import ServerSentEvent

from hub.cursor import Epoch, write_cursor

__all__ = [
    "DEFLATE_WINDOW_BITS",
    "PING",
    "Envelope",
    "chunk",
    "deflated_frame",
    "event_comment",
    "event_data",
    "event_preamble",
    "event_retry",
    "ping_frame",
    "stamp",
    "text_frame",
]

#: An unmasked ping with a fixed payload (RFC 6455 section 5.5.2): the same for all, since only a missing pong matters.
PING = b"\x89\x03hub"

#: 4 KiB of history are all that a notification of usual size can refer to.
DEFLATE_WINDOW_BITS = 12
DEFLATE_LEVEL = 6

_pack_medium = struct.Struct("!BBH").pack


class Envelope:
    """A notification at a position, in every form a link may need; each form is made at most once."""

    __slots__ = ("_chunk", "_deflated", "_event", "_frame", "cursor", "expires_at_s", "json", "position")

    def __init__(self, payload: bytes, epoch: Epoch, position: int, expires_at_s: float | None = None) -> None:
        self.position = position
        self.expires_at_s = expires_at_s
        self.cursor = cursor = write_cursor(epoch, position)
        self.json = stamp(payload, cursor)
        self._frame: bytes | None = None
        self._deflated: bytes | None = None
        self._event: bytes | None = None
        self._chunk: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The finished WebSocket text frame."""
        if self._frame is None:
            self._frame = text_frame(self.json)
        return self._frame

    @property
    def deflated(self) -> bytes:
        """The frame for clients that negotiated compression: made by itself, so one serves them all."""
        if self._deflated is None:
            self._deflated = deflated_frame(self.json)
        return self._deflated

    @property
    def event(self) -> bytes:
        """The finished server-sent event; its `id` is the cursor."""
        if self._event is None:
            self._event = event_data(self.json, cursor=self.cursor)
        return self._event

    @property
    def chunk(self) -> bytes:
        """The event as one finished chunk of an HTTP/1.1 response (RFC 9112 section 7.1)."""
        if self._chunk is None:
            self._chunk = chunk(self.event)
        return self._chunk


def stamp(payload: bytes, cursor: str) -> bytes:
    """Return the JSON object `payload`, which has at least one member, with `cursor` as its last."""
    return b'%b,"cursor":"%b"}' % (payload[:-1], cursor.encode())


def text_frame(text: bytes) -> bytes:
    """Return one unmasked, unfragmented text frame (RFC 6455 section 5.2)."""
    length = len(text)
    # Of a notification of usual size, without a further call: a replay makes thousands.
    return (_pack_medium(0x81, 126, length) if 126 <= length < 65_536 else _header(0x81, length)) + text


def ping_frame(payload: bytes) -> bytes:
    """Return one unmasked ping (RFC 6455 section 5.5.2) whose answer repeats `payload`, of at most 125 bytes."""
    return _header(0x89, len(payload)) + payload


def deflated_frame(text: bytes) -> bytes:
    """Return one compressed text frame that refers to no earlier one (RFC 7692 section 7.2.1).

    A text that compression would not make shorter is sent as it is, which the extension allows.
    """
    compressor = zlib.compressobj(level=DEFLATE_LEVEL, wbits=-DEFLATE_WINDOW_BITS)
    # Without the empty block that a flush ends with.
    body = (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
    return _header(0xC1, len(body)) + body if len(body) < len(text) else text_frame(text)


def event_data(text: bytes, *, cursor: str | None = None) -> bytes:
    """Return one server-sent event with this data and, for a notification, its cursor as `id`."""
    if b"\n" in text or b"\r" in text:
        return ServerSentEvent(data=text.decode(), id=cursor).encode()
    # The same bytes in less time: a replay makes thousands.
    event = b"data: %b\r\n\r\n" % text
    return event if cursor is None else b"id: %b\r\n%b" % (cursor.encode(), event)


@lru_cache(maxsize=64)
def event_comment(text: str, *, cursor: str | None = None) -> bytes:
    """Return a comment that no EventSource shows.

    With a cursor it also moves the client's last event id: WHATWG HTML section 9.2.6 takes an `id`
    even where the event has no data and is not dispatched. The last few are cached: at a heartbeat most
    connections have the same cursor.
    """
    return ServerSentEvent(comment=text, id=cursor).encode()


def event_preamble(*, retry_ms: int) -> bytes:
    """Return the first bytes of a stream: 2 KiB, which make buffering middleboxes forward it, and `retry`."""
    return ServerSentEvent(comment="." * 2046, retry=retry_ms).encode()


def event_retry(retry_ms: int) -> bytes:
    """Return the bytes that set how long the client waits before it comes back."""
    return ServerSentEvent(retry=retry_ms).encode()


def chunk(body: bytes) -> bytes:
    """Return `body`, which is not empty, as one chunk of an HTTP/1.1 response."""
    return b"%x\r\n%b\r\n" % (len(body), body)


def _header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65_536:
        return _pack_medium(first, 126, length)
    return struct.pack("!BBQ", first, 127, length)
