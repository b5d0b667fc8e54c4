"""User tokens: a JWT becomes a grant, or the request is refused.

PyJWT checks the signature; header and claims are checked here, because the time is passed in and because
PyJWT is more lenient than a hub may be: it takes a token without `exp`, an `exp` that is a string,
a list of audiences, and the last of two claims with the same name.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jwt

from hub.auth.grant import Grant, token_digest
from hub.auth.jwks import KID, JwksKeys
from hub.auth.jws import SignedText, split_token
from hub.auth.keys import Key, Keys, read_static_keys
from hub.errors import InvalidToken, TokenExpired
from hub.settings import Settings

__all__ = ["MAX_TOKEN_BYTES", "TokenVerifier", "make_verifier"]

#: Longer than any token with sensible claims; checked before anything is hashed or decoded.
MAX_TOKEN_BYTES = 8192

_MAX_TEXT = 128
#: Control characters, the separators that some log readers break lines at, and lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TokenVerifier:
    """Turns tokens into grants, and remembers those it has verified until they expire."""

    def __init__(self, settings: Settings, keys: Keys, *, max_remembered: int = 10_000) -> None:
        self._settings = settings
        self._keys = keys
        # One algorithm, asked for by its name in the settings: what the token's header says chooses nothing.
        # Every key was checked to fit it when it was read, so a token need not pay for that.
        self._algorithm = jwt.get_algorithm_by_name(settings.jwt_algorithm)
        # By the sha256 of the whole token, signature included: a forged one must never be found here.
        self._remembered: OrderedDict[bytes, Grant] = OrderedDict()
        self._max_remembered = max_remembered
        self._version = keys.version

    async def verify(self, token: str, *, now_s: float) -> Grant:
        """Return who `token` speaks for. Waits only where keys must be fetched (3 s at most).

        The grant of a token verified before is remembered until it expires, or a key was withdrawn.

        Raises:
            TokenExpired: everything about the token is right but the time.
            InvalidToken: it is not a token this hub takes; the text says no more than that.
            KeysUnavailable: the keys never could be fetched.
        """
        if not _is_bounded(token):
            raise InvalidToken
        digest = _whole_digest(token)
        if not self._keys.is_due(now_s):
            grant = self._recall(digest, now_s)
            if grant is not None:
                return grant
        text = _split(token)
        # Before any fetch: a token of another algorithm is not worth one.
        kid = self._check_header(text.header)
        keys = await self._keys.find(kid, now_s=now_s)
        grant = self._read_grant(self._read_signed(text, keys), token, now_s)
        self._remember(digest, grant)
        return grant

    async def close(self) -> None:
        """Let go of what the keys hold open."""
        await self._keys.close()

    def _follow_keys(self) -> None:
        # A key that was withdrawn takes the tokens it signed with it.
        if self._version != self._keys.version:
            self._remembered.clear()
            self._version = self._keys.version

    def _recall(self, digest: bytes, now_s: float) -> Grant | None:
        self._follow_keys()
        grant = self._remembered.get(digest)
        if grant is None:
            return None
        if now_s >= grant.expires_at_s:
            del self._remembered[digest]
            return None
        self._remembered.move_to_end(digest)
        return grant

    def _remember(self, digest: bytes, grant: Grant) -> None:
        self._follow_keys()
        self._remembered[digest] = grant
        if len(self._remembered) > self._max_remembered:
            self._remembered.popitem(last=False)

    def _check_header(self, header: dict[str, Any]) -> str | None:
        if header.get("alg") != self._settings.jwt_algorithm:
            raise InvalidToken
        # RFC 7515 section 4.1.11: the hub understands no extension, so every critical one is too many. `b64` is
        # one that changes what is signed (RFC 7797), and must not be false where nobody says that it is critical.
        if "crit" in header or header.get("b64", True) is not True:
            raise InvalidToken
        kid = header.get("kid")
        if "kid" in header and not isinstance(kid, str):
            raise InvalidToken
        if self._keys.by_kid and (kid is None or KID.fullmatch(kid) is None):
            raise InvalidToken
        return kid

    def _read_signed(self, text: SignedText, keys: Sequence[Key]) -> dict[str, Any]:
        try:
            if any(self._algorithm.verify(text.signed, key, text.signature) for key in keys):
                return text.read_claims()
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise InvalidToken from None
        raise InvalidToken

    def _read_grant(self, claims: dict[str, Any], token: str, now_s: float) -> Grant:
        settings = self._settings
        if settings.jwt_issuer and claims.get("iss") != settings.jwt_issuer:
            raise InvalidToken
        if settings.jwt_audience and claims.get("aud") != settings.jwt_audience:
            raise InvalidToken
        user_id = _read_text(claims.get(settings.jwt_user_claim))
        if settings.jwt_user_claim == "user_id" and claims.get("sub", user_id) != user_id:
            raise InvalidToken
        account_id = claims.get(settings.jwt_account_claim)
        role = claims.get(settings.jwt_role_claim)
        token_id = claims.get("jti")
        grant = Grant(
            user_id=user_id,
            account_id=None if account_id is None else _read_text(account_id),
            role="user" if role is None else _read_text(role),
            expires_at_s=_read_time(claims.get("exp")) + settings.jwt_leeway_s,
            issued_at_s=_read_time(claims["iat"]) if "iat" in claims else None,
            token_id=None if token_id is None else _read_text(token_id),
            token_digest=token_digest(token),
        )
        # The time last, so that TokenExpired says: get a new one like this and come back.
        self._check_times(claims, grant, now_s)
        return grant

    def _check_times(self, claims: dict[str, Any], grant: Grant, now_s: float) -> None:
        leeway_s = self._settings.jwt_leeway_s
        if "nbf" in claims and now_s < _read_time(claims["nbf"]) - leeway_s:
            raise InvalidToken
        if grant.issued_at_s is not None and now_s < grant.issued_at_s - leeway_s:
            raise InvalidToken
        if now_s >= grant.expires_at_s:
            raise TokenExpired
        from_s = now_s if grant.issued_at_s is None else grant.issued_at_s
        # Leeway twice: `expires_at_s` holds it already, and the issuer's clock may be ahead of this one.
        if grant.expires_at_s - from_s > self._settings.jwt_max_lifetime_s + 2 * leeway_s:
            raise InvalidToken


def make_verifier(settings: Settings) -> TokenVerifier:
    """Return the verifier that the settings ask for, with a secret, a key file or a JWKS URL.

    Raises:
        SettingsError: the secret or key cannot be used.
    """
    if settings.jwks_url:
        return TokenVerifier(settings, JwksKeys(settings.jwks_url, settings.jwt_algorithm))
    return TokenVerifier(settings, read_static_keys(settings))


def _is_bounded(token: str) -> bool:
    # Lone surrogates, which cannot be encoded, are not ASCII either.
    return 0 < len(token) <= MAX_TOKEN_BYTES and token.isascii()


def _whole_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _split(token: str) -> SignedText:
    try:
        return split_token(token)
    except (ValueError, RecursionError):
        raise InvalidToken from None


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or _UNPRINTABLE.search(value):
        raise InvalidToken
    return value


def _read_time(value: object) -> float:
    # True is an int in Python; 1e400 has become infinite; both fail here, as does an int too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise InvalidToken
    return float(value)
