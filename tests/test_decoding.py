"""Decoding errors in words: a failure of the table for whatever a decoder raises, and no text of the document in it."""

from __future__ import annotations

import msgspec
import pytest

from hub.errors import HubError, InvalidJson, TooDeep, UnsupportedContentEncoding
from hub.errors.decoding import describe_decoding_error
from hub.errors.problem import write_problem


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (RecursionError("maximum recursion depth exceeded"), TooDeep),
        (ValueError("Exceeds the limit (4300 digits) for integer string conversion: 00000000191"), InvalidJson),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), InvalidJson),
        (msgspec.DecodeError("JSON is malformed: invalid character (byte 3)"), InvalidJson),
    ],
)
def test_every_way_to_fail_is_a_failure_of_the_table(
    raised: ValueError | RecursionError | msgspec.MsgspecError, expected: type[HubError]
) -> None:
    """What is not msgspec's own may quote the document, so its text is left out."""
    failure = describe_decoding_error(raised)
    assert expected is type(failure)
    assert "00000000191" not in str(failure)


def test_unsupported_encoding_says_which_is_supported() -> None:
    """RFC 9110 section 15.5.16: a 415 for a content coding names those that would do."""
    assert (b"accept-encoding", b"identity") in write_problem(UnsupportedContentEncoding()).headers
