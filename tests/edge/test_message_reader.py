"""Messages out of a WebSocket's bytes: what an unfinished one takes."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import cast

import pytest

from hub.bounds import Bounds
from hub.edge.message_reader import MessageReader, MessageSink
from hub.edge.websocket_core import WebSocketCore

#: Masked with zeros, so that the payload reads as it is.
BEGINNING = b"\x01\x80\0\0\0\0"
FRAGMENT = b"\x00\x80\0\0\0\0"
PART = b"\x00\x82\0\0\0\0{}"
END = b"\x80\x80\0\0\0\0"


class PatientLoop:
    """A clock on which every question comes a second later, so that no frame is one too many."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def time(self) -> float:
        self._now_s += 1
        return self._now_s


class Sink:
    """Keeps the messages, and takes part in nothing else."""

    def __init__(self) -> None:
        self.messages: list[bytes | str] = []

    def note_activity(self) -> None:
        pass

    def take_message(self, message: bytes | str) -> None:
        self.messages.append(message)


@pytest.mark.parametrize("fragment", [FRAGMENT, PART], ids=["empty", "short"])
def test_an_unfinished_message_takes_what_its_bytes_weigh(fragment: bytes) -> None:
    """A message in many fragments, which may be empty, takes no memory for each of them, however long it goes on."""
    sink = Sink()
    core = WebSocketCore(max_message_bytes=65_536, deflate=None)
    reader = MessageReader(core, cast("MessageSink", sink), cast("asyncio.AbstractEventLoop", PatientLoop()), Bounds())
    reader.read(BEGINNING)
    count, at_a_time = 20_000, int(Bounds().frames_per_s)
    tracemalloc.start()
    try:
        for _ in range(count // at_a_time):
            reader.read(fragment * at_a_time)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes < 100_000
    reader.read(END)
    assert [""] == sink.messages  # the app is told of the longer one, and not what it says
