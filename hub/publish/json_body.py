"""A request body that is JSON in UTF-8, decoded to its struct or refused with a 4xx. Pure."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import TypeVar

import msgspec

from hub.errors import HubError, InvalidJson, TooDeep
from hub.errors.decoding import describe_decoding_error
from hub.publish.depth import is_deeper

__all__ = ["MAX_DEPTH", "decode_body", "strip_bom"]

#: How deep a request's JSON may be nested, itself included.
MAX_DEPTH = 32

_Request = TypeVar("_Request")


def strip_bom(body: bytes) -> bytes:
    """Return the body without the byte order mark that .NET and PowerShell put first (RFC 8259 section 8.1).

    Raises:
        InvalidJson: the body is empty, or is not UTF-8.
    """
    # msgspec checks UTF-8 only in the strings it decodes; what it skips over would be stored unchecked.
    if body.isascii():
        if not body:
            raise InvalidJson("The body is empty")
        return body
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"The body is not UTF-8 (byte {error.start})") from None
    return body.removeprefix(BOM_UTF8)


def decode_body(decoder: msgspec.json.Decoder[_Request], body: bytes, *, levels: int = MAX_DEPTH) -> _Request:
    """Return `body`, which `strip_bom` returned, as the struct of `decoder`.

    Raises:
        InvalidJson: it is not JSON.
        TooDeep: it is nested deeper than `levels`.
        InvalidField: a field is missing, unknown or of the wrong type; `field` is its path.
    """
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise _describe(error, body, levels) from None


def _describe(error: ValueError | RecursionError, body: bytes, levels: int) -> HubError:
    """Return the failure for what a decoder raised; the hub decides what is too deep, not the interpreter."""
    # A field of the wrong type is found before anything in it is looked at.
    if not isinstance(error, msgspec.ValidationError) and is_deeper(body, levels):
        return TooDeep(f"The body may be nested {levels} levels deep")
    return describe_decoding_error(error)
