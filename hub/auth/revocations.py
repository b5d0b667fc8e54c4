"""What was revoked before it expired: a token, a user, an account.

The list is in memory; the app appends every `Revocation` to the log, so that it is durable, reaches
every node and is rebuilt at the start. Nothing stays for ever. But nothing goes because the wall clock was set ahead:
the clock may be set back, and the revoked tokens would be good again. So an entry goes once it is over by the wall
clock, and as much time has passed by the monotonic clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from hub.auth.grant import Claims

__all__ = ["Revocation", "Revocations"]

_Key: TypeAlias = tuple[str, ...]

#: How often the list is looked through for what is over: it takes a moment for each entry.
_LOOK_S = 60.0


class Revocation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One revocation, as it stands in the log.

    Names exactly one of: a token by its digest (`hub.auth.grant.token_digest`) or its `jti`; a user of an
    account (both ids); an account; a user wherever they are. Of users and accounts, tokens issued
    before `at_s` are refused. From `until_s` on no such token can be alive.
    Both are Unix time.
    """

    at_s: float
    until_s: float
    token_digest: str | None = None
    token_id: str | None = None
    account_id: str | None = None
    user_id: str | None = None

    def __post_init__(self) -> None:
        given = [self.token_digest is not None, self.token_id is not None]
        given.append(self.account_id is not None or self.user_id is not None)
        if sum(given) != 1:
            raise ValueError("a revocation names exactly one token, user or account")

    def __repr__(self) -> str:
        return f"Revocation(at_s={self.at_s}, until_s={self.until_s})"


class _Span(msgspec.Struct):
    """When a revocation was, until when it matters, and until when it stays at least, by the monotonic clock."""

    at_s: float
    until_s: float
    stays_until_s: float


class Revocations:
    """The deny list. `monotonic` is a monotonic clock in seconds."""

    def __init__(
        self, *, max_lifetime_s: float, leeway_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_lifetime_s = max_lifetime_s
        self._leeway_s = leeway_s
        self._monotonic = monotonic
        # Per key; a later revocation of the same widens it.
        self._spans: dict[_Key, _Span] = {}
        self._looked_at_s = float("-inf")

    def __len__(self) -> int:
        """Return how many tokens, users and accounts are on the list."""
        return len(self._spans)

    def end_s(self, at_s: float) -> float:
        """Return the `until_s` of a revocation at `at_s`: when the last token issued before is over.

        A token may be dated `leeway_s` ahead, live `max_lifetime_s` and be taken `leeway_s` longer.
        """
        return at_s + self._max_lifetime_s + 3 * self._leeway_s

    def add(self, revocation: Revocation, now_s: float) -> None:
        """Put `revocation` on the list, though it may seem to be over; forget those that are by both clocks."""
        self._purge(now_s)
        key = _key_of(revocation)
        stays_until_s = self._monotonic() + max(0.0, revocation.until_s - revocation.at_s)
        span = self._spans.get(key)
        if span is None:
            self._spans[key] = _Span(revocation.at_s, revocation.until_s, stays_until_s)
            return
        span.at_s = max(span.at_s, revocation.at_s)
        span.until_s = max(span.until_s, revocation.until_s)
        span.stays_until_s = max(span.stays_until_s, stays_until_s)

    def is_revoked(self, claims: Claims, now_s: float) -> bool:
        """Whether the token behind these claims was revoked.

        Ask after the directory has put the user into an account, or an account's revocation is missed. A
        token without `iat` counts as issued `max_lifetime_s` before it expires.
        """
        if not self._spans:
            return False
        if self._holds(("digest", claims.token_digest), None, now_s):
            return True
        if claims.token_id is not None and self._holds(("jti", claims.token_id), None, now_s):
            return True
        issued_at_s = claims.issued_at_s
        if issued_at_s is None:
            issued_at_s = claims.expires_at_s - self._leeway_s - self._max_lifetime_s
        if self._holds(("user", claims.user_id), issued_at_s, now_s):
            return True
        if claims.account_id is None:
            return False
        member = ("member", claims.account_id, claims.user_id)
        return self._holds(member, issued_at_s, now_s) or self._holds(
            ("account", claims.account_id), issued_at_s, now_s
        )

    def _holds(self, key: _Key, issued_at_s: float | None, now_s: float) -> bool:
        span = self._spans.get(key)
        if span is None or now_s >= span.until_s:
            return False
        return issued_at_s is None or issued_at_s < span.at_s

    def _purge(self, now_s: float) -> None:
        monotonic_s = self._monotonic()
        if monotonic_s < self._looked_at_s + _LOOK_S:
            return
        self._looked_at_s = monotonic_s
        over = [key for key, span in self._spans.items() if now_s >= span.until_s and monotonic_s >= span.stays_until_s]
        for key in over:
            del self._spans[key]


def _key_of(revocation: Revocation) -> _Key:
    if revocation.token_digest is not None:
        return ("digest", revocation.token_digest)
    if revocation.token_id is not None:
        return ("jti", revocation.token_id)
    if revocation.user_id is None:
        assert revocation.account_id is not None
        return ("account", revocation.account_id)
    if revocation.account_id is None:
        return ("user", revocation.user_id)
    return ("member", revocation.account_id, revocation.user_id)
