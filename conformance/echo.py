"""`python -m conformance.echo`: what Autobahn talks to, the hub's server and protocols with an app that echoes.

The hub itself never sends a client's words back, so its app cannot stand in. All below the app is the hub's: text
goes out in a notification's finished forms, through the connection's own link. The first line printed is the port.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from hub.bounds import Bounds
from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.link import LINK_EXTENSION
from hub.edge.server import HubServer, configure, listen
from hub.settings import Settings

__all__ = ["echo", "main"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: The largest message of the suite (cases 9.1.6 and 9.2.6).
LARGEST_BYTES = 16_777_216
#: As many frames as anybody can send; groups 9, 12 and 13 send thousands in a row.
NO_BOUND = 1e9
WAIT_S = 30.0


class Echo(Envelope):
    """A client's text in the forms that a notification has."""

    def __init__(self, text: bytes) -> None:
        super().__init__(b"{}", Epoch("conformance"), 0)
        self.json = text


async def echo(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Send back every message of every WebSocket, in its kind."""
    if scope["type"] == "lifespan":
        for kind in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{kind}.complete"})
        return
    await receive()
    link = scope["extensions"][LINK_EXTENSION].open_link()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("bytes") is not None:
            await send({"type": "websocket.send", "bytes": message["bytes"]})
        else:
            link.write(Echo(message["text"].encode()))
            await link.wait_writable(timeout_s=WAIT_S)


async def _stay() -> None:
    """Drain nobody: the suite opens one connection at a time."""


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m conformance.echo")
    parser.add_argument("--compression", action="store_true", help="offer permessage-deflate, as HUB_COMPRESSION=on")
    parser.add_argument("--raised", action="store_true", help="no bound on frames a second, messages of 16 MiB")
    chosen = parser.parse_args()
    # The suite's usual messages are longer than any of the hub's clients.
    bounds = Bounds(max_read_message_bytes=LARGEST_BYTES, max_waiting_bytes=LARGEST_BYTES)
    if chosen.raised:
        bounds = msgspec.structs.replace(
            bounds, frames_per_s=NO_BOUND, frames_burst=NO_BOUND, max_message_bytes=LARGEST_BYTES
        )
    settings = Settings(port=0, compression=chosen.compression, bounds=bounds)
    config = configure(echo, settings)
    listener = listen(settings)
    print(listener.getsockname()[1], flush=True)
    HubServer(config, drain=_stay).run([listener])


if __name__ == "__main__":
    main()
