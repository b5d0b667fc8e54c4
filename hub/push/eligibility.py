"""Whether a user is to be pushed a notification: its type, what connections took, and what the user may have now."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from contracts.policy import Policy, PushUrgency
from hub.auth.account import admit
from hub.auth.grant import Claims
from hub.auth.revocations import Revocations
from hub.cluster.port import Cluster
from hub.delivery.mutes import read_type
from hub.delivery.subscribers import Subscribers
from hub.delivery.taken import Taken
from hub.directory.directory import Directory
from hub.errors import AccountInactive, UserNotAllowed
from hub.log.port import Record
from hub.push.subscription import Subscription
from hub.push.subscriptions import Known
from hub.target import Target, split_target

__all__ = ["Eligibility"]


class Eligibility:
    """Decides for one user and one notification."""

    def __init__(
        self,
        *,
        policies: Mapping[str, Policy],
        subscribers: Subscribers,
        taken: Taken,
        directory: Directory,
        revocations: Revocations,
        cluster: Cluster,
        max_age_s: float,
        now: Callable[[], float],
    ) -> None:
        """`max_age_s`: how long a subscription is good that no browser names again."""
        self._policies = policies
        self._subscribers = subscribers
        self._taken = taken
        self._directory = directory
        self._revocations = revocations
        self._cluster = cluster
        self._max_age_s = max_age_s
        self._now = now

    def is_muted(self, user: Target, record: Record) -> bool:
        """Whether the user does not want notifications of this type."""
        muted = self._subscribers.mutes.find(user)
        return bool(muted) and read_type(record.payload) in muted

    def find_urgency(self, record: Record) -> PushUrgency | None:
        """Return how urgent a notification is; None where its type is not pushed, or is known no more."""
        policy = self._policies.get(read_type(record.payload))
        return None if policy is None or policy.push == "none" else policy.push

    async def has_taken(self, user: Target, position: int) -> bool:
        """Whether a device of the user has taken the notification at a position, as far as any node knows."""
        return self._taken.has(user, position) or await self._cluster.has_taken(user, position)

    async def may_have(self, subscription: Subscription) -> bool:
        """Whether the user may still connect, as far as anything but a token says.

        Raises:
            DirectoryUnavailable: that cannot be known now.
        """
        known = Known(subscription.user, subscription.subscribed_at_s)
        if self.is_over(known):
            return False
        claims = _make_claims(known, subscription.role)
        try:
            grant = await admit(claims, self._directory)
        except (UserNotAllowed, AccountInactive):
            return False
        return (grant.account_id, grant.user_id) == (claims.account_id, claims.user_id)

    def is_over(self, known: Known) -> bool:
        """Whether a subscription has ended: its user was revoked since, or no browser names it any more."""
        now_s = self._now()
        return now_s - known.at_s > self._max_age_s or self._revocations.is_revoked(_make_claims(known, ""), now_s)


def _make_claims(known: Known, role: str) -> Claims:
    """Return the claims of the user who subscribed, as of a token that was issued then."""
    account_id, user_id = split_target(known.user)
    assert user_id is not None
    return Claims(
        user_id=user_id,
        account_id=account_id,
        role=role,
        expires_at_s=float("inf"),
        issued_at_s=known.at_s,
        token_id=None,
        token_digest="",
    )
