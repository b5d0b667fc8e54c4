"""What went wrong, as RFC 9457 has it (`application/problem+json`)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

__all__ = ["PROBLEM_TYPE_PREFIX", "Problem"]

#: A problem's `type` is this followed by its `code`; it names the problem and leads nowhere.
PROBLEM_TYPE_PREFIX = "urn:notification-hub:problem:"


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A failure a program can act on.

    `code` is stable and is what to compare with. `field` is the path of the offending field, such as
    `$.data.items`. `known` lists the notification types the hub knows, where the given one is not among them.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    field: str | UnsetType = UNSET
    known: list[str] | UnsetType = UNSET
