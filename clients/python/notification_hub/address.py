"""A notification and whom it is for, and the request body that says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from contracts.notification import Notification
from contracts.policy import Confirm

__all__ = ["Addressed", "encode_addressed"]

_encode = msgspec.json.Encoder().encode
#: What the hub adds; a notification that was received and is sent on has them.
_OF_THE_HUB = ("id", "cursor", "collapse_id")


class Addressed(msgspec.Struct, frozen=True):
    """One notification of a batch, or of the queue.

    `user_id` with `account_id` is that user; `user_id` alone is looked up in the hub's directory; `user_ids` are
    several; `account_id` alone is everyone in the account; `everyone` excludes the others. `ttl_s` (seconds) is how
    long it is worth replaying. With a `collapse_key` it takes the place of an older one with the same type, key and
    targets, where the policy of the type allows that.
    long it is worth replaying. `confirm` is until when each of the users has to have got or read it.
    """

    notification: Notification
    user_id: str | None = None
    account_id: str | None = None
    user_ids: Sequence[str] | None = None
    everyone: bool = False
    ttl_s: int | None = None
    collapse_key: str | None = None
    confirm: Confirm | None = None


def encode_addressed(addressed: Addressed) -> bytes:
    """Return the body of a publish request.

    Raises:
        TypeError, ValueError: the notification cannot be written as JSON.
    """
    body: dict[str, Any] = msgspec.to_builtins(addressed.notification)
    for name in _OF_THE_HUB:
        body.pop(name, None)
    target = {
        "user_id": addressed.user_id,
        "account_id": addressed.account_id,
        "user_ids": None if addressed.user_ids is None else list(addressed.user_ids),
        "everyone": addressed.everyone or None,
        "ttl_seconds": addressed.ttl_s,
        "collapse_key": addressed.collapse_key,
        "confirm": addressed.confirm,
    }
    return _encode(body | {name: value for name, value in target.items() if value is not None})
