"""The last answer on a connection, in bytes: for where the server has no request that it could answer itself."""

from __future__ import annotations

import re
from http import HTTPStatus

from hub.errors.problem import ProblemResponse
from hub.header_fields import Headers

__all__ = ["check_headers", "encode_last_answer"]

#: What no name or value of a header may hold (RFC 9110 section 5.5).
_LINE_END = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


def encode_last_answer(answer: ProblemResponse) -> bytes:
    """Return an answer in bytes, for where no server writes it; the connection ends with it.

    Raises:
        ValueError: a header would end early, and what follows would be taken for the rest of the answer.
    """
    status, headers, body = answer
    options = [value for name, value in headers if name == b"connection" and value != b"close"]
    lines = [
        b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode()),
        *(b"%b: %b\r\n" % header for header in check_headers(headers) if header[0] != b"connection"),
        b"content-length: %d\r\nconnection: %b\r\n\r\n" % (len(body), b", ".join([b"close", *options])),
    ]
    return b"".join((*lines, body))


def check_headers(headers: Headers) -> Headers:
    """Return headers none of which ends early.

    Raises:
        ValueError: one would.
    """
    if any(_LINE_END.search(text) for header in headers for text in header):
        raise ValueError("a header would end early")
    return headers
