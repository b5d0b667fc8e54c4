"""Who may connect: a credential and an origin in, a grant out. The same for both transports and for tickets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeAlias

from hub.auth.account import admit, admit_nowait
from hub.auth.credentials import find_credential
from hub.auth.grant import Claims, Grant
from hub.auth.origin import check_origin, find_origin
from hub.auth.refusal_log import RefusalLog
from hub.auth.revocations import Revocations
from hub.auth.tickets import Tickets, looks_like_ticket
from hub.auth.tokens import TokenVerifier
from hub.directory.directory import Directory
from hub.errors import HubError, InvalidToken, Unauthenticated

__all__ = ["Admission"]

Headers = Iterable[tuple[bytes, bytes]]
#: Returns the grant behind a ticket of another node, asked for from this origin, or raises what `Tickets.redeem` does.
RedeemElsewhere: TypeAlias = Callable[[str, str | None], Awaitable[Grant]]


class Admission:
    """Turns a connection's credential into a grant whose account is settled."""

    def __init__(
        self,
        *,
        verifier: TokenVerifier,
        tickets: Tickets,
        revocations: Revocations,
        directory: Directory,
        allowed_origins: frozenset[str],
        redeem_elsewhere: RedeemElsewhere | None = None,
        now: Callable[[], float],
    ) -> None:
        self._verifier = verifier
        self._tickets = tickets
        self._revocations = revocations
        self._directory = directory
        self._allowed_origins = allowed_origins
        self._redeem_elsewhere = redeem_elsewhere
        self._now = now
        self._refusals = RefusalLog()

    async def admit(
        self, headers: Headers, query: bytes, subprotocols: Sequence[str] = (), *, takes_tickets: bool = True
    ) -> Grant:
        """Return the grant of a connection that presents these.

        `takes_tickets` is False where a ticket would buy another one: good once means once.

        Raises:
            OriginNotAllowed, Unauthenticated, InvalidToken, TokenExpired, TokenNotYetValid, KeysUnavailable,
            UserNotAllowed, AccountInactive, DirectoryUnavailable: as their names say.
        """
        credential, origin = self._find(headers, query, subprotocols)
        if looks_like_ticket(credential):
            if not takes_tickets:
                raise InvalidToken(reason="a ticket was shown where a token is asked for")
            # The user was admitted when the ticket was issued, seconds ago; a revocation since then counts.
            if self._redeem_elsewhere is not None and self._tickets.is_foreign(credential):
                grant = await self._redeem_elsewhere(credential, origin)
            else:
                grant = self._tickets.redeem(credential, origin=origin, now_s=self._now())
            self._check_revocation(grant)
            return grant
        return await self.admit_token(credential)

    def admit_nowait(self, headers: Headers, query: bytes, subprotocols: Sequence[str] = ()) -> Grant | None:
        """Do as `admit`, for a user who is remembered; None means: ask `admit`, as for every ticket.

        Raises:
            HubError: as `admit` does; nothing was changed, so that it may be asked as well.
        """
        credential, _ = self._find(headers, query, subprotocols)
        return None if looks_like_ticket(credential) else self._admit_token_nowait(credential)

    async def admit_token(self, token: str) -> Grant:
        """Return the grant of this token, its user and account checked in the directory."""
        grant = self._admit_token_nowait(token)
        if grant is None:
            claims = await self._verifier.verify(token, now_s=self._now())
            self._check_revocation(claims)
            grant = await admit(claims, self._directory)
            # Asked again: the user may have been revoked during the wait, or the account that is known only now.
            self._check_revocation(grant)
        return grant

    def _admit_token_nowait(self, token: str) -> Grant | None:
        claims = self._verifier.verify_nowait(token, now_s=self._now())
        if claims is None:
            return None
        self._check_revocation(claims)
        grant = admit_nowait(claims, self._directory)
        if grant is not None and grant is not claims:
            self._check_revocation(grant)
        return grant

    def _find(self, headers: Headers, query: bytes, subprotocols: Sequence[str]) -> tuple[str, str | None]:
        """Return the credential and the page's origin, which is one of the allowed ones."""
        headers = list(headers)
        origin = find_origin(headers)
        credential = find_credential(headers, query, subprotocols)
        check_origin(origin, self._allowed_origins)
        if credential is None:
            raise Unauthenticated(reason="no Authorization header, no subprotocol hub.bearer., no token in the query")
        return credential.text, origin

    def log_refusal(self, error: HubError) -> None:
        """Log why a connection was refused, once a minute for each reason."""
        self._refusals.log(error)

    def issue_ticket(self, grant: Grant, *, origin: str | None) -> str:
        """Return a one-use ticket that stands in for the token of `grant`."""
        return self._tickets.issue(grant, origin=origin, now_s=self._now())

    def _check_revocation(self, claims: Claims) -> None:
        if self._revocations.is_revoked(claims, now_s=self._now()):
            raise InvalidToken("The token was revoked", reason="the token, its user or its account was revoked")
