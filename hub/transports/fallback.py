"""The link for any other ASGI server: finished messages wait in a bounded queue for one writer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from hub.asgi import Message, Scope, Send
from hub.cursor import parse_cursor
from hub.delivery.envelope import Envelope, event_comment, event_data, event_retry
from hub.delivery.link import LINK_EXTENSION, EventStream, EventStreamOpener
from hub.delivery.resume_points import ResumePoint
from hub.errors import HubError
from hub.transports.response import forget_request

__all__ = ["QueuedLink", "open_event_stream", "open_queued_link"]


def _nothing() -> None:
    """Stand in until the link is attached."""


@contextlib.asynccontextmanager
async def open_event_stream(scope: Scope, send: Send, *, close_timeout_s: float) -> AsyncIterator[EventStream]:
    """Give the link of a response that does not end: the server's own, or one over `send` where it has none.

    Raises:
        ConnectionError: the peer left while it was looked up.
    """
    opener: EventStreamOpener | None = scope.get("extensions", {}).get(LINK_EXTENSION)
    if opener is None:
        async with open_queued_link(send, events=True, close_timeout_s=close_timeout_s) as queued:
            yield queued
        return
    link = opener.open_link()
    forget_request(scope)
    yield link


@contextlib.asynccontextmanager
async def open_queued_link(send: Send, *, events: bool, close_timeout_s: float) -> AsyncIterator[QueuedLink]:
    """Give a link over a server's `send`; at the end what is queued is still sent, then the connection is closed."""
    with contextlib.suppress(TimeoutError):  # of a peer that takes nothing, not even the end
        try:
            async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as tasks:
                link = QueuedLink(send, patience, tasks, events=events, close_timeout_s=close_timeout_s)
                yield link
                link.close(1000, "")
        except BaseExceptionGroup as group:
            first = group.exceptions[0]
            if isinstance(first, HubError):
                raise first from None
            raise


