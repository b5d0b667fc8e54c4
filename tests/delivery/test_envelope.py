"""Finished bytes: what the hub writes is read back by small parsers written from the specifications alone."""

from __future__ import annotations

import json
import re
import zlib
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sse_starlette.event import ServerSentEvent

from hub.cursor import Cursor, Epoch, parse_cursor
from hub.delivery.envelope import (
    DEFLATE_WINDOW_BITS,
    PING,
    Envelope,
    chunk,
    deflated_frame,
    event_comment,
    event_data,
    event_preamble,
    event_retry,
    stamp,
    text_frame,
)

EPOCH = Epoch("abcdefghij")


class Frame(NamedTuple):
    """One WebSocket frame, taken apart."""

    final: bool
    compressed: bool
    opcode: int
    payload: bytes


class Event(NamedTuple):
    """One event that an EventSource dispatches."""

    data: str
    last_event_id: str


def read_frame(data: bytes) -> Frame:
    """Read the one frame in `data` (RFC 6455 section 5.2): unmasked, its length written as short as can be."""
    first, second = data[0], data[1]
    assert 0 == first & 0b0011_0000, "reserved bits"
    assert 0 == second & 0x80, "a server masks nothing"
    length, at = second & 0x7F, 2
    if length == 126:
        length, at = int.from_bytes(data[2:4], "big"), 4
        assert length >= 126, "not the shortest length"
    elif length == 127:
        length, at = int.from_bytes(data[2:10], "big"), 10
        assert 65_536 <= length < 2**63, "not the shortest length"
    assert len(data) == at + length
    return Frame(bool(first & 0x80), bool(first & 0x40), first & 0x0F, data[at:])


def read_stream(data: bytes) -> tuple[list[Event], str, int | None]:
    """Interpret an event stream (WHATWG HTML section 9.2.6); return events, last event id, reconnection time."""
    text = data.decode("utf-8", errors="strict").removeprefix("\ufeff")
    events: list[Event] = []
    data_buffer, id_buffer, last_event_id, retry_ms = "", "", "", None
    lines = re.split("\r\n|\n|\r", text)
    assert "" == lines.pop(), "the stream ends within a line"
    for line in lines:
        if line == "":
            last_event_id = id_buffer
            if data_buffer:
                events.append(Event(data_buffer.removesuffix("\n"), last_event_id))
            data_buffer = ""
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data_buffer += value + "\n"
        elif field == "id" and "\0" not in value:
            id_buffer = value
        elif field == "retry" and re.fullmatch("[0-9]+", value):
            retry_ms = int(value)
        else:
            assert field == "", f"an unknown field: {field!r}"
    assert "" == data_buffer, "an event without its empty line"
    return events, last_event_id, retry_ms


def read_chunks(data: bytes) -> list[bytes]:
    """Take HTTP/1.1 chunks apart (RFC 9112 section 7.1)."""
    chunks = []
    while data:
        size, _, data = data.partition(b"\r\n")
        assert re.fullmatch(b"[0-9a-fA-F]+", size)
        length = int(size, 16)
        assert length > 0, "the last chunk ends the stream"
        assert b"\r\n" == data[length : length + 2]
        chunks.append(data[:length])
        data = data[length + 2 :]
    return chunks


#: Any text but half surrogate pairs, which no UTF-8 has; more of what parsers stumble over.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.text(
    "\r\n\0\x0b\x0c\x1c\x1e\x85\u2028\u2029\ufeff:;,{}\\\"' \t\U0001f600é", max_size=40
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts.filter(lambda name: name != "cursor"), values, min_size=1, max_size=4)
positions = st.integers(0, 2**63 - 1)


