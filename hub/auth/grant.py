"""Who a credential speaks for, until when, and what a service may do with its key.

`Claims` are a user's, read from a token; a `Grant` is what they are worth once the directory agrees. A `ServiceGrant`
is a service's, found by its key. None of them shows ids in its `repr`: a user id is a person's CPF, and what is never
printed is never logged.
"""

from __future__ import annotations

import hashlib

import msgspec

from hub.errors import Forbidden, KeyLimitedToAccounts

__all__ = [
    "OPERATIONS",
    "OPERATIONS_BY_DEFAULT",
    "VIRTUAL_ACCOUNT_ID",
    "Claims",
    "Grant",
    "ServiceGrant",
    "home_account",
    "token_digest",
]

#: The account of a `super_admin` that has none.
VIRTUAL_ACCOUNT_ID = "00000000-0000-0000-0000-000000000000"

#: What a service key may be allowed to do: all that a key of `HUB_SERVICE_KEYS` does.
OPERATIONS_BY_DEFAULT = frozenset({"publish", "stats", "disconnect", "observe"})
#: With what only a key file gives: to erase users, to see the ids of people and accounts unmasked in what `observe`
#: shows, and to have webhooks sent again.
OPERATIONS = OPERATIONS_BY_DEFAULT | {"forget", "observe_ids", "webhooks"}


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a user's token says, before the directory was asked; `account_id` is None where it names no account.

    `expires_at_s` is the moment (Unix time) from which the token is refused: its `exp` plus the allowed leeway.
    `token_id` is its `jti`.
    """

    user_id: str
    account_id: str | None
    role: str
    expires_at_s: float
    issued_at_s: float | None
    token_id: str | None
    token_digest: str

    def __repr__(self) -> str:
        return f"{type(self).__name__}(role={self.role!r}, expires_at_s={self.expires_at_s})"


class Grant(Claims, frozen=True, kw_only=True):
    """Who a connection speaks for: claims whose account is known.

    Only `hub.auth.account` says that some claims are a grant.
    """

    account_id: str


class ServiceGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What the key of the service `name` allows; None means every account, every type."""

    name: str
    accounts: frozenset[str] | None
    types: frozenset[str] | None
    everyone: bool
    operations: frozenset[str]

    def __repr__(self) -> str:
        return f"ServiceGrant(name={self.name!r}, operations={sorted(self.operations)})"

    def require_operation(self, operation: str) -> None:
        """Raise `Forbidden` unless the key allows `operation` (one of `OPERATIONS`)."""
        if operation not in self.operations:
            raise Forbidden(f"This service key does not allow the operation '{operation}'")

    def reaches(self, account_id: str) -> bool:
        """Whether the key reaches this account."""
        return self.accounts is None or account_id in self.accounts

    def require_account(self, account_id: str) -> None:
        """Raise `Forbidden` unless the key reaches this account."""
        if not self.reaches(account_id):
            raise Forbidden("This service key does not reach that account")

    def require_all_accounts(self) -> None:
        """Raise `KeyLimitedToAccounts` if the key is, for what cannot be cut to its accounts."""
        if self.accounts is not None:
            raise KeyLimitedToAccounts

    def require_type(self, kind: str) -> None:
        """Raise `Forbidden` unless the key may publish notifications of the type `kind`."""
        if self.types is not None and kind not in self.types:
            raise Forbidden("This service key does not publish that type")

    def require_everyone(self) -> None:
        """Raise `Forbidden` unless the key may address everyone."""
        if not self.everyone:
            raise Forbidden("This service key does not address everyone")


def home_account(role: str, account_id: str | None) -> str | None:
    """Return the account a user acts in: their own, the virtual one of a super_admin, or None."""
    if account_id is None and role == "super_admin":
        return VIRTUAL_ACCOUNT_ID
    return account_id


def token_digest(token: str) -> str:
    """Return the sha256 (hex) that names `token` in a revocation: of its header and claims alone.

    The signature is left out because ES256 allows a second valid one for the same claims, which
    anybody can compute; a digest over it would let a revoked token back in.
    """
    return hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()
