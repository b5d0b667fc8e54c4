"""From a token's claims to a user who may connect: one who exists, is active, and belongs to an account in order."""

from __future__ import annotations

import msgspec

from hub.auth.grant import Grant, home_account
from hub.directory.directory import Directory, User
from hub.errors import AccountInactive, UserNotAllowed

__all__ = ["ADMITTED_STATUSES", "admit", "admit_nowait", "judge"]

#: Accounts in any other state (suspended, cancelled, one invented later) get no connection.
ADMITTED_STATUSES = frozenset({"active", "trial", "pending"})


async def admit(grant: Grant, directory: Directory) -> Grant:
    """Return `grant` with the account and role that hold now; its `account_id` is never None.

    Raises:
        UserNotAllowed: the user does not exist, is not active, has no account or another than the token's.
        AccountInactive: the account is not active, trial or pending.
        DirectoryUnavailable: the directory could not be asked.
    """
    if directory.trusts_claims:
        return _settle(grant, grant.role, grant.account_id)
    return judge(grant, await directory.find_user(grant.user_id))


def admit_nowait(grant: Grant, directory: Directory) -> Grant | None:
    """Do as `admit`, for a user whom the directory remembers; None means: ask `admit`.

    Raises:
        UserNotAllowed: as `admit` does.
        AccountInactive: as `admit` does.
    """
    if directory.trusts_claims:
        return _settle(grant, grant.role, grant.account_id)
    user = directory.find_user_nowait(grant.user_id)
    return None if user is None else judge(grant, user)


def judge(grant: Grant, user: User | None) -> Grant:
    """Return `grant` as it holds now, given what the directory says of its user; None: there is no such user.

    Raises:
        UserNotAllowed, AccountInactive: as `admit` does.
    """
    # One error for all of these: which users exist is nobody's business.
    if user is None:
        raise UserNotAllowed(reason="the directory has no such user")
    if not user.active:
        raise UserNotAllowed(reason="the user is not active in the directory")
    # The role, too, is the directory's: a token of a former super_admin opens no virtual account.
    admitted = _settle(grant, user.role, user.account_id)
    if user.account_id is not None and user.account_status not in ADMITTED_STATUSES:
        raise AccountInactive(reason="the account's status in the directory is none of active, trial, pending")
    return admitted


def _settle(grant: Grant, role: str, account_id: str | None) -> Grant:
    home = home_account(role, account_id)
    if home is None:
        raise UserNotAllowed(reason="the user has no account (nor does the token: see HUB_JWT_ACCOUNT_CLAIM)")
    if grant.account_id is not None and grant.account_id != home:
        raise UserNotAllowed(reason="the token's account is not the user's account in the directory")
    if (grant.role, grant.account_id) == (role, home):
        # Nothing changes, so connections with one token share one grant.
        return grant
    return msgspec.structs.replace(grant, role=role, account_id=home)
