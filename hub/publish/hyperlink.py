"""The `link` of a notification: where a click on it leads. Checked, and written as a browser would write it. Pure.

A frontend puts it into `href` or `location`, so a wrong one is script injection or an open redirect. What is taken is
a small part of what a browser's parser takes (the WHATWG URL standard, sections 4.4 and 4.5): a path that begins with
one slash, or a URL whose origin is allowed, compared exactly. Where parsers differ (backslashes, control
characters, user information, a missing slash, an odd host) it is refused and not repaired.
"""

from __future__ import annotations

import re
from collections.abc import Set

from contracts.identifier import MAX_LINK_LENGTH
from hub.errors import InvalidField

__all__ = ["normalize_link"]

_FIELD = "$.link"
#: A host is lower-case ASCII, as in an origin; names with other characters are written in Punycode there.
_ORIGIN = re.compile(
    r"(https?)://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII | re.I
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DOT = re.compile(r"\.|%2e", re.I)
#: Path, query, fragment (RFC 3986 appendix B).
_PARTS = re.compile(r"([^?#]*)(\?[^#]*)?(#.*)?", re.DOTALL)
# The percent-encode sets of the URL standard, section 1.3, beside what is not ASCII; `?` and `#` cannot stand there.
_IN_PATH = frozenset(' "<>^`{}')
_IN_QUERY = frozenset(" \"<>'")
_IN_FRAGMENT = frozenset(' "<>`')


def normalize_link(link: str, allowed_origins: Set[str]) -> str:
    """Return the link as a browser would write it: dot segments taken away, and escaped where it has to be.

    Raises:
        InvalidField: it is neither a path of the frontend's own origin nor a URL of an allowed origin.
    """
    if _CONTROL.search(link) or link != link.strip():
        raise InvalidField("A link has no control characters and no spaces around it", field=_FIELD)
    if "\\" in link:
        raise InvalidField("A link has no backslash; where one is meant, write %5C", field=_FIELD)
    if link.startswith("/"):
        return _check_length(_normalize_rest(link))
    match = _ORIGIN.match(link)
    rest = "" if match is None else link[match.end() :]
    if match is None or (rest and rest[0] not in "/?#"):
        raise InvalidField("A link is a path that begins with one slash, or an https URL", field=_FIELD)
    scheme, host, port = match[1].lower(), match[2].lower(), match[3]
    shown = "" if port in {None, _DEFAULT_PORTS[scheme]} else f":{int(port)}"
    origin = f"{scheme}://{host}{shown}"
    if origin not in allowed_origins:
        raise InvalidField("The link's origin is not one of HUB_LINK_ORIGINS; a path needs none", field=_FIELD)
    return _check_length(origin + _normalize_rest(rest if rest.startswith("/") else f"/{rest}"))


def _check_length(link: str) -> str:
    if len(link) > MAX_LINK_LENGTH:
        raise InvalidField(f"Escaped, a link has at most {MAX_LINK_LENGTH} characters", field=_FIELD)
    return link


def _normalize_rest(text: str) -> str:
    match = _PARTS.fullmatch(text)
    assert match is not None, "the pattern takes every text"
    path = _escape(_remove_dots(match[1]), _IN_PATH)
    if text.startswith("//") or path.startswith("//"):
        # Such a path by itself would be another host's URL.
        raise InvalidField("A link's path begins with one slash", field=_FIELD)
    return path + _escape(match[2] or "", _IN_QUERY) + _escape(match[3] or "", _IN_FRAGMENT)


def _remove_dots(path: str) -> str:
    """Return the path without its dot segments, escaped ones included, as the standard's path state does."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, start=1):
        dots = _DOT.sub(".", segment)
        if dots == "..":
            del kept[-1:]
        if dots not in {".", ".."}:
            kept.append(segment)
        elif number == len(segments):
            kept.append("")
    return "/" + "/".join(kept)


def _escape(text: str, unsafe: Set[str]) -> str:
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode())
        if character in unsafe or not character.isascii()
        else character
        for character in text
    )
