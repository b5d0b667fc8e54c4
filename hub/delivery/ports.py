"""What the parts of delivery ask of each other, and of the edge: methods by name, so that each can be tested alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hub.cursor import Cursor
from hub.delivery.envelope import Envelope
from hub.delivery.subscribers import Matched, Subscriber
from hub.target import Target

__all__ = [
    "CatchesUp",
    "Ends",
    "EndsInOrder",
    "Sockets",
    "TakesAcknowledgements",
    "TakesControl",
    "TakesState",
    "TakesUserState",
]


class EndsInOrder(Protocol):
    """Ends connections for a reason that the caller names."""

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """End a connection in order; the client is told why."""


class Ends(EndsInOrder, Protocol):
    """Ends connections, each for one reason, and announces gaps; no method blocks."""

    def end_slow(self, subscriber: Subscriber) -> None:
        """End a connection that does not keep up; it comes back with its cursor."""

    def end_expired(self, subscriber: Subscriber) -> None:
        """End a connection whose token expired."""

    def end_dead(self, subscriber: Subscriber) -> None:
        """Drop a connection whose peer is gone, or whose link failed."""

    def announce_gap(self, subscriber: Subscriber, cursor: Cursor) -> None:
        """Tell a client, in the stream, that what was due up to `cursor` is gone from the log."""


class CatchesUp(Protocol):
    """Brings from the log what a live connection's peer takes too slowly."""

    def fall_behind(self, subscriber: Subscriber) -> None:
        """Begin to, where the connection is live; it stays, and misses nothing."""


class TakesControl(Protocol):
    """Acts on the records that the hub writes to itself."""

    def take(self, payload: bytes) -> None:
        """Act on one."""


class TakesState(Protocol):
    """Acts on state records that are for the hub alone, such as a deadline or its claim."""

    def take_state(self, payload: bytes) -> None:
        """Act on one, or pass it over: it may be another part's."""


class TakesUserState(Protocol):
    """Acts on state records of users, before their connections get them."""

    def take_user_state(self, targets: Sequence[Target], payload: bytes, position: int) -> None:
        """Act on one, or pass it over: it may be another part's."""


class TakesAcknowledgements(Protocol):
    """Wants to know what a user's clients have got, where somebody waits for it; no method blocks."""

    def is_awaited(self, target: Target) -> bool:
        """Whether somebody may wait for a confirmation of this user."""

    def take_acknowledged(self, target: Target, after: int, upto: int) -> None:
        """Note that a client of this user has got what was for it in `(after, upto]`."""


class Sockets(Protocol):
    """Writes to many connections at once, past their links; never blocks."""

    def write_clear(self, envelope: Envelope, registered: Matched, /) -> tuple[list[Subscriber], int, int]:
        """Write a notification to those whose sockets are known to be clear, and are therefore live.

        Returns the others, and how many were written to: over WebSocket and over SSE.
        """

    def write_at_once(self, envelope: Envelope, subscribers: list[Subscriber], /) -> list[Subscriber]:
        """Write a notification to all it can; return the others, who are written to through their links."""

    def write_collected(self, due: dict[Subscriber, list[Envelope]], /) -> list[Subscriber]:
        """Write to all it can what a batch of records brings each; return the others, as above."""
