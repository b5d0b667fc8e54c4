"""What a push message holds of a notification, and how it is cut."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.push import PushMessage
from hub.push.encryption import MAX_MESSAGE_BYTES
from hub.push.message import SMALLER_BYTES, write_message
from hub.push.response import Outcome, read_response

ID, CURSOR = "0b6f2c52-9d0e-4c39-9f0a-0d6f3a4c1e77", "k3v9q2m7xa-1z8"


def payload(**fields: object) -> bytes:
    whole = {"type": "order_created", "title": "Novo pedido", "message": "PED-1", **fields, "id": ID}
    return json.dumps(whole).encode()


def read(message: bytes) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message)
    return decoded


def test_a_short_one_is_whole() -> None:
    """Everything of a short notification but its data is in the message."""
    stored = payload(data={"orderId": 1}, link="/orders/1", timestamp="2026-11-26T10:00:00.000Z")
    expected = {**json.loads(stored), "cursor": CURSOR}
    del expected["data"]
    assert expected == read(write_message(stored, CURSOR))


@given(st.text(), st.text(), st.text(max_size=2048), st.sampled_from([MAX_MESSAGE_BYTES, SMALLER_BYTES]))
def test_it_fits_whatever_it_is(title: str, message: str, link: str, limit_bytes: int) -> None:
    """However long and odd the texts are, the message fits, is valid, and has its id; nothing is made up."""
    stored = payload(title=title * 50, message=message * 500, link=link)
    written = write_message(stored, CURSOR, limit_bytes=limit_bytes)
    assert len(written) <= limit_bytes
    decoded = msgspec.json.decode(written, type=PushMessage)
    assert (ID, CURSOR, "order_created") == (decoded.id, decoded.cursor, decoded.type)
    assert decoded.link in {"", link}
    for cut, whole in ((decoded.title, title * 50), (decoded.message, message * 500)):
        assert cut == whole or whole.startswith(cut.removesuffix("…"))


def test_the_message_goes_before_the_title_and_the_link() -> None:
    """The message is cut first; title and link stay while there is any room, and a very long link goes as a whole."""
    stored = payload(title="T" * 300, message="m" * 9_000, link="/" + "l" * 400)
    written = read(write_message(stored, CURSOR, limit_bytes=SMALLER_BYTES))
    assert 256 == len(written["title"])
    assert 401 == len(written["link"])
    assert "mm…" == written["message"][-3:]
    stored = payload(message="m" * 9_000, link="/" + "l" * 900)
    written = read(write_message(stored, CURSOR, limit_bytes=SMALLER_BYTES))
    assert "link" not in written
    assert len(written["message"]) > 500


def test_what_is_no_notification() -> None:
    """A payload that is none raises what a decoder raises."""
    with pytest.raises(msgspec.MsgspecError):
        write_message(b"{}", CURSOR)


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ((200, 201, 202, 204), Outcome.SENT),
        ((404, 410), Outcome.GONE),
        ((413,), Outcome.TOO_LARGE),
        ((408, 425, 429, 500, 502, 503, 504), Outcome.RETRY),
        ((301, 302, 307, 308, 400, 401, 403, 405, 406, 422), Outcome.REFUSED),
    ],
)
def test_what_a_status_means(statuses: tuple[int, ...], outcome: Outcome) -> None:
    """Every status of RFC 8030 and of push services as they are has its outcome."""
    assert {outcome} == set(map(read_response, statuses))