class QueuedLink:
    """Writes through the server's own `send`, which may wait; so one task writes and the rest queue.

    The dispatcher closes the link when the queue is over its budget, so it is bounded like any other.
    `patience` is the deadline of the whole connection: from the close on there is one, since `send` may wait
    for ever for a peer that takes nothing.
    """

    #: `send` alone writes.
    send_socket = None
    #: `send` cannot ping; the server's own keepalive finds dead peers.
    can_pong = False

    def __init__(
        self,
        send: Send,
        patience: asyncio.Timeout,
        tasks: asyncio.TaskGroup,
        *,
        events: bool,
        close_timeout_s: float,
    ) -> None:
        self._send = send
        self._patience = patience
        self._tasks = tasks
        self._events = events
        self._close_timeout_s = close_timeout_s
        #: Each with the position that is behind the peer once it was sent; 0: it tells nothing.
        self._queue: deque[tuple[bytes, int]] = deque()
        #: Set once the connection is registered, where its client gives no cursor.
        self.point: ResumePoint | None = None
        self._queued = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._close: Message | None = None
        self.unsent_bytes = 0
        self.taken_bytes = 0
        self.open = True
        self._on_connection_lost: Callable[[], None] = _nothing

    def attach(self, *, on_connection_lost: Callable[[], None], on_activity: Callable[[], None] = _nothing) -> None:
        """Call `on_connection_lost` when the connection is gone; of what the peer sends the app alone hears here."""
        self._on_connection_lost = on_connection_lost

    def start(self, headers: Sequence[tuple[bytes, bytes]]) -> None:
        """Begin the response of an event stream; what is queued follows."""
        self._begin({"type": "http.response.start", "status": 200, "headers": list(headers)})

    def accept(self, subprotocol: str | None) -> None:
        """Accept the handshake of a WebSocket; what is queued follows."""
        self._begin({"type": "websocket.accept", "subprotocol": subprotocol})

    async def finish(self) -> None:
        """Do nothing: `close` completes the response."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer, as far as can be seen."""
        return self.unsent_bytes

    def cork(self) -> None:
        """Hold nothing: each message is sent by itself."""

    def uncork(self) -> None:
        """Send nothing: nothing was held."""

    def write(self, envelope: Envelope) -> int:
        """Queue a notification; return the unsent bytes after it."""
        return self._put(envelope.event if self._events else envelope.json, envelope.position)

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Queue notifications, one message each; return the unsent bytes after them."""
        for envelope in envelopes:
            self.write(envelope)
        return self.unsent_bytes

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Queue the first of these, and more as long as at most `room_bytes` are unsent; return how many."""
        for count, envelope in enumerate(envelopes, start=1):
            if self.write(envelope) > room_bytes:
                return count
        return len(envelopes)

    def write_control(self, frame: bytes) -> int:
        """Queue a control frame; return the unsent bytes after it."""
        return self._put(event_data(frame) if self._events else frame)

    def write_event(self, event: bytes) -> int:
        """Queue finished event-stream bytes; return the unsent bytes after them."""
        return self._put(event)

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Queue a heartbeat where this transport can carry one."""
        if self._events:
            self._put(event_comment("hb", cursor=cursor) if frame is None else event_data(frame, cursor=cursor))
        elif frame is not None:
            self._put(frame)
        elif not self._queue and (parsed := parse_cursor(cursor)) is not None:
            self._reach(parsed.position)

    def ask(self, position: int) -> None:
        """Ask nothing: there is no ping, so what another server's `send` has taken counts as confirmed."""

    def resume_at(self, point: ResumePoint) -> None:
        """Note in this point what the server's `send` has taken."""
        self.point = point

    def write_retry(self, retry_ms: int) -> None:
        """Queue how long an event stream's client waits before it comes back."""
        if self._events:
            self._put(event_retry(retry_ms))

    def close(self, code: int, reason: str) -> None:
        """End the connection after what is queued."""
        if self.open:
            self.open = False
            if self._events:
                self._close = {"type": "http.response.body", "body": b"", "more_body": False}
            else:
                self._close = {"type": "websocket.close", "code": code, "reason": reason}
            self._queued.set()
            self._patience.reschedule(asyncio.get_running_loop().time() + self._close_timeout_s)

    def abort(self) -> None:
        """End the connection now; what is queued is forgotten."""
        self._queue.clear()
        if self.open:
            self.close(1011, "")
            self._patience.reschedule(asyncio.get_running_loop().time())

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the queue is empty."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._drained.wait()
        except TimeoutError:
            return False
        return True

    def _begin(self, opening: Message) -> None:
        # Not before: until then the app may still refuse, by `send` itself.
        self._tasks.create_task(self._run(opening))

    async def _run(self, opening: Message) -> None:
        # A server says that the peer is gone by an OSError (ASGI 2.4), an older one by a RuntimeError.
        with contextlib.suppress(OSError, RuntimeError):
            await self._send(opening)
            await self._write_queue()
        self.open = False
        self._drained.set()
        self._on_connection_lost()

    async def _write_queue(self) -> None:
        while True:
            while self._queue:
                body, position = self._queue.popleft()
                await self._send(self._message(body))
                self.unsent_bytes -= len(body)
                self.taken_bytes += len(body)
                self._reach(position)
            self._drained.set()
            if self._close is not None:
                await self._send(self._close)
                return
            self._queued.clear()
            await self._queued.wait()

    def _message(self, body: bytes) -> Message:
        if self._events:
            return {"type": "http.response.body", "body": body, "more_body": True}
        return {"type": "websocket.send", "text": body.decode()}

    def _reach(self, position: int) -> None:
        if self.point is not None and position:
            self.point.note(position)
            self.point.ask(position)
            self.point.confirm(position)

    def _put(self, body: bytes, position: int = 0) -> int:
        if self.open:
            self._queue.append((body, position))
            self.unsent_bytes += len(body)
            self._drained.clear()
            self._queued.set()
        return self.unsent_bytes
