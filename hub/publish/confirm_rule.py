"""Until when the users of a publish have to confirm it: what it asks, or what its type's policy says."""

from __future__ import annotations

import msgspec

from contracts.policy import Confirm, Policy
from hub.errors import InvalidField

__all__ = ["choose_confirm"]


def choose_confirm(
    asked: Confirm | None, policy: Policy, *, ttl_seconds: int | None, max_ttl_s: int, names_users: bool
) -> Confirm | None:
    """Return what each user has to confirm; None where nobody has to.

    A request may be stricter than the policy (earlier, or read in place of delivered) and never laxer. What a policy
    says holds for users alone, and ends with the notification.

    Raises:
        InvalidField: it asks an account or everyone, for less than the policy, or for what cannot happen.
    """
    if asked is None:
        if policy.confirm is None or not names_users:
            return None
        within_s = min(policy.confirm.within_seconds, max_ttl_s if ttl_seconds is None else ttl_seconds)
        return msgspec.structs.replace(policy.confirm, within_seconds=within_s)
    if not names_users:
        raise InvalidField(
            "Users confirm, and an account or everyone does not; give `user_id` or `user_ids`", field="$.confirm"
        )
    if asked.by == "read" and not policy.inbox:
        raise InvalidField("This type is not in the inbox, so nobody can mark it as read", field="$.confirm.by")
    if policy.confirm is not None:
        if policy.confirm.by == "read" and asked.by == "delivered":
            raise InvalidField("The policy of this type asks for `read`; `delivered` is less", field="$.confirm.by")
        if asked.within_seconds > policy.confirm.within_seconds:
            raise InvalidField(
                f"The policy of this type allows at most {policy.confirm.within_seconds} seconds",
                field="$.confirm.within_seconds",
            )
    kept_s = max_ttl_s if ttl_seconds is None else ttl_seconds
    if asked.within_seconds > kept_s:
        raise InvalidField(
            f"Nobody gets this notification after {kept_s} seconds, so nobody can confirm it then",
            field="$.confirm.within_seconds",
        )
    return asked
