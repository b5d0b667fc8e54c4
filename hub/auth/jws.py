"""Tokens as they are written: three parts of base64url, the last of which signs the two before it (RFC 7515).

What is read here has passed `find_fault`, so its parts hold no other character. PyJWT's algorithms check signatures
of key pairs; its reader looks at each character of a token in Python, which took longer than all else of a handshake's
admission, and takes the last of two equal names.
"""

from __future__ import annotations

import binascii
import hmac
import json
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from hub.auth.keys import Key
from hub.errors import InvalidToken

__all__ = ["JwsReader"]

#: Headers that are remembered: an issuer writes one for each of its keys.
_MAX_HEADERS = 64
_TO_BASE64 = str.maketrans("-_", "+/")
_HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}


class JwsReader:
    """Reads the tokens of one algorithm, which comes from the settings and never from a token."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = algorithm
        self._is_signed_by = _find_check(algorithm)
        self._headers: OrderedDict[str, Mapping[str, Any]] = OrderedDict()

    def read_header(self, token: str) -> Mapping[str, Any]:
        """Return the header of a token that is signed with this algorithm, as it says itself.

        Raises:
            InvalidToken: it cannot be read, or names another algorithm or an extension.
        """
        text = token[: token.index(".")]
        header = self._headers.get(text)
        if header is None:
            header = _decode_object(text, "header")
            if (fault := self._find_fault(header)) is not None:
                raise InvalidToken(reason=fault)
            self._headers[text] = header
            if len(self._headers) > _MAX_HEADERS:
                self._headers.popitem(last=False)
        return header

    def read_claims(self, token: str) -> dict[str, Any]:
        """Return the claims of a token; its signature is not checked.

        Raises:
            InvalidToken: they cannot be read.
        """
        return _decode_object(token.split(".", 2)[1], "claims")

    def is_signed_by(self, token: str, key: Key) -> bool:
        """Whether this key, which fits the algorithm, signed the token.

        Raises:
            InvalidToken: its signature cannot be read.
        """
        signed, _, signature = token.rpartition(".")
        return self._is_signed_by(signed.encode(), key, _decode(signature))

    def _find_fault(self, header: dict[str, Any]) -> str | None:
        algorithm = header.get("alg")
        if isinstance(algorithm, str) and algorithm.lower() == "none":
            return "it is not signed (alg none)"
        if algorithm != self._algorithm:
            return f"its alg is not {self._algorithm} (JWT_ALGORITHM)"
        # RFC 7515 section 4.1.11: the hub understands no extension, so every critical one is too many. `b64` is one
        # that changes what is signed (RFC 7797), and must not be false where nobody says that it is critical.
        if "crit" in header or header.get("b64", True) is not True:
            return "its header demands an extension (crit, b64)"
        if not isinstance(header.get("kid", ""), str):
            return "its kid is not a string (RFC 7515 section 4.1.4)"
        return None


def _find_check(algorithm: str) -> Callable[[bytes, Any, bytes], bool]:
    if (name := _HASHES.get(algorithm)) is not None:
        return lambda signed, secret, signature: hmac.compare_digest(signature, hmac.digest(secret, signed, name))
    return jwt.get_algorithm_by_name(algorithm).verify


def _decode(segment: str) -> bytes:
    text = segment.translate(_TO_BASE64)
    try:
        found = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except binascii.Error:
        found = b""
    # The last character may have bits that are part of nothing: the same token would have several forms.
    if not binascii.b2a_base64(found, newline=False).startswith(text.encode()) or not found:
        raise InvalidToken(reason="it is not a valid JWT (its parts are not base64url)")
    return found


def _decode_object(segment: str, name: str) -> dict[str, Any]:
    text = _decode(segment)
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
