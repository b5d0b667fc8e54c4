"""The link over a server's transport: it writes finished bytes, past the server's per-message machinery."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Literal

from hub.delivery.envelope import Envelope
from hub.delivery.resume_points import ResumePoint
from hub.edge import batch_send
from hub.edge.backlog import read_taken_bytes, read_unsent_bytes

__all__ = ["Form", "Lane", "TransportLink", "is_encrypted"]

#: Which of an envelope's finished forms a link sends.
Form = Literal["frame", "deflated", "chunk", "event"]
#: How a link is written to past its transport: in which form, and whether what its socket took is noted.
Lane = Literal["send_socket", "noted frame", "noted deflated"]


def is_encrypted(transport: asyncio.Transport) -> bool:
    """Whether a transport speaks TLS."""
    return transport.get_extra_info("sslcontext") is not None


def _nothing() -> None:
    """Stand in until the link is attached."""


class TransportLink:
    """Writes to one connection through its transport, and awaits nothing."""

    __slots__ = ("_held", "_on_activity", "_on_connection_lost", "_transport", "open", "send_socket")

    form: Form
    lane: Lane = "send_socket"

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.open = True
        self._held: list[bytes] | None = None
        # Under TLS none: the peer would take what was written to it for ciphertext.
        descriptor = -1 if is_encrypted(transport) else transport.get_extra_info("socket").fileno()
        #: What a fan-out writes to. Whatever else writes to the transport, or ends it, sets `is_clear` to False.
        self.send_socket = batch_send.chosen.make_socket(descriptor, batch_send.FORMS.index(self.form))
        self._on_activity: Callable[[], None] = _nothing
        self._on_connection_lost: Callable[[], None] = _nothing

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'open' if self.open else 'closed'}, {self.unsent_bytes} bytes unsent>"

    def attach(self, *, on_connection_lost: Callable[[], None], on_activity: Callable[[], None] = _nothing) -> None:
        """Tell `on_connection_lost` once that the connection is gone, and `on_activity` of whatever the peer sends."""
        self._on_connection_lost, self._on_activity = on_connection_lost, on_activity

    @property
    def unsent_bytes(self) -> int:
        """How much waits for the peer."""
        return self._transport.get_write_buffer_size() if self.open else 0

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer here and in the kernel, which sends no more than the peer has room for."""
        return self.unsent_bytes + read_unsent_bytes(self._transport) if self.open else 0

    @property
    def taken_bytes(self) -> int:
        """How much the peer's kernel has acknowledged; where ours does not tell, how much of the rest it took."""
        return read_taken_bytes(self._transport) if self.open else 0

    def find_socket(self) -> int | None:
        """Return the descriptor that may take the next bytes itself, past the transport, or None: bytes wait there."""
        transport = self._transport
        if self.open and not transport.get_write_buffer_size() and not transport.is_closing() and self._held is None:
            return self.send_socket.descriptor if self.send_socket.descriptor >= 0 else None
        return None

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""
        return self.write_bytes(getattr(envelope, self.form))

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in one write; return the unsent bytes after them."""
        form = self.form
        return self.write_bytes(b"".join([getattr(envelope, form) for envelope in envelopes]))

    def write_page(self, envelopes: Sequence[Envelope], *, room_bytes: int) -> int:
        """Send the first of these notifications, and more as long as at most `room_bytes` are unsent; return how many.

        What the socket takes at once is one system call, however large the page. The transport gets the rest of the
        notification that the socket took a part of, and then as many as there is room for.
        """
        form = self.form
        bodies: list[bytes] = [getattr(envelope, form) for envelope in envelopes]
        descriptor = self.find_socket()
        count = 0
        if descriptor is not None:
            try:
                sent_bytes = os.write(descriptor, b"".join(bodies))
            except OSError:  # full, or gone: its transport finds out
                sent_bytes = 0
            while sent_bytes > 0:
                sent_bytes -= len(bodies[count])
                count += 1
            if sent_bytes < 0 and self.write_bytes(bodies[count - 1][sent_bytes:]) > room_bytes:
                return count
        while count < len(bodies):
            count += 1
            if self.write_bytes(bodies[count - 1]) > room_bytes:
                break
        return count

    def write_bytes(self, body: bytes) -> int:
        """Send finished bytes; return the unsent bytes after them."""
        if not self.open:
            return 0
        if self._held is not None:
            self._held.append(body)
            return 0
        return self._send(body)

    def cork(self) -> None:
        """Hold what is written until `uncork`, which must follow before anything is awaited."""
        self.send_socket.is_clear = False
        self._held = []

    def uncork(self) -> None:
        """Send what was held in one write."""
        held, self._held = self._held, None
        if held and self.open:
            self._send(b"".join(held))

    def ask(self, position: int) -> None:
        """Ask nothing: this client keeps its own cursor."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep nothing: this client keeps its own cursor."""

    def _send(self, body: bytes) -> int:
        self.send_socket.is_clear = False
        self._transport.write(body)
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """End the connection now."""
        self.open = self.send_socket.is_clear = False
        self._transport.abort()

    def frame_received(self) -> None:
        """Note that the peer sent something."""
        self._on_activity()

    def connection_lost(self) -> None:
        """Note that the transport is gone, tell those attached to it, and forget it.

        Its descriptor is closed after this, and may be another connection's then.
        """
        self.open = self.send_socket.is_clear = False
        on_connection_lost = self._on_connection_lost
        self._on_connection_lost = self._on_activity = _nothing
        on_connection_lost()
