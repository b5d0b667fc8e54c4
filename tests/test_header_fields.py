"""Header fields by name: one that may come once, and lists over several lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from hub.errors import BadRequest
from hub.header_fields import find_single, join_lines, list_tokens, read_retry_after_s


def test_a_single_field() -> None:
    """The one value is returned as it was sent; without the field there is none."""
    headers = [(b"host", b"h"), (b"origin", b" a\xe9 ")]
    assert " aé " == find_single(headers, b"origin", refuse=BadRequest)
    assert find_single(headers, b"idempotency-key", refuse=BadRequest) is None


def test_two_are_refused_even_where_they_are_equal() -> None:
    """Two readers of one request must not choose different values."""
    with pytest.raises(BadRequest):
        find_single([(b"origin", b"a"), (b"origin", b"a")], b"origin", refuse=BadRequest)


def test_lists() -> None:
    """Several lines are one list, and empty elements are none."""
    headers = [(b"accept-encoding", b"gzip, ,br"), (b"x", b"y"), (b"accept-encoding", b"\tzstd ")]
    assert [b"gzip", b"br", b"zstd"] == list_tokens(headers, b"accept-encoding")
    assert b"gzip, ,br, zstd" == join_lines(headers, b"accept-encoding")
    assert b"" == join_lines(headers, b"accept")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Thu, 26 Nov 2026 10:00:30 GMT", 30.0),
        ("Thu, 26 Nov 2026 09:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("9" * 40, 999_999_999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """A Retry-After is read in both forms (RFC 9110 section 10.2.3), and what is neither says nothing."""
    now_s = datetime(2026, 11, 26, 10, tzinfo=UTC).timestamp()
    assert seconds == read_retry_after_s(text, now_s)
