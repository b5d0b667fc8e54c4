"""The policy of a type: what the hub does with all of its notifications, unless a publish asks for something stricter.

A type declares its policy beside `strict` and `example`, as class variables (`contracts.notification`). The hub reads
each type's policy once, at its start, into one `Policy`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

__all__ = ["MAX_TTL_S", "Confirm", "Policy", "PushUrgency"]

#: Ten years, the longest retention a hub can be given; a time to live may not exceed the hub's own.
MAX_TTL_S = 315_360_000
#: How urgent a push message of a type is, in the words of RFC 8030 section 5.3; `none`: it is never pushed.
PushUrgency = Literal["none", "very-low", "low", "normal", "high"]


class Confirm(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deadline, of 10 seconds to 7 days, until which the users have to have got or read a notification.

    `delivered`: a client of the user acknowledged it. `read`: the user marked it as read.
    """

    within_seconds: Annotated[int, msgspec.Meta(ge=10, le=604_800)]
    by: Literal["delivered", "read"]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for every notification of one type.

    `ttl_seconds`: how long it is delivered if the publish does not say; a publish may ask for less, and not for more.
    `inbox`: whether it is an item of the user's inbox. `collapse`: whether a publish may give a `collapse_key`, so that
    it takes the place of an older one. `confirm`: the deadline of a publish that names none. `mandatory`: whether
    users cannot mute the type. `push`: the urgency of its push messages.
    """

    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_TTL_S)] | None = None
    inbox: bool = True
    collapse: bool = False
    confirm: Confirm | None = None
    mandatory: bool = False
    push: PushUrgency = "none"
