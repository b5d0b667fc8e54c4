"""A browser's subscription: checked when it comes, and as it is kept. Pure.

An endpoint is a secret: those who know it can spend its push service's patience with this browser. Neither it nor a
part of it is ever logged.
"""

from __future__ import annotations

import base64
import hashlib
import re

import msgspec

from contracts.push import PushSubscription
from hub.errors import InvalidField
from hub.outbound.destination import read_destination
from hub.push.encryption import AUTH_BYTES, is_point
from hub.target import Target, split_target, subscriber_targets

__all__ = ["Subscription", "check_endpoint", "check_subscription", "endpoint_key", "read_subscription", "targets_of"]

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*={0,2}", re.ASCII)
#: Names that stand for this machine or this network (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`).
_LOCAL_NAMES = re.compile(r"(?:.*\.)?(?:localhost|local|internal|home\.arpa|localdomain)", re.ASCII)


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it is kept in the log.

    `user` is the target of the user that it is for, with the role that their token said. `subscribed_at_s` (Unix time)
    is when their browser last named it.
    """

    user: Target
    role: str
    endpoint: str
    point: bytes
    auth: bytes
    subscribed_at_s: float

    def __repr__(self) -> str:
        return "Subscription()"

    @property
    def key(self) -> str:
        """The name of its endpoint in the log: a digest."""
        return endpoint_key(self.endpoint)


_decode = msgspec.json.Decoder(Subscription).decode


def check_subscription(
    given: PushSubscription, user: Target, role: str, now_s: float, *, allow_private: bool
) -> Subscription:
    """Return what is kept of a subscription; `allow_private` lets its push service be on this machine or network.

    Raises:
        InvalidField: it names what cannot be used.
    """
    check_endpoint(given.endpoint, allow_private=allow_private)
    point = _decode_base64url(given.keys.p256dh)
    if point is None or not is_point(point):
        raise InvalidField("p256dh is not an uncompressed point on P-256 in base64url", field="$.keys.p256dh")
    auth = _decode_base64url(given.keys.auth)
    if auth is None or len(auth) != AUTH_BYTES:
        raise InvalidField(f"auth is not {AUTH_BYTES} bytes in base64url", field="$.keys.auth")
    return Subscription(user=user, role=role, endpoint=given.endpoint, point=point, auth=auth, subscribed_at_s=now_s)


def check_endpoint(endpoint: str, *, allow_private: bool) -> None:
    """Check that an endpoint may be a push service's; where its name leads is checked when something is sent.

    Raises:
        InvalidField: it is not an https URL, or names this machine or a private network.
    """
    field = "$.endpoint"
    try:
        destination = read_destination(endpoint, allow_private=allow_private)
    except ValueError as error:
        raise InvalidField(f"The endpoint {error}", field=field) from None
    if not allow_private and _is_local(destination.host):
        raise InvalidField("The endpoint leads to a private network", field=field)


def endpoint_key(endpoint: str) -> str:
    """Return the name of an endpoint in the log: a digest, since the endpoint is a secret and may be long."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def read_subscription(value: bytes) -> Subscription:
    """Return a subscription that was kept.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError: it cannot be read.
    """
    return _decode(value)


def targets_of(user: Target) -> tuple[Target, ...]:
    """Return every target whose notifications a user gets."""
    account_id, user_id = split_target(user)
    assert account_id is not None
    assert user_id is not None
    return subscriber_targets(account_id, user_id)


def _is_local(host: str) -> bool:
    """Whether a name is not one of the internet's; where others lead is looked at when something is sent."""
    host = host.rstrip(".")
    return ":" not in host and ("." not in host or _LOCAL_NAMES.fullmatch(host) is not None)


def _decode_base64url(text: str) -> bytes | None:
    if not _BASE64URL.fullmatch(text):
        return None
    text = text.rstrip("=")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
