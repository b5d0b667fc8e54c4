"""What a response to a publish says about its row: published, dead, failed, or nothing. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from contracts.problem import PROBLEM_TYPE_PREFIX, Problem
from contracts.receipt import Receipt
from hub.errors import (
    BodyTooLarge,
    DirectoryUnavailable,
    Forbidden,
    HeadersTooLarge,
    MethodNotAllowed,
    NotFound,
    RequestTimeout,
    UriTooLong,
)
from hub.header_fields import read_retry_after_s
from hub.relay.row import Dead, Failed, HubAway, Outcome, Published

__all__ = ["MAX_REASON", "TOO_LARGE", "is_forbidden", "read_response"]

#: The characters of a reason that a row keeps.
MAX_REASON = 500
#: The outcome of a row that no hub takes, which is not even read.
TOO_LARGE = Dead(BodyTooLarge.code, f"{BodyTooLarge.code}: {BodyTooLarge.title}")

_decode_receipt = msgspec.json.Decoder(Receipt).decode
_decode_problem = msgspec.json.Decoder(Problem).decode
_TOO_MANY = HTTPStatus.TOO_MANY_REQUESTS
#: What is wrong for good with this one row, even where a proxy before the hub says it.
_TOO_LARGE = frozenset({BodyTooLarge.status, UriTooLong.status, HeadersTooLarge.status})
#: 4xx of the hub that say nothing about the row: the key, the address, the moment.
_ABOUT_THE_RELAY = frozenset(
    {HTTPStatus.UNAUTHORIZED, NotFound.status, MethodNotAllowed.status, RequestTimeout.status, _TOO_MANY}
    | {HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, HTTPStatus.TOO_EARLY}
)


def read_response(status: int, headers: Mapping[str, str], body: bytes, *, now_s: float) -> Outcome:
    """Return the outcome of a row whose publish got this response.

    Only a hub can say that a row is dead: its problems have a code (RFC 9457). What another server says, such as a
    proxy, does not judge a notification; the exception is a body or head that is too large for it.
    `headers` are asked by lower-case names; `now_s` is for a Retry-After that is a date (RFC 9110 section 10.2.3).
    """
    retry_after_s = read_retry_after_s(headers.get("retry-after", ""), now_s)
    if 200 <= status < 300:
        return _read_receipt(status, body)
    try:
        problem = _decode_problem(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _read_foreign(status, retry_after_s)
    if problem.type != PROBLEM_TYPE_PREFIX + problem.code:
        return _read_foreign(status, retry_after_s)
    code, reason = problem.code, _describe(problem, status)
    if status == DirectoryUnavailable.status and code == DirectoryUnavailable.code:
        # Other rows may name their accounts, and need no look-up.
        return Failed(code, reason, False, retry_after_s)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return Failed(code, reason, True, retry_after_s)
    if 400 <= status < 500 and status not in _ABOUT_THE_RELAY:
        return Dead(code, reason)
    return HubAway(code, reason, retry_after_s)


def is_forbidden(outcome: Outcome) -> bool:
    """Whether the hub said that the key may not do this: publish this notification, or publish at all."""
    return isinstance(outcome, Dead) and outcome.code == Forbidden.code


def _read_receipt(status: int, body: bytes) -> Outcome:
    try:
        return Published(_decode_receipt(body).duplicate)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return HubAway("not_a_hub", f"the response is {status} without a receipt: is HUB_URL that of the hub?")


def _read_foreign(status: int, retry_after_s: float | None) -> Outcome:
    code = f"http_{status}"
    reason = f"the response is {status} and not the hub's: a proxy before it, or HUB_URL is another server's"
    if status in _TOO_LARGE:
        return Dead(code, reason)
    if status in _ABOUT_THE_RELAY or not 400 <= status < 500:
        return HubAway(code, reason, retry_after_s)
    return Failed(code, reason, False, retry_after_s)


def _describe(problem: Problem, status: int) -> str:
    field = f" at {problem.field}" if isinstance(problem.field, str) else ""
    return f"{problem.code} ({status}){field}: {problem.detail}"[:MAX_REASON]
