"""Whom a notification is for: a user of an account, an account, or everyone.

A target is one string, the same in the log's index and in the index of connected subscribers, so
that no two rooms can disagree about whom it is for. Ids never hold control characters (the contracts
refuse them), so the unit separator cannot be forged and `("a", "b c")` never equals `("a b", "c")`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NewType

__all__ = [
    "CONTROL",
    "EVERYONE",
    "NOBODY",
    "WITHOUT_ACCOUNT",
    "Target",
    "account_target",
    "find_person",
    "is_personal",
    "split_target",
    "subscriber_targets",
    "superseded_target",
    "user_target",
]

Target = NewType("Target", str)

_SEPARATOR = "\x1f"
_USER = f"u{_SEPARATOR}"
#: A lone surrogate cannot be written as UTF-8, so the log could not store its target: a JWT may contain one.
_UNUSABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")

EVERYONE = Target("e")
#: In place of an account, for people who have none and are let in all the same (HUB_PEOPLE_WITHOUT_ACCOUNT). It is not
#: an account: they have nothing in common.
WITHOUT_ACCOUNT = "00000000-0000-0000-0000-000000000001"
#: Records of the hub to itself (a revocation); no subscriber ever matches it.
CONTROL = Target("c")
#: What is left of a record whose user was erased; no subscriber ever matches it.
NOBODY = Target("n")


def user_target(account_id: str, user_id: str) -> Target:
    """Return the target of one user in one account.

    Raises:
        ValueError: an id is empty or holds a control character or half a surrogate pair.
    """
    return Target(f"{_USER}{_checked(account_id)}{_SEPARATOR}{_checked(user_id)}")


def account_target(account_id: str) -> Target:
    """Return the target of every user of one account.

    Raises:
        ValueError: the id is empty or holds a control character or half a surrogate pair.
    """
    return Target(f"a{_SEPARATOR}{_checked(account_id)}")


def subscriber_targets(account_id: str, user_id: str) -> tuple[Target, ...]:
    """Return every target whose notifications this user of this account gets; the user's own comes first.

    People without an account get what is addressed to them by name, and nothing else.
    """
    own = user_target(account_id, user_id)
    return (own,) if account_id == WITHOUT_ACCOUNT else (own, account_target(account_id), EVERYONE)


def split_target(target: Target) -> tuple[str | None, str | None]:
    """Return the account and the user that a target names, None for what it does not name."""
    kind, *ids = target.split(_SEPARATOR)
    return (ids[0], ids[1]) if kind == "u" else (ids[0] if ids else None, None)


def find_person(owner: str) -> Target | None:
    """Return the user's target that the name of something ends with; None where it ends with none."""
    at = owner.find(_SEPARATOR) - 1
    return Target(owner[at:]) if at >= 0 and owner.startswith(_USER, at) else None


def superseded_target(target: Target) -> Target:
    """Return what stands in the log's index in place of a target whose record a newer one has superseded.

    No subscriber ever matches it.
    """
    return Target(f"s{_SEPARATOR}{target}")


def is_personal(targets: Sequence[Target]) -> bool:
    """Whether these targets are one user."""
    return len(targets) == 1 and targets[0].startswith(_USER)


def _checked(identifier: str) -> str:
    if not identifier or _UNUSABLE.search(identifier):
        raise ValueError("an id is empty or cannot be stored")
    return identifier
