"""From a token's claims to a user who may connect: one who exists, is active, and belongs to an account in order."""

from __future__ import annotations

from hub.auth.grant import Claims, Grant, home_account
from hub.directory.directory import Directory, User
from hub.errors import AccountInactive, UserNotAllowed

__all__ = ["ADMITTED_STATUSES", "admit", "admit_nowait", "check_user"]

#: Accounts in any other state (suspended, cancelled, one invented later) get no connection.
ADMITTED_STATUSES = frozenset({"active", "trial", "pending"})


async def admit(claims: Claims, directory: Directory) -> Grant:
    """Return the grant of these claims, with the account and role that hold now.

    Raises:
        UserNotAllowed: the user does not exist, is not active, has no account or another than the token's.
        AccountInactive: the account is not active, trial or pending.
        DirectoryUnavailable: the directory could not be asked.
    """
    if directory.trusts_claims:
        return _settle(claims, claims.role, claims.account_id)
    return check_user(claims, await directory.find_user(claims.user_id))


def admit_nowait(claims: Claims, directory: Directory) -> Grant | None:
    """Do as `admit`, for a user whom the directory remembers; None means: ask `admit`.

    Raises:
        UserNotAllowed: as `admit` does.
        AccountInactive: as `admit` does.
    """
    if directory.trusts_claims:
        return _settle(claims, claims.role, claims.account_id)
    user = directory.find_user_nowait(claims.user_id)
    return None if user is None else check_user(claims, user)


def check_user(claims: Claims, user: User | None) -> Grant:
    """Return the grant of these claims as it holds now; `user` is what the directory says, None if there is none.

    Raises:
        UserNotAllowed, AccountInactive: as `admit` does.
    """
    # One error for all of these: which users exist is nobody's business.
    if user is None:
        raise UserNotAllowed(reason="the directory has no such user")
    if not user.active:
        raise UserNotAllowed(reason="the user is not active in the directory")
    # The role, too, is the directory's: a token of a former super_admin opens no virtual account.
    admitted = _settle(claims, user.role, user.account_id)
    if user.account_id is not None and user.account_status not in ADMITTED_STATUSES:
        raise AccountInactive(reason="the account's status in the directory is not active, trial or pending")
    return admitted


def _settle(claims: Claims, role: str, account_id: str | None) -> Grant:
    home = home_account(role, account_id)
    if home is None:
        raise UserNotAllowed(
            reason="the user has no account (nor the token: see HUB_JWT_ACCOUNT_CLAIM and HUB_PEOPLE_WITHOUT_ACCOUNT)"
        )
    if claims.account_id is not None and claims.account_id != home:
        raise UserNotAllowed(reason="the token's account is not the user's account in the directory")
    if isinstance(claims, Grant) and (claims.role, claims.account_id) == (role, home):
        # Nothing changes, so connections with one token share one grant.
        return claims
    return Grant(
        user_id=claims.user_id,
        account_id=home,
        role=role,
        expires_at_s=claims.expires_at_s,
        issued_at_s=claims.issued_at_s,
        token_id=claims.token_id,
        token_digest=claims.token_digest,
    )
