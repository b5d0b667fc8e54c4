"""User tokens: a JWT becomes checked claims, or the request is refused.

`hub.auth.jws` reads the token and checks the signature, `hub.auth.claims` what it claims.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from hub.auth.claims import ClaimRules
from hub.auth.grant import Claims, token_digest
from hub.auth.jwks import JwksKeys
from hub.auth.jws import JwsReader
from hub.auth.keys import Key, Keys, read_static_keys
from hub.auth.refused import RefusedTokens
from hub.errors import InvalidToken, TokenExpired, TokenNotYetValid
from hub.settings import Settings

__all__ = ["MAX_TOKEN_BYTES", "TokenVerifier", "find_fault", "make_verifier"]

#: Longer than any token with sensible claims; checked before anything is hashed or decoded.
MAX_TOKEN_BYTES = 8192

#: RFC 7515 section 7.1, with a signature: three parts of base64url without padding.
_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_ENCRYPTED_PARTS = 5
#: What is often taken for a token, by how it begins.
_MISTAKEN = {
    "<": "it is an HTML page, not a token",
    "{": "it is a JSON object, not a token",
    "[": "it is a JSON list, not a token",
    '"': "it stands in quotation marks",
    "'": "it stands in quotation marks",
    "bearer ": "it begins with the word Bearer",
    "hubk_": "it is a service key, and a user's token is asked for",
}


class TokenVerifier:
    """Turns tokens into claims, and remembers those it has verified until they expire."""

    def __init__(self, settings: Settings, keys: Keys, *, max_remembered: int = 10_000) -> None:
        self._rules = ClaimRules(settings)
        self._keys = keys
        self._jws = JwsReader(settings.jwt_algorithm)
        # By the sha256 of the whole token, signature included: a forged one must never be found here.
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()
        self._max_remembered = max_remembered
        self._refused = RefusedTokens()
        self._version = keys.version

    async def verify(self, token: str, *, now_s: float) -> Claims:
        """Return who `token` speaks for. Waits only where keys must be fetched (9 s at most, mostly milliseconds).

        What a token verified before says is remembered until it expires, or a key was withdrawn.

        Raises:
            TokenExpired: everything about the token is right but the time.
            TokenNotYetValid: everything is right, and it begins in a moment.
            InvalidToken: it is not a token this hub takes; the text says no more than that, the reason does.
            KeysUnavailable: whether it is signed with a key of the issuer's cannot be known at the moment.
        """
        # Lone surrogates, which nothing can encode, are not ASCII either.
        if not 0 < len(token) <= MAX_TOKEN_BYTES or not token.isascii():
            raise InvalidToken(reason=find_fault(token))
        digest = _whole_digest(token)
        self._keys.refresh_if_due(now_s)
        known = self._recall(digest, now_s)
        if known is not None:
            return known
        fault = find_fault(token)
        if fault is not None:
            raise InvalidToken(reason=fault)
        # Before any fetch of keys: a token of another algorithm is not worth one.
        header = self._jws.read_header(token)
        claims = self._read_signed(token, self._keys.candidates(_find_kid(header)))
        if claims is None:
            claims = await self._read_with_newer_keys(token, header, digest, now_s)
        read = self._rules.read(claims, token_digest=token_digest(token), now_s=now_s)
        self._remember(digest, read)
        return read

    def begin(self, now_s: float) -> None:
        """Begin to fetch the keys where they are fetched, so that the first token finds them."""
        self._keys.begin(now_s)

    async def close(self) -> None:
        """Close what the keys hold open."""
        await self._keys.close()

    def _follow_keys(self) -> None:
        # A key that was withdrawn takes the tokens it signed with it.
        if self._version != self._keys.version:
            self._remembered.clear()
            self._version = self._keys.version

    def _recall(self, digest: bytes, now_s: float) -> Claims | None:
        self._follow_keys()
        claims = self._remembered.get(digest)
        if claims is None:
            return None
        if now_s >= claims.expires_at_s:
            del self._remembered[digest]
            return None
        self._remembered.move_to_end(digest)
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> None:
        self._follow_keys()
        self._remembered[digest] = claims
        if len(self._remembered) > self._max_remembered:
            self._remembered.popitem(last=False)

    def _read_signed(self, token: str, keys: Sequence[Key]) -> dict[str, Any] | None:
        """Return the claims of a token that one of `keys` signed; None where none of them did."""
        return self._jws.read_claims(token) if any(self._jws.is_signed_by(token, key) for key in keys) else None

    async def _read_with_newer_keys(
        self, token: str, header: Mapping[str, Any], digest: bytes, now_s: float
    ) -> dict[str, Any]:
        """Return the claims of a token whose key was published, or exchanged, after the keys were fetched.

        A fetch costs the issuer something, so nobody gets one for a token that no key could make good, and one token
        gets fewer and fewer. Another token never waits for that, so a client that sends many of them delays nobody.
        """
        if not self._keys.by_kid:
            raise InvalidToken(reason=self._find_key_fault(header))
        try:
            self._rules.read(self._jws.read_claims(token), token_digest="", now_s=now_s)
        except InvalidToken as error:
            # Before the first answer of the issuer nothing is known of its keys.
            more = ", and its key is not among the issuer's" if self._keys.candidates(None) else ""
            raise InvalidToken(reason=f"{error.reason}{more}") from None
        except (TokenExpired, TokenNotYetValid):
            # The signature decides whether its owner is told so.
            pass
        if not self._refused.may_ask(digest, at_s=time.monotonic()):
            raise InvalidToken(reason=self._find_key_fault(header))
        # First the answer that is on its way; it may have been written before the key was published.
        for wait_for_keys in (self._keys.join, self._keys.renew):
            if await wait_for_keys(now_s):
                found = self._read_signed(token, self._keys.candidates(_find_kid(header)))
                if found is not None:
                    return found
        self._refused.note(digest, at_s=time.monotonic())
        # Not before: the keys that it is held against are those of the last answer.
        raise InvalidToken(reason=self._find_key_fault(header))

    def _find_key_fault(self, header: Mapping[str, Any]) -> str:
        """Return, in words, why no key of ours signed a token with this header."""
        if not self._keys.by_kid:
            return "it is signed with another secret or key than this hub's"
        if "kid" in header and not self._keys.candidates(header["kid"]):
            return "its kid is not one of the issuer's keys (HUB_JWKS_URL)"
        return "it is signed with none of the issuer's keys (HUB_JWKS_URL)"


def make_verifier(settings: Settings) -> TokenVerifier:
    """Return the verifier that the settings ask for, with a secret, a key file or a JWKS URL.

    Raises:
        SettingsError: the secret or key cannot be used.
    """
    if settings.jwks_url:
        return TokenVerifier(settings, JwksKeys(settings.jwks_url, settings.jwt_algorithm))
    return TokenVerifier(settings, read_static_keys(settings))


def find_fault(text: str) -> str | None:
    """Return, in words, why `text` cannot be a token whatever it says; None where it looks like one."""
    # Padding is refused too, since it would be a second way to write the same token.
    if len(text) <= MAX_TOKEN_BYTES and _JWT.fullmatch(text):
        return None
    if not text:
        return "it is empty"
    for beginning, fault in _MISTAKEN.items():
        if text[: len(beginning)].lower() == beginning:
            return fault
    if len(text) > MAX_TOKEN_BYTES:
        return f"it is longer than {MAX_TOKEN_BYTES} bytes"
    if text.endswith(".") and _JWT.fullmatch(f"{text}x"):
        return "it is not signed (its third part is empty)"
    parts = text.count(".") + 1
    if parts == _ENCRYPTED_PARTS:
        return "it is encrypted (five parts, RFC 7516), which this hub does not read"
    return "it is not a valid JWT (three parts of base64url without padding, RFC 7515 section 7.1)"


def _find_kid(header: Mapping[str, Any]) -> str | None:
    # One that is empty names no key.
    return header.get("kid") or None


def _whole_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
