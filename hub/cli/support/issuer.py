"""Tokens for development; in production the company's own login issues them."""

from __future__ import annotations

from typing import Any

import jwt

from hub.auth.claims import ClaimName
from hub.cli.support.outcome import Unusable
from hub.settings import Settings

__all__ = ["issue_token"]


def issue_token(
    settings: Settings, *, user_id: str, account_id: str | None, role: str, ttl_s: float, now_s: float, secret: str = ""
) -> str:
    """Return a token for this user, as the settings say tokens look; `secret` signs in place of JWT_SECRET.

    Raises:
        Unusable: the hub would refuse it, or it takes a private key that no hub has.
    """
    if not settings.jwt_algorithm.startswith("HS"):
        problem = f"JWT_ALGORITHM={settings.jwt_algorithm}: only the owner of the private key can make such a token"
        raise Unusable(problem)
    if ttl_s > settings.jwt_max_lifetime_s:
        problem = f"the hub takes no token valid for longer than {settings.jwt_max_lifetime_s} s (HUB_JWT_MAX_LIFETIME)"
        raise Unusable(problem)
    claims: dict[str, Any] = {"iat": int(now_s), "exp": int(now_s) + int(ttl_s)}
    named = (
        (settings.jwt_user_claim, user_id),
        (settings.jwt_account_claim, account_id),
        (settings.jwt_role_claim, role),
    )
    for name, value in named:
        ClaimName(name).place(claims, value)
    # Many programs read the user from `sub` (RFC 7519 section 4.1.2), whatever claim the hub reads.
    claims.setdefault("sub", user_id)
    if settings.jwt_issuer:
        claims["iss"] = settings.jwt_issuer.split(",")[0].strip()
    if settings.jwt_audience:
        ClaimName(settings.jwt_audience_claim).place(claims, settings.jwt_audience.split(",")[0].strip())
    return jwt.encode(claims, secret or settings.jwt_secret, algorithm=settings.jwt_algorithm)
