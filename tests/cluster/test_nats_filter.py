"""A filter between a NATS server and a client passes on what it is to pass on, byte for byte."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.cluster.nats_filter import Delivery, NatsFilter

OPERATIONS = [
    b'INFO {"server_name":"MSG "}\r\n',
    b"PING\r\n",
    b"MSG hub.tap 1 5\r\nhello\r\n",
    b"MSG _INBOX.a.b 2 reply.to 11\r\nMSG a 1 2\r\n\r\n",
    b"HMSG hub.tap 1 12 17\r\nNATS/1.0\r\n\r\nhello\r\n",
    b"MSG hub.tap 1 0\r\n\r\n",
    b"-ERR 'Stale Connection'\r\n",
]


@given(st.lists(st.sampled_from(OPERATIONS)), st.lists(st.integers(1, 40)), st.booleans())
def test_only_what_is_lost_is_missing(operations: list[bytes], pieces: list[int], loses: bool) -> None:
    """However the bytes are cut, every operation but the lost ones goes on whole."""
    seen: list[Delivery] = []

    def passes(delivery: Delivery) -> bool:
        seen.append(delivery)
        return not (loses and delivery.subject == "hub.tap")

    wire = NatsFilter(passes)
    data, out = b"".join(operations), b""
    for size in [*pieces, len(data)]:
        out += wire.feed(data[:size])
        data = data[size:]
    assert b"".join(each for each in operations if not (loses and b"MSG hub.tap" in each)) == out
    assert sum(each.startswith((b"MSG", b"HMSG")) for each in operations) == len(seen)
    assert {b"", b"hello", b"MSG a 1 2\r\n", b"NATS/1.0\r\n\r\nhello"} >= {each.content for each in seen}
