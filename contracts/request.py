"""What services send to the hub.

Null counts as missing in every optional field, because publishers fill these from values that may be
null (a super admin has no account).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from contracts.identifier import AccountId, CursorText, Link, UserId
from contracts.policy import MAX_TTL_S, Confirm

__all__ = [
    "MAX_BATCH",
    "MAX_COLLAPSE_KEY",
    "MAX_TTL_S",
    "MAX_USERS",
    "AckRequest",
    "BatchRequest",
    "DisconnectRequest",
    "ExplainRequest",
    "ForgetRequest",
    "PublishRequest",
]

#: How many users one notification may name.
MAX_USERS = 5000
#: How many characters a collapse key may have.
MAX_COLLAPSE_KEY = 200
#: How many notifications one batch may hold.
MAX_BATCH = 1000


class PublishRequest(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One notification and its targets.

    `user_id` with `account_id` is that user; `user_id` alone is looked up in the directory; `user_ids`
    are several users, all in `account_id` if that is given; `account_id` alone is all users of the account;
    `everyone` excludes the others. The hub keeps `data` as the received bytes; the receipt warns if its
    shape is not its type's. A `timestamp` needs its offset from UTC. `ttl_seconds` is how long
    the hub replays the notification. With `collapse_key` it takes the place of an older one with the same type, key and
    targets, where the policy of the type allows that: connections that were open have got both, and nobody gets the
    older one any more. `link` is where a click leads: a path of the frontend's own origin, or a URL of an origin that
    the hub's settings allow. `confirm` is until when each of the users has to have got or read it; the service's
    webhook is called for those who have not.
    """

    type: str
    title: str
    message: str
    data: msgspec.Raw | UnsetType = UNSET
    link: Link | None = None
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    user_id: UserId | None = None
    account_id: AccountId | None = None
    user_ids: Annotated[list[UserId], msgspec.Meta(min_length=1, max_length=MAX_USERS)] | None = None
    everyone: bool = False
    ttl_seconds: Annotated[int, msgspec.Meta(ge=1, le=MAX_TTL_S)] | None = None
    collapse_key: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_COLLAPSE_KEY)] | None = None
    confirm: Confirm | None = None


class AckRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A user's client has got everything up to `cursor`: the hub may count that as delivered."""

    cursor: CursorText


class ExplainRequest(PublishRequest, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The body of a publish as it is, and what else to explain about it. Nothing is published.

    `explain_user_id` asks why this user would get the notification, or why not; `explain_account_id` is the user's
    account, which the directory tells otherwise. `explain_service` names the service whose rights count instead of
    the caller's.
    """

    explain_user_id: UserId | None = None
    explain_account_id: AccountId | None = None
    explain_service: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None


class BatchRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Up to 1,000 notifications, stored in this order; each is a separate `PublishRequest`."""

    notifications: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MAX_BATCH)]


class ForgetRequest(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The user to erase, in one account, or in all if none is given."""

    user_id: UserId
    account_id: AccountId | None = None


class DisconnectRequest(msgspec.Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The connections to close: a user's, an account's, or those of one token.

    Exactly one of `user_id` (with or without `account_id`), `account_id`, `token` and `jti`. `token` is the
    SHA-256, in hex, of the token without its last dot and signature, as `hub token inspect` prints it; never
    the token itself. `revoke` also refuses the tokens until they expire.
    """

    user_id: UserId | None = None
    account_id: AccountId | None = None
    token: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None = None
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=256)] | None = None
    revoke: bool = False
