"""A key set (JWKS, RFC 7517) as issuers write it: which of its keys verify what, under which names.

A key that cannot be used is passed over and does not spoil those beside it. What a key says of itself is only held
against it where it says plainly that it is for something else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate

from hub.auth.keys import Key, key_problem

__all__ = ["KeySet", "UnusableKeySet", "find_keys_url", "read_document", "read_key_set"]

_MAX_KEYS = 100
#: A token without a kid is tried with no more keys than this.
_MAX_TRIED = 32
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: RFC 7518 section 3.1, RFC 8037, RFC 9864: names that say plainly that a key is for this algorithm or another. What
#: a key calls its algorithm otherwise ("RSA", "") says nothing.
_ALGORITHMS = frozenset(
    {f"{family}{bits}" for family in ("HS", "RS", "ES", "PS") for bits in (256, 384, 512)}
    | {"ES256K", "EDDSA", "ED25519", "ED448", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"}
    | {"ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW", "DIR", "A128KW", "A256KW"}
)
_SAME = {"EDDSA": {"EDDSA", "ED25519"}}


class UnusableKeySet(Exception):
    """The issuer's answer holds no keys for us; the text says why and holds nothing of the answer."""


class KeySet:
    """The keys of one answer that verify one algorithm, in its order."""

    def __init__(self, raw_keys: Sequence[dict[str, Any]] = (), algorithm: str = "") -> None:
        self.raw_keys = list(raw_keys)
        self._named: dict[str, list[Key]] = {}
        self._unnamed: list[Key] = []
        self._all: list[Key] = []
        for raw in raw_keys:
            key = _read_key(raw, algorithm)
            if key is None:
                continue
            self._all.append(key)
            names = _names_of(raw)
            for name in names:
                self._named.setdefault(name, []).append(key)
            if not names:
                self._unnamed.append(key)

    def __len__(self) -> int:
        """Return how many keys can be used."""
        return len(self._all)

    def find(self, kid: str | None) -> Sequence[Key]:
        """Return the keys to try, in order: those of this name, then those without one; without a kid, all.

        RFC 7517 section 4.5 wants names to be different and does not demand it, so one name may stand for several.
        """
        if kid is None:
            return self._all[:_MAX_TRIED]
        return [*self._named.get(kid, ()), *self._unnamed][:_MAX_TRIED]


def read_document(body: bytes) -> dict[str, Any]:
    """Return the JSON object in an issuer's answer, whatever type it was said to be.

    Raises:
        UnusableKeySet: there is none.
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    if body.lstrip()[:1] == b"<":
        raise UnusableKeySet("the answer is an HTML page")
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise UnusableKeySet("the answer is not JSON") from None
    if not isinstance(document, dict):
        raise UnusableKeySet("the answer is not a key set (RFC 7517 section 5)")
    return document


def find_keys_url(document: dict[str, Any]) -> str | None:
    """Return where the keys are, if this is an issuer's description of itself (OpenID Connect Discovery)."""
    url = document.get("jwks_uri")
    return url if "keys" not in document and isinstance(url, str) else None


def read_key_set(document: dict[str, Any], algorithm: str) -> KeySet:
    """Return the keys that verify `algorithm`.

    Raises:
        UnusableKeySet: it is not a key set, holds more than 100 keys, or none that fits.
    """
    # One key by itself is what some issuers publish who have only one.
    raw_keys = document.get("keys", [document] if "kty" in document else None)
    if not isinstance(raw_keys, list):
        raise UnusableKeySet("the answer is not a key set (RFC 7517 section 5)")
    if len(raw_keys) > _MAX_KEYS:
        raise UnusableKeySet(f"it holds more than {_MAX_KEYS} keys")
    keys = KeySet([raw for raw in raw_keys if isinstance(raw, dict)], algorithm)
    if not keys:
        raise UnusableKeySet(f"none of its {len(raw_keys)} keys is a public key that fits {algorithm} (JWT_ALGORITHM)")
    return keys


def _names_of(raw: dict[str, Any]) -> list[str]:
    """Return what a token may call the key: its kid, and where there is none its certificate's thumbprints."""
    kid = raw.get("kid")
    if isinstance(kid, int) and not isinstance(kid, bool):
        kid = str(kid)
    if isinstance(kid, str) and kid:
        return [kid]
    return [name for member in ("x5t", "x5t#S256") if isinstance(name := raw.get(member), str) and name]


def _read_key(raw: dict[str, Any], algorithm: str) -> Key | None:
    if _is_for_another_purpose(raw, algorithm) or _is_private(raw):
        return None
    try:
        key: object = jwt.PyJWK.from_dict(raw, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, UnsupportedAlgorithm):
        key = _read_certificate(raw)
    # A private key is refused, too: once published it is known to everybody.
    if key_problem(key, algorithm) is not None:
        return None
    assert isinstance(key, RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey)
    return key


def _is_for_another_purpose(raw: dict[str, Any], algorithm: str) -> bool:
    kinds = {"R": "RSA", "P": "RSA", "E": "EC"} if algorithm != "EdDSA" else {"E": "OKP"}
    if raw.get("kty") != kinds[algorithm[0]]:
        return True
    wanted, stated = algorithm.upper(), raw.get("alg")
    if isinstance(stated, str) and stated.upper() in _ALGORITHMS - _SAME.get(wanted, {wanted}):
        return True
    use = raw.get("use")
    if isinstance(use, str) and use.lower() == "enc":
        return True
    operations = raw.get("key_ops")
    named = operations if isinstance(operations, list) else [operations]
    stated_operations = {one.lower() for one in named if isinstance(one, str)}
    # The public half of a signing key may say "sign": there is only one thing it can be for.
    return bool(stated_operations) and not stated_operations & {"verify", "sign"}


def _is_private(raw: dict[str, Any]) -> bool:
    return "d" in raw or "k" in raw


def _read_certificate(raw: dict[str, Any]) -> object:
    """Return the key of the first certificate (RFC 7517 section 4.7), for a key that has nothing else; else None."""
    chain = raw.get("x5c")
    if any(member in raw for member in ("n", "x")) or not isinstance(chain, list) or not chain:
        return None
    try:
        return load_der_x509_certificate(base64.b64decode("".join(str(chain[0]).split()))).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
