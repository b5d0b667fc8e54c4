"""One-use tickets for URLs, where a browser cannot send a header.

A URL ends up in logs and histories, so what stands in it is good once, for seconds, and only for
the origin that asked for it (RFC 6750 section 2.3). A ticket of a node of a cluster names that node, which alone can
say whether it is still good; another node asks it.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable

import msgspec

from hub.auth.grant import Grant
from hub.errors import InvalidToken, Overloaded, TokenExpired

__all__ = ["Tickets", "digest_ticket", "find_issuer", "looks_like_ticket"]

_PREFIX = "hubt_"
#: Between a node's name, which has no such character, and the secret.
_SEPARATOR = "."
_SECRET_LENGTH = 43


class _Outstanding(msgspec.Struct, frozen=True):
    grant: Grant
    origin: str | None
    issued_at_s: float
    issued_monotonic_s: float


class Tickets:
    """The tickets that have been issued and not yet used; in memory, so a restart voids them.

    Only digests are kept, so the hub's memory holds no ticket. `node` is the name of this node of a cluster.
    `monotonic` is a monotonic clock in seconds.
    """

    def __init__(
        self,
        *,
        ttl_s: float,
        node: str | None = None,
        max_outstanding: int = 10_000,
        max_per_user: int = 100,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = ttl_s
        self._node = node
        self._prefix = _PREFIX if node is None else f"{_PREFIX}{node}{_SEPARATOR}"
        self._monotonic = monotonic
        self._max_outstanding = max_outstanding
        self._max_per_user = max_per_user
        self._per_user: Counter[tuple[str, str]] = Counter()
        # In the order they were issued, which is the order they expire.
        self._outstanding: dict[bytes, _Outstanding] = {}

    def __len__(self) -> int:
        """Return how many tickets are held, expired ones that nobody came for included."""
        return len(self._outstanding)

    def issue(self, grant: Grant, *, origin: str | None, now_s: float) -> str:
        """Return a new ticket that stands for `grant` until it is used or `ttl_s` has passed.

        Raises:
            Overloaded: too many tickets wait to be used, of this user or of all together.
        """
        self._purge(now_s)
        full = len(self._outstanding) >= self._max_outstanding
        if full or self._per_user[_owner(grant)] >= self._max_per_user:
            raise Overloaded("Too many tickets are outstanding", retry_after_s=max(1, round(self._ttl_s)))
        ticket = self._prefix + secrets.token_urlsafe(32)
        self._outstanding[digest_ticket(ticket)] = _Outstanding(grant, origin, now_s, self._monotonic())
        self._per_user[_owner(grant)] += 1
        return ticket

    def redeem(self, ticket: str, *, origin: str | None, now_s: float) -> Grant:
        """Return the grant behind `ticket` and void it, also when it is refused.

        A ticket asked for from an origin is refused from another. No origin at all passes: a browser
        sends none with a same-origin EventSource, and one on every WebSocket.

        Raises:
            InvalidToken: there is no such ticket, any more or for this origin.
            TokenExpired: the token it was issued for has expired.
        """
        if len(ticket) != len(self._prefix) + _SECRET_LENGTH or not ticket.isascii():
            raise InvalidToken(reason="the ticket has another length")
        return self.redeem_digest(digest_ticket(ticket), origin=origin, now_s=now_s)

    def is_foreign(self, ticket: str) -> bool:
        """Whether another node of the cluster issued `ticket`, and has to be asked."""
        return self._node is not None and find_issuer(ticket) not in {None, self._node}

    def redeem_digest(self, digest: bytes, *, origin: str | None, now_s: float) -> Grant:
        """Do as `redeem`, for a ticket of which only the digest is known.

        Raises:
            InvalidToken, TokenExpired: as `redeem` does.
        """
        found = self._take(digest)
        if found is None:
            raise InvalidToken(reason="the ticket was used already, is too old, or from before a restart")
        if not self._is_fresh(found, now_s):
            raise InvalidToken(reason="the ticket is older than HUB_TICKET_TTL")
        if found.origin is not None and origin is not None and origin != found.origin:
            raise InvalidToken(reason="the ticket was made for another origin")
        if now_s >= found.grant.expires_at_s:
            raise TokenExpired(reason="the token behind the ticket has expired")
        return found.grant

    def _is_fresh(self, outstanding: _Outstanding, now_s: float) -> bool:
        # By both clocks: the monotonic one measures the ticket's life, however the wall clock was set meanwhile.
        lasted_s = self._monotonic() - outstanding.issued_monotonic_s
        return lasted_s < self._ttl_s and abs(now_s - outstanding.issued_at_s) < self._ttl_s

    def _purge(self, now_s: float) -> None:
        while self._outstanding:
            oldest = next(iter(self._outstanding))
            if self._is_fresh(self._outstanding[oldest], now_s):
                return
            self._take(oldest)

    def _take(self, digest: bytes) -> _Outstanding | None:
        found = self._outstanding.pop(digest, None)
        if found is not None:
            owner = _owner(found.grant)
            self._per_user[owner] -= 1
            if not self._per_user[owner]:
                del self._per_user[owner]
        return found


def find_issuer(ticket: str) -> str | None:
    """Return the name of the node that issued `ticket`; None where a hub alone did."""
    node, separator, _ = ticket.removeprefix(_PREFIX).rpartition(_SEPARATOR)
    return node if separator else None


def looks_like_ticket(text: str) -> bool:
    """Whether `text` is meant to be a ticket; no JWT begins like one."""
    return text.startswith(_PREFIX)


def _owner(grant: Grant) -> tuple[str, str]:
    return grant.account_id, grant.user_id


def digest_ticket(ticket: str) -> bytes:
    """Return what a ticket is known by, and from which nobody finds it."""
    return hashlib.sha256(ticket.encode()).digest()
