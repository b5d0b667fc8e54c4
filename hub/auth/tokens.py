"""User tokens: a JWT becomes checked claims, or the request is refused.

PyJWT reads the token and checks the signature; the claims are checked by `hub.auth.claims`, because the time is
passed in and because PyJWT is more lenient than a hub may be: it takes a token without `exp`, and the last of two
values with the same name, in the claims as in the header.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import jwt
from jwt.algorithms import HMACAlgorithm

from hub.auth.claims import ClaimRules
from hub.auth.grant import Claims, token_digest
from hub.auth.jwks import JwksKeys
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
        self._algorithm = settings.jwt_algorithm
        self._jws = jwt.PyJWS(algorithms=[self._algorithm], options={"enforce_minimum_key_length": True})
        algorithm = self._jws.get_algorithm_by_name(self._algorithm)
        if isinstance(algorithm, HMACAlgorithm):
            self._jws.unregister_algorithm(self._algorithm)
            self._jws.register_algorithm(self._algorithm, _PreparedHmac(algorithm.hash_alg))
        # By the sha256 of the whole token, signature included: a forged one must never be found here.
        self._remembered: OrderedDict[bytes, Claims] = OrderedDict()
        self._max_remembered = max_remembered
        self._refused = RefusedTokens()
        self._version = keys.version

    async def verify(self, token: str, *, now_s: float) -> Claims:
        """Return who `token` speaks for. Waits only where keys must be fetched (9 s at most, mostly milliseconds).

        What a token verified before says is remembered until it expires, or a key was withdrawn.

        Raises:
            HubError: as `verify_nowait` does.
            KeysUnavailable: whether it is signed with a key of the issuer's cannot be known at the moment.
        """
        read = self.verify_nowait(token, now_s=now_s)
        if read is None:
            digest = _whole_digest(token)
            read = self._read(await self._read_with_newer_keys(token, digest, now_s), token, digest, now_s)
        return read

    def verify_nowait(self, token: str, *, now_s: float) -> Claims | None:
        """Do as `verify`; None means that keys have to be fetched first: ask `verify`.

        Raises:
            TokenExpired: everything about the token is right but the time.
            TokenNotYetValid: everything is right, and it begins in a moment.
            InvalidToken: it is not a token this hub takes; the text says no more than that, the reason does.
        """
        # Lone surrogates are not ASCII either; PyJWT would answer one with a UnicodeEncodeError.
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
        kid = self._read_kid(token) if self._keys.by_kid else None
        claims = self._read_signed(token, self._keys.candidates(kid))
        if claims is not None:
            return self._read(claims, token, digest, now_s)
        if not self._keys.by_kid:
            raise InvalidToken(reason=self._find_header_fault(token))
        return None

    def begin(self, now_s: float) -> None:
        """Begin to fetch the keys where they are fetched, so that the first token finds them."""
        self._keys.begin(now_s)

    async def close(self) -> None:
        """Close what the keys hold open."""
        await self._keys.close()

    def _read(self, claims: dict[str, Any], token: str, digest: bytes, now_s: float) -> Claims:
        read = self._rules.read(claims, token_digest=token_digest(token), now_s=now_s)
        self._remember(digest, read)
        return read

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

    def _read_kid(self, token: str) -> str | None:
        try:
            header = self._jws.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise InvalidToken(reason=self._find_header_fault(token)) from None
        # Before any fetch: a token of another algorithm is not worth one.
        if header.get("alg") != self._algorithm:
            raise InvalidToken(reason=self._find_header_fault(token))
        # A kid that is empty names no key.
        return header.get("kid") or None

    def _read_signed(self, token: str, keys: Sequence[Key]) -> dict[str, Any] | None:
        """Return the claims of a token that one of `keys` signed; None where none of them did."""
        for key in keys:
            try:
                parts = self._jws.decode_complete(token, key, algorithms=[self._algorithm])
            except jwt.InvalidSignatureError:
                continue
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                raise InvalidToken(reason=self._find_header_fault(token)) from None
            # RFC 7515 section 4.1.11: the hub understands no extension, so every critical one is too many. `b64` is
            # one that changes what is signed (RFC 7797), and must not be false where nobody says that it is critical.
            if "crit" in parts["header"] or parts["header"].get("b64", True) is not True:
                raise InvalidToken(reason="its header demands an extension (crit, b64)")
            # PyJWT has taken the last of two equal names in the header; the issuer's other readers may take the first.
            _decode_object(_decode_part(token, 0), "header")
            return _decode_object(parts["payload"], "claims")
        return None

    async def _read_with_newer_keys(self, token: str, digest: bytes, now_s: float) -> dict[str, Any]:
        """Return the claims of a token whose key was published, or exchanged, after the keys were fetched.

        A fetch costs the issuer something, so nobody gets one for a token that no key could make good, and one token
        gets fewer and fewer. Another token never waits for that, so a client that sends many of them delays nobody.
        """
        try:
            claims = _decode_object(_decode_part(token, 1), "claims")
            self._rules.read(claims, token_digest="", now_s=now_s)
        except InvalidToken as error:
            # Before the first answer of the issuer nothing is known of its keys.
            more = ", and its key is not among the issuer's" if self._keys.candidates(None) else ""
            raise InvalidToken(reason=f"{error.reason}{more}") from None
        except (TokenExpired, TokenNotYetValid):
            # The signature decides whether its owner is told so.
            pass
        if not self._refused.may_ask(digest, at_s=time.monotonic()):
            raise InvalidToken(reason=self._find_header_fault(token))
        kid = self._read_kid(token)
        # First the answer that is on its way; it may have been written before the key was published.
        for wait_for_keys in (self._keys.join, self._keys.renew):
            if await wait_for_keys(now_s):
                found = self._read_signed(token, self._keys.candidates(kid))
                if found is not None:
                    return found
        self._refused.note(digest, at_s=time.monotonic())
        # Not before: the keys that it is held against are those of the last answer.
        raise InvalidToken(reason=self._find_header_fault(token))

    def _find_header_fault(self, token: str) -> str:
        """Return, in words, why no key of ours can have signed this token; for the log, so it may take its time."""
        try:
            header = _decode_object(_decode_part(token, 0), "header")
        except InvalidToken as error:
            return error.reason or ""
        algorithm = header.get("alg")
        if isinstance(algorithm, str) and algorithm.lower() == "none":
            return "it is not signed (alg none)"
        if algorithm != self._algorithm:
            return f"its alg is not {self._algorithm} (JWT_ALGORITHM)"
        if "crit" in header or header.get("b64", True) is not True:
            return "its header demands an extension (crit, b64)"
        if not isinstance(header.get("kid", ""), str):
            return "its kid is not a string (RFC 7515 section 4.1.4)"
        if not self._keys.by_kid:
            return "it is signed with another secret or key than this hub's"
        if "kid" in header and not self._keys.candidates(header["kid"]):
            return "its kid is not one of the issuer's keys (HUB_JWKS_URL)"
        return "it is signed with none of the issuer's keys (HUB_JWKS_URL)"


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


def _whole_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _decode_part(token: str, place: int) -> bytes:
    segment = token.split(".", 2)[place]
    try:
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except ValueError:
        raise InvalidToken(reason="it is not a valid JWT (its parts are not base64url)") from None


def _decode_object(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = _decode_json(text.decode())
        if isinstance(found, dict):
            return found
    except (ValueError, RecursionError):
        pass
    raise InvalidToken(reason=f"its {name} cannot be read: it is not a JSON object, or has a duplicate name")


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
