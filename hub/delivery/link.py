"""The link: what writes the bytes of one connection. The edge and the transports implement it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hub.delivery.envelope import Envelope
from hub.delivery.resume_points import ResumePoint

__all__ = ["Link"]


class Link(Protocol):
    """Writes to one peer and never blocks; what the peer does not take waits and is counted."""

    @property
    def can_pong(self) -> bool:
        """Whether the peer can answer a ping."""

    @property
    def unsent_bytes(self) -> int:
        """How much waits in this process for the peer to take it."""

    @property
    def waiting_bytes(self) -> int:
        """How much waits for the peer in all, in this process and, as far as it tells, in the kernel."""

    @property
    def taken_bytes(self) -> int:
        """How much the peer has taken so far; only compared with an earlier value, to see progress."""

    def write(self, envelope: Envelope) -> int:
        """Send a notification; return the unsent bytes after it."""

    def write_many(self, envelopes: Sequence[Envelope]) -> int:
        """Send notifications in this order, in one write; return the unsent bytes after them."""

    def write_control(self, frame: bytes) -> int:
        """Send a control frame (one JSON object); return the unsent bytes after it."""

    def write_heartbeat(self, frame: bytes | None, cursor: str) -> None:
        """Send a heartbeat: a ping or a comment, and `frame` to clients that speak `hub.v1`."""

    def ask(self, position: int) -> None:
        """Ask a client without a cursor to confirm that it has everything up to `position`; nothing for others."""

    def resume_at(self, point: ResumePoint) -> None:
        """Keep the resume point of a client without a cursor up to date with what it takes; nothing for others."""

    def write_retry(self, retry_ms: int) -> None:
        """Tell an event stream's client how long to wait before it comes back; nothing on WebSockets."""

    def close(self, code: int, reason: str) -> None:
        """Say why, then end the connection in order; a peer that does not take it is aborted soon."""

    def abort(self) -> None:
        """End the connection now; what was not sent is forgotten."""

    async def wait_writable(self, *, timeout_s: float) -> bool:
        """Wait until the peer has taken most of what was sent; False where it did not in time."""
