"""Which bodies are taken: JSON in UTF-8, uncompressed, however a client writes that (RFC 9110 sections 8.3 and 8.4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hub.errors import UnsupportedContentEncoding, UnsupportedMediaType
from hub.header_fields import find_single, list_tokens

__all__ = ["check_json"]

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110 section 5.6.2, no secret
_PARAMETER = re.compile(rf'[ \t]*;[ \t]*(?:({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"))?')
#: ASCII is UTF-8 already, and `utf8` is what some clients write.
_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii"})


def check_json(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Accept a request whose body says that it is JSON; parameters other than `charset` mean nothing here.

    A type such as `application/problem+json` is another document that happens to be written in JSON.

    Raises:
        UnsupportedContentEncoding: it is compressed.
        UnsupportedMediaType: it says that it is something else, or nothing; a form on a foreign page can send no JSON.
    """
    headers = list(headers)
    if any(coding.lower() != b"identity" for coding in list_tokens(headers, b"content-encoding")):
        raise UnsupportedContentEncoding
    kind = find_single(
        headers, b"content-type", refuse=lambda: UnsupportedMediaType("There are two Content-Type headers")
    )
    if kind is None:
        raise UnsupportedMediaType("Content-Type is missing")
    if kind == "application/json":
        return
    essence, parameters = _parse(kind)
    if essence != "application/json":
        raise UnsupportedMediaType
    charsets = {value.lower() for name, value in parameters if name == "charset"}
    if not charsets <= _CHARSETS:
        raise UnsupportedMediaType("The body must be in UTF-8: charset=utf-8, or no charset")


def _parse(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the type in lower case and its parameters.

    Raises:
        UnsupportedMediaType: it is not a valid media type.
    """
    essence, _, _ = text.partition(";")
    parameters = []
    position = len(essence)
    while match := _PARAMETER.match(text, position):
        name, token, quoted = match.groups()
        if name is not None:
            parameters.append((name.lower(), token if token is not None else re.sub(r"\\(.)", r"\1", quoted)))
        position = match.end()
    if text[position:].strip(" \t"):
        raise UnsupportedMediaType("Content-Type cannot be read")
    return essence.strip(" \t").lower(), parameters
