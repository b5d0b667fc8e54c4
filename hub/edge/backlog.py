"""What waits for a peer, and whether it takes any of it: in this process, and as far as the kernel tells."""

from __future__ import annotations

import asyncio
import socket
import sys

__all__ = ["LOWER_MARK_BYTES", "UPPER_MARK_BYTES", "read_taken_bytes", "read_unsent_bytes"]

#: Above the upper mark a writer waits for the peer, until what waits in this process is below the lower one.
UPPER_MARK_BYTES = 8_192
LOWER_MARK_BYTES = 2_048
#: Where Linux's `struct tcp_info` says what the peer acknowledged (u64), and what was not sent to it yet (u32).
_ACKNOWLEDGED = slice(120, 128)
_NOT_SENT = slice(144, 148)
_INFO_BYTES = 148


def read_taken_bytes(transport: asyncio.Transport) -> int:
    """Return how much the peer's kernel has acknowledged; only compared with itself, to see progress.

    Where ours does not tell, less waits in this process as the peer takes more.
    """
    return int.from_bytes(_read_info(transport)[_ACKNOWLEDGED], sys.byteorder) or -transport.get_write_buffer_size()


def read_unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how much the kernel keeps since the peer has no room for it; none where it does not tell."""
    return int.from_bytes(_read_info(transport)[_NOT_SENT], sys.byteorder)


def _read_info(transport: asyncio.Transport) -> bytes:
    if sys.platform != "linux":
        return b""
    try:
        info: bytes = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    except OSError:  # of a Unix socket, or one that is gone
        return b""
    return info
