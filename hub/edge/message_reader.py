"""Whole messages out of a WebSocket's bytes, within bounds."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from websockets.frames import Frame, Opcode

from hub.bounds import Bounds
from hub.edge.websocket_core import WebSocketCore
from hub.operator_log import OperatorLog

__all__ = ["MessageReader", "MessageSink"]

#: Of the process: a flood from many connections is one line a minute.
_lines = OperatorLog(logging.getLogger("hub.edge"))


class MessageSink(Protocol):
    """Takes what is read, in order."""

    def note_activity(self) -> None:
        """Note that the peer sent something whole."""

    def take_message(self, message: bytes | str) -> None:
        """Take a message; a longer one than any of ours is empty."""

    def take_ping(self) -> None:
        """Take note of a ping, which the core has answered."""

    def take_pong(self, payload: bytes) -> None:
        """Take a pong."""

    def take_close(self) -> None:
        """Take the peer's close, which the core has answered."""

    def end_broken(self) -> None:
        """End a connection whose peer broke the protocol, with the code that the core chose."""

    def drop(self, code: int) -> None:
        """End a connection whose peer sends more than any client of ours would."""


class MessageReader:
    """Puts a connection's messages together from their fragments."""

    __slots__ = ("_body", "_bounds", "_core", "_is_text", "_loop", "_seen_s", "_sink", "_tokens")

    def __init__(self, core: WebSocketCore, sink: MessageSink, loop: asyncio.AbstractEventLoop, bounds: Bounds) -> None:
        self._bounds = bounds
        self._core = core
        self._sink = sink
        self._loop = loop
        #: What has come of a message that is not complete. Its fragments would have no bound: they may be empty.
        self._body = bytearray()
        self._is_text = False
        self._tokens = bounds.frames_burst
        self._seen_s = loop.time()

    def read(self, data: bytes) -> None:
        """Hand on what these bytes complete."""
        self._core.receive_data(data)
        if self._core.parser_exc is not None:
            self._sink.end_broken()
            return
        frames = self._core.events_received()
        if not self._take_tokens(len(frames)):
            _lines.write_limited(
                logging.WARNING, "rate_limited", "dropped a WebSocket whose client sent too many frames (1008)"
            )
            self._sink.drop(1008)
            return
        if frames:
            self._sink.note_activity()
        for frame in frames:
            assert isinstance(frame, Frame)
            self._take_frame(frame)

    def _take_tokens(self, count: int) -> bool:
        now_s = self._loop.time()
        earned = (now_s - self._seen_s) * self._bounds.frames_per_s
        self._tokens = min(self._bounds.frames_burst, self._tokens + earned) - count
        self._seen_s = now_s
        return self._tokens >= 0

    def _take_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text = frame.opcode is Opcode.TEXT
                self._take_part(frame)
            case Opcode.CONT:
                self._take_part(frame)
            case Opcode.PING:
                self._sink.take_ping()
            case Opcode.PONG:
                self._sink.take_pong(bytes(frame.data))
            case Opcode.CLOSE:
                self._sink.take_close()

    def _take_part(self, frame: Frame) -> None:
        self._body += frame.data
        if not frame.fin:
            return
        body, self._body = bytes(self._body), bytearray()
        message: bytes | str = body
        if self._is_text:
            try:
                message = body.decode()
            except UnicodeDecodeError:
                self._core.fail(1007, "text is not UTF-8")  # RFC 6455 section 8.1
                self._sink.end_broken()
                return
        self._sink.take_message(message if len(body) <= self._bounds.max_read_message_bytes else message[:0])
