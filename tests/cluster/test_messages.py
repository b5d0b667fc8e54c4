"""What nodes say, as bytes: read back as it was said, and dropped with a reason where it cannot be right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cluster.message import (
    MAX_BYTES,
    AckMessage,
    AnswerMessage,
    AskTicket,
    BadMessage,
    CountsMessage,
    HeadMessage,
    PresenceMessage,
    QuestionMessage,
    Reader,
    encode,
)
from tests.cluster.nodes import GRANT

LIFE = "0123456789abcdef"
HEAD = {"v": 1, "node": "a", "life": LIFE, "epoch": "e", "head": 7}


@pytest.mark.parametrize(
    "said",
    [
        HeadMessage(node="a", life=LIFE, epoch="e", head=7),
        CountsMessage(node="a", life=LIFE, counts=[(1, 2), (3, 0)]),
        AckMessage(node="a", life=LIFE, user="u", epoch="e", position=7),
        QuestionMessage(node="a", life=LIFE, ask=AskTicket("ab" * 32, None)),
        AnswerMessage(node="a", life=LIFE, grant=GRANT),
    ],
    ids=lambda said: type(said).__name__,
)
def test_a_message_is_read_as_it_was_said(
    said: HeadMessage | CountsMessage | AckMessage | QuestionMessage | AnswerMessage,
) -> None:
    """Every kind of message comes back as it was."""
    assert said == Reader(type(said)).read(encode(said))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"v": 2}, "version"),
        ({"v": 0}, "version"),
        ({"v": "1"}, "unreadable"),
        ({"node": "a.b"}, "unreadable"),
        ({"node": "*"}, "unreadable"),
        ({"node": "a\n"}, "unreadable"),
        ({"node": ""}, "unreadable"),
        ({"life": "zz"}, "unreadable"),
        ({"head": -1}, "unreadable"),
        ({"head": 2**63}, "unreadable"),
        ({"head": "7"}, "unreadable"),
        ({"epoch": "e" * 65}, "unreadable"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else None,
)
def test_what_cannot_be_right_is_named(changes: dict[str, object], reason: str) -> None:
    """A message of another version, or with a value that none has, is dropped with the reason."""
    with pytest.raises(BadMessage, match=reason):
        Reader(HeadMessage).read(json.dumps(HEAD | changes).encode())


def test_a_newer_node_may_say_more() -> None:
    """Fields that this version does not know are passed over, so that nodes can be upgraded one by one."""
    assert 7 == Reader(HeadMessage).read(json.dumps(HEAD | {"weather": [1]}).encode()).head


@given(st.binary(max_size=200))
def test_bytes_of_anybody_are_read_or_dropped(payload: bytes) -> None:
    """Whatever arrives, it is a message or a BadMessage."""
    for kind in (HeadMessage, PresenceMessage, CountsMessage, QuestionMessage, AnswerMessage):
        with pytest.raises(BadMessage):
            Reader(kind).read(payload)


def test_what_is_too_large_is_not_parsed() -> None:
    """A message over the bound is dropped unread, and so is one that is nested deeply."""
    with pytest.raises(BadMessage, match="too_large"):
        Reader(HeadMessage).read(b" " * (MAX_BYTES + 1))
    with pytest.raises(BadMessage, match="unreadable"):
        Reader(HeadMessage).read(b'{"v":' + b"[" * 200_000)
