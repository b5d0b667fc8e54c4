"""NATS's protocol as the hub writes and reads it, where no real server says it."""

from __future__ import annotations

import pytest

from hub.nats.wire import encode_publish, encode_subscribe, encode_unsubscribe, read_headers


def test_commands() -> None:
    """Each command is a line, with sizes in bytes and not in characters."""
    assert b"PUB a.b 4\r\n\xc3\xa9\r\n\r\n" == encode_publish("a.b", b"\xc3\xa9\r\n", None, "")
    assert b"PUB a me 0\r\n\r\n" == encode_publish("a", b"", None, "me")
    head = "NATS/1.0\r\nName: \u00e9\r\n\r\n".encode()
    written = encode_publish("a", b"12", {"Name": "\u00e9"}, "me")
    assert b"HPUB a me %d %d\r\n%b12\r\n" % (len(head), len(head) + 2, head) == written
    assert b"SUB a.> 7\r\n" == encode_subscribe("a.>", 7)
    assert b"UNSUB 7\r\n" == encode_unsubscribe(7)


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPUB b 0\r\n", "a\tb", "a\x00"])
def test_a_subject_cannot_end_its_line(subject: str) -> None:
    """What is not one word is refused, as the subject and as where replies go."""
    with pytest.raises(ValueError, match="spaces"):
        encode_publish(subject, b"", None, "")
    if subject:
        with pytest.raises(ValueError, match="spaces"):
            encode_publish("a", b"", None, subject)


@pytest.mark.parametrize(
    ("block", "headers"),
    [
        (b"NATS/1.0\r\n\r\n", {}),
        (b"NATS/1.0\r\nA: 1\r\nB:2\r\nC:  a: b \r\n\r\n", {"A": "1", "B": "2", "C": "a: b"}),
        (b"NATS/1.0 503\r\n\r\n", {"Status": "503"}),
        (
            b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\n\r\n",
            {"Status": "204", "Description": "EOB", "Nats-Num-Pending": "0"},
        ),
        (b"NATS/1.0 404 Message Not Found\r\n\r\n", {"Status": "404", "Description": "Message Not Found"}),
        (b"\xff\xfe", {}),
    ],
    ids=["none", "some", "status", "both", "words", "foreign"],
)
def test_headers(block: bytes, headers: dict[str, str]) -> None:
    """The first line may have a status and words; each other line has a name and a value."""
    assert headers == read_headers(block)
