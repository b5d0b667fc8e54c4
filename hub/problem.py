"""A failure as its RFC 9457 problem."""

from __future__ import annotations

import msgspec

from contracts.problem import PROBLEM_TYPE_PREFIX, Problem
from hub.errors import HubError, UnknownType

__all__ = ["describe_problem", "encode_problem"]


def describe_problem(error: HubError) -> Problem:
    """Return the problem that tells a caller of `error`; nothing in it names a person or a secret."""
    return Problem(
        type=PROBLEM_TYPE_PREFIX + error.code,
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        field=msgspec.UNSET if error.field is None else error.field,
        known=list(error.known) if isinstance(error, UnknownType) and error.known else msgspec.UNSET,
    )


def encode_problem(error: HubError) -> bytes:
    """Return the body of an `application/problem+json` answer."""
    return msgspec.json.encode(describe_problem(error))
