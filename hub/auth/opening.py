"""Puts together who may connect and publish, from the settings."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from hub.auth.admission import Admission, RedeemElsewhere
from hub.auth.revocations import Revocations
from hub.auth.service_keys import ServiceKeys, read_service_keys
from hub.auth.tickets import Tickets
from hub.auth.tokens import TokenVerifier, make_verifier
from hub.directory.directory import Directory
from hub.settings import Settings

__all__ = ["Auth", "open_auth"]


class Auth(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Who may connect (`admission`), publish (`service_keys`), and no longer connect (`revocations`)."""

    service_keys: ServiceKeys
    verifier: TokenVerifier
    revocations: Revocations
    tickets: Tickets
    admission: Admission

    async def close(self) -> None:
        """End the fetches of public keys."""
        await self.verifier.close()


def open_auth(
    settings: Settings,
    *,
    directory: Directory,
    node: str | None = None,
    redeem_elsewhere: RedeemElsewhere | None = None,
    now: Callable[[], float],
) -> Auth:
    """Return it open; public keys are being fetched from here on, where the settings say so.

    `node`: the name of this node of a cluster; `redeem_elsewhere`: asks another node about its ticket.

    Raises:
        SettingsError: a key or a file of keys cannot be used.
    """
    service_keys = read_service_keys(settings)
    verifier = make_verifier(settings)
    verifier.begin(now())
    revocations = Revocations(max_lifetime_s=settings.jwt_max_lifetime_s, leeway_s=settings.jwt_leeway_s)
    tickets = Tickets(ttl_s=settings.ticket_ttl_s, node=node)
    admission = Admission(
        verifier=verifier,
        tickets=tickets,
        revocations=revocations,
        directory=directory,
        allowed_origins=frozenset(settings.allowed_origins),
        redeem_elsewhere=redeem_elsewhere,
        now=now,
    )
    return Auth(
        service_keys=service_keys,
        verifier=verifier,
        revocations=revocations,
        tickets=tickets,
        admission=admission,
    )
