"""What the leader repeats of each record that it stored: the live side of a mirror. It may lose any of them."""

from __future__ import annotations

from collections.abc import Callable

from hub.log.jetstream.subject import Names
from hub.nats.port import Message, Nats

__all__ = ["listen"]


async def listen(nats: Nats, names: Names, take: Callable[[int, bytes], None]) -> None:
    """Call `take` with the position and the bytes of each record, from when this returns."""

    def hear(message: Message) -> None:
        sequence = message.headers.get("Nats-Sequence", "")
        if sequence.isdigit() and message.headers.get("Nats-Stream") == names.stream:
            take(int(sequence), message.payload)

    await nats.subscribe(names.tap, hear)
