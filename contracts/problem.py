"""A failure as a problem of RFC 9457 (`application/problem+json`)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["PROBLEM_TYPE_PREFIX", "Problem"]

#: A problem's `type` is this followed by its `code`; it names the problem and is not a link.
PROBLEM_TYPE_PREFIX = "urn:notification-hub:problem:"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A failure that a program can act on.

    `code` is stable, and programs compare it. `field` is the path of the wrong field, such as
    `$.data.items`. `known` lists the known notification types if the given one is unknown.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | UnsetType = UNSET
    known: list[str] | UnsetType = UNSET
