"""The head of a response in bytes, and whole responses where no app writes one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from hub.errors.problem import ProblemResponse
from hub.header_fields import Headers

__all__ = ["check_headers", "encode_head", "encode_last_response"]

#: A name of a header (RFC 9110 section 5.6.2), and what no value of one may hold (section 5.5).
_NAME = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}


def encode_head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of a response, as HTTP/1.1 has it; its headers were checked."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    return b"".join([line, *[b"%b: %b\r\n" % header for header in headers], b"\r\n"])


def encode_last_response(response: ProblemResponse) -> bytes:
    """Return a response in bytes, where no app writes it; the connection ends with it.

    Raises:
        ValueError: a header would end early, and what follows would be taken for the rest of the response.
    """
    status, headers, body = response
    options = [value for name, value in headers if name == b"connection" and value != b"close"]
    head = [
        *(header for header in check_headers(headers) if header[0] != b"connection"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b", ".join([b"close", *options])),
    ]
    return encode_head(status, head) + body


def check_headers(headers: Headers) -> Headers:
    """Return headers none of which ends early.

    Raises:
        ValueError: one would, or its name is not a token.
    """
    for name, value in headers:
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise ValueError("a header would end early, or has no valid name")
    return headers
