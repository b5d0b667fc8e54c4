"""The event stream interpreted as WHATWG HTML section 9.2.6 says, written from its text and from nothing of the hub."""

from __future__ import annotations

import codecs
from typing import NamedTuple

__all__ = ["Event", "EventStreamParser"]


class Event(NamedTuple):
    """What a page's listener would get."""

    type: str
    data: str
    last_event_id: str


class EventStreamParser:
    """Takes bytes as they come and returns the events they complete."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._began = False
        self._data: list[str] = []
        self._type = ""
        self._id = ""
        self.reconnection_ms: int | None = None
        #: Every field name that came, for a test that allows only some.
        self.fields: set[str] = set()

    def feed(self, chunk: bytes) -> list[Event]:
        """Return the events that `chunk` completes."""
        text = self._decoder.decode(chunk)
        if not self._began and text:
            self._began = True
            text = text.removeprefix("\ufeff")
        text = self._rest + text
        events = []
        while (line := self._take_line(text)) is not None:
            text = text[line[1] :]
            event = self._interpret(line[0])
            if event is not None:
                events.append(event)
        self._rest = text
        return events

    @staticmethod
    def _take_line(text: str) -> tuple[str, int] | None:
        ends = [at for at in (text.find("\r"), text.find("\n")) if at >= 0]
        if not ends:
            return None
        end = min(ends)
        if text[end] == "\r":
            if end + 1 == len(text):
                return None  # its line feed may still come
            return text[:end], end + (2 if text[end + 1] == "\n" else 1)
        return text[:end], end + 1

    def _interpret(self, line: str) -> Event | None:
        if not line:
            return self._dispatch()
        if line.startswith(":"):
            return None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        self.fields.add(name)
        if name == "event":
            self._type = value
        elif name == "data":
            self._data.append(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.reconnection_ms = int(value)
        return None

    def _dispatch(self) -> Event | None:
        data, kind = self._data, self._type
        self._data, self._type = [], ""
        if not data:
            return None
        return Event(kind or "message", "\n".join(data), self._id)
