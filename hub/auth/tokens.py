"""User tokens: a JWT becomes a grant, or the request is refused.

PyJWT reads the token and checks the signature; the claims are checked here, because the time is passed in
and because PyJWT is more lenient than a hub may be: it takes a token without `exp`, an `exp` that is a string,
a list of audiences, and the last of two values with the same name, in the claims as in the header.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

from hub.auth.grant import Grant, token_digest
from hub.auth.jwks import KID, JwksKeys
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
        self._algorithm = settings.jwt_algorithm
        self._jws = jwt.PyJWS(algorithms=[self._algorithm], options={"enforce_minimum_key_length": True})
        algorithm = self._jws.get_algorithm_by_name(self._algorithm)
        if isinstance(algorithm, HMACAlgorithm):
            self._jws.unregister_algorithm(self._algorithm)
            self._jws.register_algorithm(self._algorithm, _PreparedHmac(algorithm.hash_alg))
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
        kid = self._read_kid(token) if self._keys.by_kid else None
        claims = self._read_signed(token, await self._keys.find(kid, now_s=now_s))
        grant = self._read_grant(claims, token, now_s)
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

    def _read_kid(self, token: str) -> str:
        try:
            header = self._jws.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken from None
        kid = header.get("kid")
        # Before any fetch: a token of another algorithm is not worth one.
        if header.get("alg") != self._algorithm or not isinstance(kid, str) or KID.fullmatch(kid) is None:
            raise InvalidToken
        return kid

    def _read_signed(self, token: str, keys: Sequence[Key]) -> dict[str, Any]:
        for key in keys:
            try:
                parts = self._jws.decode_complete(token, key, algorithms=[self._algorithm])
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                raise InvalidToken from None
            # RFC 7515 section 4.1.11: the hub understands no extension, so every critical one is too many. `b64` is
            # one that changes what is signed (RFC 7797), and must not be false where nobody says that it is critical.
            if "crit" in parts["header"] or parts["header"].get("b64", True) is not True:
                raise InvalidToken
            # PyJWT has taken the last of two equal names in the header; the issuer's other readers may take the first.
            _decode_object(_header_text(token))
            return _decode_object(parts["payload"])
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


class _PreparedHmac(HMACAlgorithm):
    """PyJWT's HMAC for secrets that were looked at when they were read.

    PyJWT would try anew for each token whether the secret is a PEM, a DER or a JWK, which takes longer than the
    signature. The keys of its other algorithms are objects, and it leaves those alone.
    """

    def prepare_key(self, key: str | bytes) -> bytes:
        """Return the secret as it is."""
        return key.encode() if isinstance(key, str) else key


def make_verifier(settings: Settings) -> TokenVerifier:
    """Return the verifier that the settings ask for, with a secret, a key file or a JWKS URL.

    Raises:
        SettingsError: the secret or key cannot be used.
    """
    if settings.jwks_url:
        return TokenVerifier(settings, JwksKeys(settings.jwks_url, settings.jwt_algorithm))
    return TokenVerifier(settings, read_static_keys(settings))


def _is_bounded(token: str) -> bool:
    # Lone surrogates are not ASCII either; PyJWT would answer one with a UnicodeEncodeError. Padding is
    # refused since it would be a second spelling of the same token.
    return 0 < len(token) <= MAX_TOKEN_BYTES and token.isascii() and "=" not in token


def _whole_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _header_text(token: str) -> bytes:
    # Of a token that PyJWT has read: this is base64url without padding.
    segment = token.partition(".")[0]
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _decode_object(text: bytes) -> dict[str, Any]:
    try:
        found = _decode_json(text.decode())
    except (ValueError, RecursionError):
        raise InvalidToken from None
    if not isinstance(found, dict):
        raise InvalidToken
    return found


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 7515 and RFC 7519, section 4: a duplicate may be rejected; taking the last one lets two readers disagree.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


# Made once: `json.loads` with hooks makes a decoder for every text, which takes as long as reading a token's.
_decode_json = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant).decode


def _read_text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT or _UNPRINTABLE.search(value):
        raise InvalidToken
    return value


def _read_time(value: object) -> float:
    # True is an int in Python; 1e400 has become infinite; both fail here, as does an int too large for a float.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise InvalidToken
    return float(value)