@st.composite
def payloads(draw: st.DrawFn) -> tuple[dict[str, Any], bytes]:
    """Return an object and one of its spellings: escaped or not, with any white space a sender may have left in."""
    content: dict[str, Any] = draw(objects)
    space = draw(st.sampled_from(["", " ", "\n", "\r", "\r\n", "\t", " \n\r\n "]))
    text = json.dumps(
        content, ensure_ascii=draw(st.booleans()), separators=(f"{space},{space}", f"{space}:{space}"), allow_nan=False
    )
    return content, text.encode()


class TestEnvelope:
    @given(payload=payloads(), position=positions)
    def test_every_form_says_the_same(self, payload: tuple[dict[str, Any], bytes], position: int) -> None:
        """WebSocket, compressed WebSocket, event and chunk carry the same object, and the same cursor."""
        self._check(*payload, position)

    @pytest.mark.soak
    @pytest.mark.parametrize("part", range(10))
    @settings(max_examples=10_000)
    @given(payload=payloads(), position=positions)
    def test_every_form_says_the_same_for_long(
        self, part: int, payload: tuple[dict[str, Any], bytes], position: int
    ) -> None:
        """A hundred thousand other objects do so, too."""
        self._check(*payload, position)

    def _check(self, content: dict[str, Any], stored: bytes, position: int) -> None:
        envelope = Envelope(stored, EPOCH, position)
        expected = {**content, "cursor": str(Cursor(EPOCH, position))}
        assert expected == json.loads(envelope.json)
        assert Frame(True, False, 1, envelope.json) == read_frame(envelope.frame)
        assert expected == json.loads(inflate(envelope.deflated))
        (event,), last_event_id, retry_ms = read_stream(envelope.event)
        assert expected == json.loads(event.data)
        assert envelope.cursor == event.last_event_id == last_event_id
        assert Cursor(EPOCH, position) == parse_cursor(last_event_id)
        assert retry_ms is None
        assert [envelope.event] == read_chunks(envelope.chunk)

    @pytest.mark.parametrize("form", ["frame", "deflated", "event", "chunk"])
    def test_each_form_is_made_once(self, form: str) -> None:
        """However many subscribers share an envelope, its bytes exist once."""
        envelope = Envelope(b'{"a":1}', EPOCH, 7)
        assert getattr(envelope, form) is getattr(envelope, form)

    def test_position_and_expiry(self) -> None:
        """An envelope knows where it stands and until when it is worth anything."""
        assert (7, None) == (Envelope(b'{"a":1}', EPOCH, 7).position, Envelope(b'{"a":1}', EPOCH, 7).expires_at_s)
        assert 12.5 == Envelope(b'{"a":1}', EPOCH, 7, 12.5).expires_at_s

    def test_stamp(self) -> None:
        """The cursor is the last member, and nothing else is touched."""
        assert b'{ "a" : 1.0 ,"cursor":"abcdefghij-7"}' == stamp(b'{ "a" : 1.0 }', "abcdefghij-7")


class TestFrames:
    @pytest.mark.parametrize(
        ("length", "header"),
        [
            (0, "8100"),
            (1, "8101"),
            (125, "817d"),
            (126, "817e007e"),
            (127, "817e007f"),
            (65_535, "817effff"),
            (65_536, "817f0000000000010000"),
            (65_537, "817f0000000000010001"),
        ],
    )
    def test_lengths(self, length: int, header: str) -> None:
        """Each length has the one header that RFC 6455 allows for it."""
        text = b"x" * length
        assert bytes.fromhex(header) + text == text_frame(text)
        assert Frame(True, False, 1, text) == read_frame(text_frame(text))

    def test_ping(self) -> None:
        """The ping is a final ping frame, short enough for a control frame."""
        assert Frame(True, False, 9, b"hub") == read_frame(PING)


def inflate(data: bytes) -> bytes:
    """Return the text of a frame that may be compressed (RFC 7692 section 7.2.2), with nothing kept from before."""
    frame = read_frame(data)
    assert (True, 1) == (frame.final, frame.opcode)
    if not frame.compressed:
        return frame.payload
    inflater = zlib.decompressobj(wbits=-DEFLATE_WINDOW_BITS)
    text = inflater.decompress(frame.payload + b"\x00\x00\xff\xff")
    assert b"" == inflater.unconsumed_tail == inflater.unused_data
    return text


