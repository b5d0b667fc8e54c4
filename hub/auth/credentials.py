"""Where a connection carries its credential: a header, a subprotocol or the query, in this order.

A browser can set no header on a WebSocket and none on an EventSource, which is why there are three.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

import msgspec

from hub.auth.tokens import MAX_TOKEN_BYTES, find_fault
from hub.errors import InvalidToken
from hub.header_fields import find_single

__all__ = ["BEARER_SUBPROTOCOL", "Credential", "clean_credential", "find_bearer", "find_credential"]

#: What the base64url (without padding) of the token follows; a token itself is not a valid subprotocol.
BEARER_SUBPROTOCOL = "hub.bearer."

#: RFC 6750 section 2.1, `b64token`.
_TEXT = re.compile(r"[A-Za-z0-9\-._~+/]+=*", re.ASCII)
_AUTHORIZATION = re.compile(r"bearer[ \t]+(\S+)", re.ASCII | re.IGNORECASE)
#: What often surrounds a token that came out of a file or a response; it is not part of a token.
_SPACE = " \t\r\n\f\v"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MAX_QUERY_BYTES = 16_384
_MAX_QUERY_FIELDS = 32


class Credential(msgspec.Struct, frozen=True):
    """A token or ticket as it was presented; it does not show itself in a `repr`."""

    text: str

    def __repr__(self) -> str:
        return "Credential()"


def find_credential(
    headers: Iterable[tuple[bytes, bytes]], query: bytes, subprotocols: Sequence[str]
) -> Credential | None:
    """Return the credential of a connection, or None where there is none in any of the three places.

    The first place that holds one decides; the others are not looked at. A header with another scheme
    than Bearer counts as a malformed one, not as none. White space and line breaks around a credential are
    not part of it, wherever it stands.

    Raises:
        InvalidToken: it is malformed, longer than 8 KiB, or there is more than one in the same place.
    """
    bearer = find_bearer(headers)
    if bearer is not None:
        return Credential(bearer)
    offers = [offer for offer in subprotocols if offer.startswith(BEARER_SUBPROTOCOL)]
    if offers:
        return Credential(clean_credential(_from_subprotocol(offers)))
    if b"token" in query or b"%" in query:
        tokens = _from_query(query)
        if tokens:
            return Credential(clean_credential(_only(tokens, "token in the query")))
    return None


def find_bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return what `Authorization: Bearer` carries, a user's token or a service's key, or None where there is none.

    Raises:
        InvalidToken: there is more than one, of another scheme, or nothing that could be either.
    """
    value = find_single(headers, b"authorization", refuse=lambda: _more_than_one("Authorization header"))
    return None if value is None else clean_credential(_from_header(value))


def _from_header(value: str) -> str:
    match = _AUTHORIZATION.fullmatch(value.strip(" \t"))
    if match is None:
        raise InvalidToken(reason="the Authorization header is not `Bearer`, a space and one token or key")
    return match[1]


def _from_subprotocol(offers: list[str]) -> str:
    encoded = _only(offers, "subprotocol hub.bearer.").removeprefix(BEARER_SUBPROTOCOL)
    # Room for an HTML page, so that its owner is told that it is one.
    if len(encoded) > _MAX_QUERY_BYTES or _BASE64URL.fullmatch(encoded) is None:
        raise InvalidToken(reason="the subprotocol hub.bearer. is not followed by base64url without padding")
    try:
        decoded = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        raise InvalidToken(reason="the subprotocol hub.bearer. is not followed by base64url") from None
    return decoded.decode("latin-1")


def _from_query(query: bytes) -> list[str]:
    if len(query) > _MAX_QUERY_BYTES or query.count(b"&") >= _MAX_QUERY_FIELDS:
        raise InvalidToken(reason=f"the query has more than {_MAX_QUERY_BYTES} bytes or {_MAX_QUERY_FIELDS} fields")
    text = query.decode("latin-1")
    if "%" not in text and "+" not in text:
        # Nothing to decode, as where a token and a cursor were written as they are.
        return [value for name, _, value in (field.partition("=") for field in text.split("&")) if name == "token"]
    try:
        fields = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise InvalidToken(reason="the query is not percent-encoded UTF-8") from None
    return [value for name, value in fields if name == "token"]


def _only(values: list[str], place: str) -> str:
    if len(values) != 1:
        raise _more_than_one(place)
    return values[0]


def _more_than_one(place: str) -> InvalidToken:
    return InvalidToken(reason=f"there is more than one {place}")


def clean_credential(text: str) -> str:
    """Return a token or ticket without the white space around it, as it is read wherever one is shown.

    Raises:
        InvalidToken: it cannot be either.
    """
    text = text.strip(_SPACE)
    if len(text) > MAX_TOKEN_BYTES or _TEXT.fullmatch(text) is None:
        raise InvalidToken(reason=find_fault(text))
    return text
