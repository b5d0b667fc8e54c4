"""Whom a notification is for: what the request itself says, and what only the directory can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from hub.auth.grant import ServiceGrant, home_account
from hub.directory.directory import Directory, User
from hub.errors import DirectoryUnavailable, UnknownTarget
from hub.publish.body import Publication
from hub.target import Target, user_target

__all__ = ["TargetFinder"]


class TargetFinder:
    """Finds the targets of notifications, each inside what the service's key reaches.

    `checks_targets`: whether users that are named with an account are looked up too. `look_ups`: how many users are
    looked up at once. `timeout_s`: how long all look-ups of one request may take together.
    """

    def __init__(self, directory: Directory, *, checks_targets: bool, look_ups: int, timeout_s: float) -> None:
        self._directory = directory
        self._checks_targets = checks_targets and not directory.trusts_claims
        self._look_ups = look_ups
        self._timeout_s = timeout_s

    def find(self, publication: Publication, service: ServiceGrant) -> tuple[Target, ...] | None:
        """Return whom it is for, inside what the service's key reaches; None means: ask `resolve`."""
        service.require_type(publication.type)
        if publication.everyone:
            service.require_everyone()
        if publication.account_id is not None:
            service.require_account(publication.account_id)
        if publication.unresolved or (self._checks_targets and publication.user_ids):
            return self._recall(publication, service)
        return publication.targets

    def _recall(self, publication: Publication, service: ServiceGrant) -> tuple[Target, ...] | None:
        """Return the users' targets; None unless all of them are remembered, in an account that may be meant."""
        named, targets = publication.account_id, []
        for user_id in publication.user_ids:
            home = _find_account(self._directory.find_user_nowait(user_id), named, service)
            if home is None:
                return None
            targets.append(user_target(home, user_id))
        return tuple(targets)

    async def resolve(
        self, publication: Publication, service: ServiceGrant, look_ups_end_s: float
    ) -> tuple[Target, ...]:
        """Return the users' targets, each in the account that the directory knows, which is the named one if any.

        Raises:
            UnknownTarget: a user does not exist, or is in another account than the named one.
            DirectoryUnavailable: the directory cannot tell now.
        """
        named = publication.account_id
        try:
            async with asyncio.timeout_at(look_ups_end_s):
                found = {user_id: self._directory.find_user_nowait(user_id) for user_id in publication.user_ids}
                missing = [user_id for user_id, user in found.items() if user is None]
                found |= await self._find_users(missing, self._directory.find_user)
                # A user may have signed up, or changed the account, since the last look-up.
                doubtful = [user_id for user_id, user in found.items() if _find_account(user, named, service) is None]
                found |= await self._find_users(doubtful, self._directory.find_user_anew)
        except TimeoutError:
            raise DirectoryUnavailable("Too many users had to be looked up; name fewer", retry_after_s=5) from None
        targets = []
        for user_id, user in found.items():
            home = _find_account(user, named, service)
            if home is None:
                raise UnknownTarget(self._explain_unknown(named), field=_field_of(publication))
            targets.append(user_target(home, user_id))
        return tuple(targets)

    def _explain_unknown(self, account_id: str | None) -> str:
        if account_id is not None:
            return "A user is not in this account; leave `account_id` out to have it looked up"
        if self._directory.trusts_claims:
            return "There is no directory to look a user up in; give `account_id`"
        return "A user was not found"

    async def _find_users(
        self, user_ids: Sequence[str], find: Callable[[str], Awaitable[User | None]]
    ) -> dict[str, User | None]:
        found: dict[str, User | None] = {}
        for start in range(0, len(user_ids), self._look_ups):
            part = user_ids[start : start + self._look_ups]
            asked = [asyncio.ensure_future(find(user_id)) for user_id in part]
            try:
                found |= zip(part, await asyncio.gather(*asked), strict=True)
            finally:
                # After a failure the others are not wanted. None is kept: its error would hold this frame.
                while asked:
                    asked.pop().cancel()
        return found

    def end_s(self) -> float:
        """Return when, by the event loop's clock, the look-ups of a request that begins now have to be done."""
        return asyncio.get_running_loop().time() + self._timeout_s


def _find_account(user: User | None, named: str | None, service: ServiceGrant) -> str | None:
    """Return the account of a user, which is the named one if any is; None where the user cannot be a target."""
    home = None if user is None else home_account(user.role, user.account_id)
    # One error for all of these: unknown, without an account, in another than the named one, and in one that a bound
    # key does not reach. Otherwise such a key could find out whose customer a person is, id by id.
    return home if home is not None and named in {None, home} and service.reaches(home) else None


def _field_of(publication: Publication) -> str:
    return "$.user_id" if len(publication.user_ids) == 1 else "$.user_ids"
