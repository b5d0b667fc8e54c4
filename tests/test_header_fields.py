"""Header fields by name: one that may come once, and lists over several lines."""

from __future__ import annotations

import pytest

from hub.errors import BadRequest
from hub.header_fields import find_single, join_lines, list_tokens


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
