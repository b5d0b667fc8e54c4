"""What a NATS server sends to one client, message by message, so that a test can lose some of them on their way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Delivery", "NatsFilter"]

_END = b"\r\n"


class Delivery(NamedTuple):
    """One message for the client: its subject, and its headers and payload as they came."""

    subject: str
    content: bytes


class NatsFilter:
    """Takes what a server sends, in any pieces, and returns what is to be passed on.

    `passes` is asked once for each whole message (MSG and HMSG). Everything else is passed on.
    """

    def __init__(self, passes: Callable[[Delivery], bool]) -> None:
        self._passes = passes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Return what may go on of all that has come whole."""
        self._buffer += data
        kept = bytearray()
        while (length := self._measure()) is not None:
            operation = bytes(self._buffer[:length])
            del self._buffer[:length]
            delivery = _read(operation)
            if delivery is None or self._passes(delivery):
                kept += operation
        return bytes(kept)

    def _measure(self) -> int | None:
        """Return the length of the first operation with its payload; None where it has not come whole."""
        line_end = self._buffer.find(_END)
        if line_end < 0:
            return None
        line = bytes(self._buffer[:line_end])
        length = line_end + len(_END)
        if line.startswith((b"MSG ", b"HMSG ")):
            length += int(line.rpartition(b" ")[2]) + len(_END)
        return length if length <= len(self._buffer) else None


def _read(operation: bytes) -> Delivery | None:
    line, _, content = operation.partition(_END)
    if not line.startswith((b"MSG ", b"HMSG ")):
        return None
    return Delivery(line.split(b" ")[1].decode(), content.removesuffix(_END))
