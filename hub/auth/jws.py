"""A signed token as text (RFC 7515 section 7.1), which can be read in one way only.

Two readers that see different things in one token are how a forgery gets past one of them. So there is
one spelling: base64url without padding and without stray bits at its end, and JSON objects in UTF-8 that
hold no name twice. PyJWT's own reader looks at every character in Python, which cost more than all the
checks of a token together; here C does it.
"""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from typing import Any

import msgspec

__all__ = ["SignedText", "split_token"]

_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_TO_BASE64URL = bytes.maketrans(b"+/", b"-_")


class SignedText(msgspec.Struct, frozen=True):
    """The parts of a token whose signature nobody has checked yet; it does not show itself in a `repr`."""

    header: dict[str, Any]
    signed: bytes
    signature: bytes
    payload: bytes

    def __repr__(self) -> str:
        return "SignedText()"

    def read_claims(self) -> dict[str, Any]:
        """Return what was signed; asked for once the signature is found to be right.

        Raises:
            ValueError: it is no JSON object in its one spelling.
            RecursionError: it is nested too deep.
        """
        return _read_object(self.payload)


def split_token(token: str) -> SignedText:
    """Return the parts of `token`, its header read and its payload left as it is.

    Raises:
        ValueError: it is not three parts, or its header or signature is not in its one spelling.
        RecursionError: its header is nested too deep.
    """
    text = token.encode("ascii")
    head, payload, signature = text.split(b".")
    return SignedText(_read_object(head), text[: len(head) + 1 + len(payload)], _decode(signature), payload)


def _decode(segment: bytes) -> bytes:
    # Lenient to decode and strict to compare: only the one spelling of these bytes comes back as it was.
    decoded = a2b_base64(segment.translate(_TO_BASE64) + b"==")
    if b2a_base64(decoded, newline=False).rstrip(b"=").translate(_TO_BASE64URL) != segment:
        raise ValueError("it is not base64url in its one spelling")
    return decoded


def _read_object(segment: bytes) -> dict[str, Any]:
    found = _decode_json(_decode(segment).decode())
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 7519 section 4: a duplicate may be rejected; taking the last one lets two readers disagree.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError("NaN and Infinity are not JSON")


# Made once: `json.loads` with hooks makes a decoder for every text, which takes as long as reading a token's.
_decode_json = json.JSONDecoder(object_pairs_hook=_refuse_duplicates, parse_constant=_refuse_constant).decode
