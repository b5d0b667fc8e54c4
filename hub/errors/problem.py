"""A failure as its RFC 9457 problem: the one place that decides what an HTTP response to a failure looks like."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from contracts.problem import PROBLEM_TYPE_PREFIX, Problem
from hub.errors import HubError, MethodNotAllowed, OffsetGone, UnknownType, UnsupportedContentEncoding

__all__ = ["PROBLEM_MEDIA_TYPE", "ProblemResponse", "describe_problem", "write_problem"]

PROBLEM_MEDIA_TYPE = b"application/problem+json"
#: `Retry-After` of a failure that passes, where its cause knows no better.
RETRY_AFTER_S = 5
#: After these nothing more is read. Not after 413: a client that is still sending would be reset before it reads why.
_ENDS_CONNECTION = frozenset({408, 414, 431, 501})

Headers = list[tuple[bytes, bytes]]


class ProblemResponse(NamedTuple):
    """An HTTP response: its status, its headers but for the body's length, and its body."""

    status: int
    headers: Headers
    body: bytes


def describe_problem(error: HubError, *, at: str | None = None) -> Problem:
    """Return the problem that tells a caller of `error`; nothing in it names a person or a secret.

    `at` is the path of the part of a request that failed, where other parts did not; the paths of `error` start there.
    """
    return Problem(
        type=PROBLEM_TYPE_PREFIX + error.code,
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        field=_field(error.field, at),
        known=list(error.known) if isinstance(error, UnknownType) and error.known else msgspec.UNSET,
    )


def _field(field: str | None, at: str | None) -> str | msgspec.UnsetType:
    if at is not None:
        return at + (field or "$").removeprefix("$")
    return msgspec.UNSET if field is None else field


def write_problem(error: HubError) -> ProblemResponse:
    """Return the response that tells a client of `error`, whichever route it asked."""
    headers = [(b"content-type", PROBLEM_MEDIA_TYPE), (b"cache-control", b"no-store"), *_required_headers(error)]
    return ProblemResponse(error.status, headers, msgspec.json.encode(describe_problem(error)))


def _required_headers(error: HubError) -> Headers:
    """Return what RFC 9110 (section 15.5) and RFC 9112 want beside an error of this status."""
    if error.status == 401:
        return [(b"www-authenticate", b"Bearer")]
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", ", ".join(error.allow).encode())]
    if isinstance(error, OffsetGone):
        return [(b"stream-next-offset", error.next_offset.encode())]
    if isinstance(error, UnsupportedContentEncoding):
        return [(b"accept-encoding", b"identity")]
    if error.status == 415:
        return [(b"accept", b"application/json")]
    if error.status == 426:
        return [(b"upgrade", b"websocket"), (b"connection", b"upgrade"), (b"sec-websocket-version", b"13")]
    if error.status in {429, 503}:
        delay_s = RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        return [(b"retry-after", str(delay_s).encode())]
    if error.status in _ENDS_CONNECTION:
        return [(b"connection", b"close")]
    return []
