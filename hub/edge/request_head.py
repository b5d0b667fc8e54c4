"""The head of a request beyond what the parser judges: what two parsers could read differently is refused."""

from __future__ import annotations

import re

from hub.errors import BadRequest, HeadersTooLarge, HubError, MethodNotAllowed, UnsupportedTransferCoding
from hub.header_fields import Headers, list_tokens

__all__ = ["MAX_FIELDS", "has_body", "judge_head", "judge_method", "origin_form", "without_offer"]

#: Fields of one head: a short one takes twenty times its bytes. Browsers and proxies together send some thirty.
MAX_FIELDS = 200
#: The parser reads 0.9 and 2.0 too, whose requests have another form.
_VERSIONS = frozenset({"1.0", "1.1"})
_REQUEST_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32} [!-~]+ HTTP/1\.[01]\r\n")


def judge_head(method: bytes, version: str, headers: Headers) -> HubError | None:
    """Return what is wrong with a request of this method, version of HTTP and headers, or None."""
    if len(headers) > MAX_FIELDS:
        return HeadersTooLarge(f"A request may have {MAX_FIELDS} header fields")
    if version not in _VERSIONS:
        return BadRequest("The request is not valid HTTP/1.1")
    if method == b"CONNECT":
        return MethodNotAllowed("The hub is not a proxy")
    hosts, is_coded = 0, False
    for name, _ in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding":
            is_coded = True
    if hosts > 1 or (not hosts and version != "1.0"):
        # RFC 9112 section 3.2: a request without or with more than one Host is answered 400.
        return BadRequest("One Host header is required")
    return _judge_codings(version, headers) if is_coded else None


def judge_method(data: bytes) -> HubError:
    """Return what is wrong with bytes that do not begin with a method the parser knows."""
    if _REQUEST_LINE.match(data):
        # RFC 9110 section 9.1: any token may be one, in the letters it was written in.
        return MethodNotAllowed("There is no such method here; methods are written in capitals")
    return BadRequest("The request is not valid HTTP/1.1")


def has_body(headers: Headers) -> bool:
    """Whether a request with these headers has a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 \t")) for name, value in headers
    )


def origin_form(method: bytes, url: bytes) -> bytes:
    """Return a request target as a path and a query (RFC 9112 section 3.2), where it has neither.

    An absolute URL may end with its host, and `OPTIONS *` asks about the whole server.
    """
    if url == b"*" and method == b"OPTIONS":
        return b"/"
    authority, mark, query = url.partition(b"://")[2].partition(b"?")
    return b"/" + mark + query if authority and b"/" not in authority and not url.startswith(b"/") else url


def without_offer(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """Return the head of a request in bytes, without the upgrade that it offers."""
    lines = [b"%b: %b\r\n" % header for header in headers if header[0] != b"upgrade"]
    return b"".join((b"%b %b HTTP/%b\r\n" % (method, url, version.encode()), *lines, b"\r\n"))


def _judge_codings(version: str, headers: Headers) -> HubError | None:
    codings = [coding.lower() for coding in list_tokens(headers, b"transfer-encoding")]
    if version == "1.0" or codings[-1:] != [b"chunked"]:
        # RFC 9112 sections 6.1 and 6.3: where the body ends is in doubt.
        return BadRequest("The last transfer coding must be chunked, in HTTP/1.1")
    return UnsupportedTransferCoding() if len(codings) > 1 else None