class TestDeflatedFrame:
    @given(text=st.binary(max_size=200) | st.binary(max_size=20).map(lambda piece: piece * 500))
    def test_round_trip(self, text: bytes) -> None:
        """A compressed frame holds the text it was made of, and is never longer than the plain one."""
        assert text == inflate(deflated_frame(text))
        assert len(deflated_frame(text)) <= len(text_frame(text))

    def test_window(self) -> None:
        """No reference goes further back than the window that was negotiated."""
        far = bytes(range(256)) * 17
        assert far + b"-" + far == inflate(deflated_frame(far + b"-" + far))


class TestEvents:
    @given(text=texts, cursor=st.none() | positions)
    def test_data(self, text: str, cursor: int | None) -> None:
        """Any text arrives, a line break as a line break; a control frame leaves the last event id alone."""
        text = f"<{text}>"
        written = None if cursor is None else str(Cursor(EPOCH, cursor))
        before = event_data(b"{}", cursor="abcdefghij-5")
        events, last_event_id, _ = read_stream(before + event_data(text.encode(), cursor=written))
        expected_id = written or "abcdefghij-5"
        assert [Event("{}", "abcdefghij-5"), Event(re.sub("\r\n|\r", "\n", text), expected_id)] == events
        assert expected_id == last_event_id

    @given(text=texts, cursor=st.none() | positions)
    def test_data_is_written_as_the_library_does(self, text: str, cursor: int | None) -> None:
        """An event that needs no library has the bytes that sse-starlette would write."""
        written = None if cursor is None else str(Cursor(EPOCH, cursor))
        assert ServerSentEvent(data=text, id=written).encode() == event_data(text.encode(), cursor=written)

    def test_comment_is_not_shown(self) -> None:
        """A comment dispatches nothing and changes nothing."""
        before = event_data(b"{}", cursor="abcdefghij-5")
        assert read_stream(before) == read_stream(before + event_comment("hb"))

    def test_comment_with_a_cursor_moves_the_last_event_id(self) -> None:
        """An id without data dispatches nothing, and is what the client comes back with."""
        stream = event_data(b"{}", cursor="abcdefghij-5") + event_comment("hb", cursor="abcdefghij-9")
        assert ([Event("{}", "abcdefghij-5")], "abcdefghij-9", None) == read_stream(stream)
        assert "abcdefghij-9" == read_stream(stream + event_data(b"{}"))[0][1].last_event_id

    def test_preamble(self) -> None:
        """The first bytes are 2 KiB that show nothing, and the time to wait before coming back."""
        preamble = event_preamble(retry_ms=3000)
        assert len(preamble) >= 2048
        assert ([], "", 3000) == read_stream(preamble)

    def test_retry(self) -> None:
        """A new time to wait can come at any point of the stream, and leaves all else alone."""
        before = event_preamble(retry_ms=3000) + event_data(b"{}", cursor="abcdefghij-5")
        assert ([Event("{}", "abcdefghij-5")], "abcdefghij-5", 17) == read_stream(before + event_retry(17))

    @given(bodies=st.lists(st.binary(min_size=1, max_size=400), max_size=5))
    def test_chunks(self, bodies: list[bytes]) -> None:
        """Chunks one after the other are the bodies one after the other, whatever is in them."""
        assert bodies == read_chunks(b"".join(map(chunk, bodies)))

    @pytest.mark.parametrize("length", [1, 9, 10, 15, 16, 255, 256, 65_536])
    def test_chunk_lengths(self, length: int) -> None:
        """A chunk's length is hexadecimal."""
        assert [b"x" * length] == read_chunks(chunk(b"x" * length))
