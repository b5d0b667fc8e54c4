"""The links of a stream's live reads: one that writes its events, and one that wakes a request that waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hub.cursor import Cursor, parse_cursor
from hub.delivery.envelope import Envelope
from hub.delivery.link import EventStream
from hub.delivery.page_reader import PAGE_BYTES
from hub.delivery.resume_points import ResumePoint
from hub.delivery.session import Session
from hub.transports.durable_streams.offset import StreamCursor, format_offset

__all__ = ["LongPollLink", "StreamLink", "encode_messages"]


def encode_messages(messages: Sequence[bytes]) -> bytes:
    """Return JSON messages as the body of a read (section 9.1.5)."""
    return b"[%b]" % b",".join(messages)


def _encode_data(messages: Sequence[bytes]) -> bytes:
    return _encode_event(b"data", encode_messages(messages))


def _encode_event(kind: bytes, text: bytes) -> bytes:
    # As the examples of others' servers are written: some readers look for these very bytes. A publisher may have laid
    # out its JSON in lines, and each needs its own field.
    return b"event: %b\ndata:%b\n\n" % (kind, b"\ndata:".join(text.splitlines()))


class StreamLink:
    """Writes `data` and `control` events (section 5.8) through the link of an event stream.

    Frames that only `hub.v1` knows are not written: the protocol has no place for them.
    """

    #: Its forms are not those of an envelope.
    send_socket = None
    can_pong = False

    def __init__(self, stream: EventStream, cursor: StreamCursor, *, now: Callable[[], float]) -> None:
        self._stream = stream
        self._cursor = cursor
        self._now = now
        self._session: Session | None = None
        #: Whether the last control event said that the client has everything.
        self.told_up_to_date = False

    def follow(self, session: Session) -> None:
        """Tell from now on by this session whether the client has everything."""
        self._session = session

    @property
    def open(self) -> bool:
        """Whether neither side has ended the connection."""
        return self._stream.open

    @property
    def unsent_bytes(self) -> int:
        """How much waits in this process for the peer to take it."""
        return self._stream.unsent_bytes

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer in all."""
        return self._stream.waiting_bytes

    @property
    def taken_bytes(self) -> int:
        """How much the peer has taken so far."""
        return self._stream.taken_bytes

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""
        return self.write_many((envelope,))

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications as one batch, and where the client stands after it; return the unsent bytes."""
        place = parse_cursor(envelopes[-1].cursor)
        assert place is not None
        data = _encode_data([envelope.json for envelope in envelopes])
        return self._stream.write_event(data + self._control(place))

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Send the first, and more as long as at most `room_bytes` are unsent, as one batch; return how many."""
        count, size_bytes = 1, self._stream.unsent_bytes + len(envelopes[0].json)
        while count < len(envelopes) and size_bytes <= room_bytes:
            size_bytes += len(envelopes[count].json)
            count += 1
        self.write_many(envelopes[:count])
        return count

    def write_messages(self, messages: Sequence[bytes]) -> int:
        """Send a batch of messages, after which the client has to be told where it stands; return the unsent bytes."""
        return self._stream.write_event(_encode_data(messages))

    def write_place(self, place: Cursor) -> int:
        """Tell where the client stands; return the unsent bytes after it."""
        return self._stream.write_event(self._control(place))

    def write_control(self, frame: bytes) -> int:
        """Send nothing; return the unsent bytes."""
        return self._stream.unsent_bytes

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Tell where the client stands: retention then never passes a reader for whom nothing came."""
        place = parse_cursor(cursor)
        assert place is not None
        self.write_place(place)

    def ask(self, position: int) -> None:
        """Ask nothing: this client keeps its own offset."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep nothing: this client keeps its own offset."""

    def write_retry(self, retry_ms: int) -> None:
        """Set how long an `EventSource` waits before it comes back; the protocol's own clients pass over it."""
        self._stream.write_retry(retry_ms)

    def close(self, code: int, reason: str) -> None:
        """End the response after what was written."""
        self._stream.close(code, reason)

    def abort(self) -> None:
        """End the connection now."""
        self._stream.abort()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the peer has taken most of what was sent; False where it did not in time."""
        return await self._stream.wait_writable(timeout_s=timeout_s)

    def _control(self, place: Cursor) -> bytes:
        session = self._session
        self.told_up_to_date = session is not None and place.position >= session.last >= session.upto
        up_to_date = b',"upToDate":true' if self.told_up_to_date else b""
        text = b'{"streamNextOffset":"%b","streamCursor":"%d"%b}' % (
            format_offset(place).encode(),
            self._cursor.at(self._now()),
            up_to_date,
        )
        return _encode_event(b"control", text)


class LongPollLink:
    """Keeps what comes for a request that waits, at most a page of it, and wakes it.

    What it does not keep is in the log, behind the offset that the request responds with.
    """

    #: Its forms are not those of an envelope.
    send_socket = None
    can_pong = False
    unsent_bytes = 0
    waiting_bytes = 0
    taken_bytes = 0

    def __init__(self, woken: asyncio.Event) -> None:
        """Make a link that sets `woken` when something came, or when the hub ends the connection."""
        self._woken = woken
        self._size_bytes = 0
        self.messages: list[bytes] = []
        #: Of the last message that it keeps.
        self.cursor = ""
        #: Whether something came that it does not keep.
        self.is_full = False

    def write(self, envelope: Envelope) -> int:
        """Keep a notification, where there is still place."""
        self._size_bytes += len(envelope.json)
        self.is_full = self.is_full or (bool(self.messages) and self._size_bytes > PAGE_BYTES)
        if not self.is_full:
            self.messages.append(envelope.json)
            self.cursor = envelope.cursor
        self._woken.set()
        return 0

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Keep notifications, where there is still place."""
        for envelope in envelopes:
            self.write(envelope)
        return 0

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Keep these, where there is still place; return how many there were."""
        self.write_many(envelopes)
        return len(envelopes)

    def write_control(self, frame: bytes) -> int:
        """Keep nothing: it is not a message of the stream."""
        return 0

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send nothing: the request is over before a peer could seem dead."""

    def ask(self, position: int) -> None:
        """Ask nothing: this client keeps its own offset."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep nothing: this client keeps its own offset."""

    def write_retry(self, retry_ms: int) -> None:
        """Tell nothing: the protocol has no word for it."""

    def close(self, code: int, reason: str) -> None:
        """Let the request respond with what came; the next one is told why."""
        self._woken.set()

    def abort(self) -> None:
        """Let the request respond with what came."""
        self._woken.set()

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait for nothing: nothing is written before the response."""
        return True
