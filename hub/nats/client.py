"""nats-py's client, with a short way for messages: a callback gets each as it is read, and many leave in one write.

nats-py itself gives each message to a queue and a task, and makes a future and a wake-up of each publish. A node gets
every record of the cluster, so that was most of what a record cost it (docs/decisions/0018-nats.md). The handshake, the
pings, the errors and the end of the connection are nats-py's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from nats.aio.client import Client

from hub.nats.port import Message
from hub.nats.wire import NO_HEADERS, encode_subscribe, encode_unsubscribe, read_headers

__all__ = ["DirectClient"]


class DirectClient(Client):
    """One connection. Nothing waits in it: what is not read yet is the kernel's, and then the server's, to hold."""

    def __init__(self, note_end: Callable[[], None]) -> None:
        """Call `note_end` when the connection begins to end, for whatever reason."""
        super().__init__()
        self._note_end = note_end
        self._takers: dict[int, Callable[[Message], None]] = {}
        self._newest = 0

    def listen(self, subject: str, take: Callable[[Message], None]) -> int:
        """Subscribe, and return the number of the subscription; the server has it after the next `flush`."""
        self._newest += 1
        self._takers[self._newest] = take
        self.write(encode_subscribe(subject, self._newest))
        return self._newest

    def unlisten(self, number: int) -> None:
        """End a subscription: its callback is not called any more."""
        if self._takers.pop(number, None) is not None:
            with contextlib.suppress(OSError):
                self.write(encode_unsubscribe(number))

    def write(self, data: bytes) -> None:
        """Send commands of the protocol, in the order of the calls.

        Raises:
            OSError: the connection is gone.
        """
        assert self._transport is not None, "it is connected first"
        try:
            self._transport.write(data)
        except RuntimeError as error:
            # uvloop says so of a socket that it has closed.
            raise ConnectionResetError(str(error)) from None

    async def drain(self) -> None:
        """Return once the socket takes more."""
        assert self._transport is not None, "it is connected first"
        await self._transport.drain()  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        """Drop what the peer has not taken, and the connection with it; nothing where it is closed already."""
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # nats-py waits first until the peer has taken everything, and a peer that hangs never does.
        self._note_end()
        await super()._close(status, do_cbs)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: Any) -> None:
        # Called by nats-py's parser for each message.
        take = self._takers.get(sid)
        if take is None:
            return
        try:
            take(Message(subject.decode(), data, read_headers(headers) if headers else NO_HEADERS, reply.decode()))
        except Exception as error:  # whatever a message makes of the hub, the next one is heard
            await self._error_cb(error)
