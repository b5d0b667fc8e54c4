"""Tests of hub.auth.credentials and hub.auth.origin: what a handshake says about who is asking."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.credentials import Credential, find_credential
from hub.auth.origin import check_origin
from hub.errors import InvalidToken, OriginNotAllowed
from tests.auth.tokens import claims, encode, sign

TOKEN = sign(claims())
HEADER = (b"authorization", b"Bearer " + TOKEN.encode())
SUBPROTOCOL = f"hub.bearer.{encode(TOKEN.encode())}"
QUERY = f"token={TOKEN}".encode()


def test_each_place_is_read() -> None:
    """A header, a subprotocol and the query carry the same token."""
    assert Credential(TOKEN) == find_credential([(b"host", b"h"), HEADER], b"", [])
    assert Credential(TOKEN) == find_credential([], b"", ["hub.v1", SUBPROTOCOL])
    assert Credential(TOKEN) == find_credential([], b"cursor=abc&" + QUERY, ["hub.v1"])


def test_header_comes_before_subprotocol_before_query() -> None:
    """The first place that holds a credential decides, whatever stands in the others."""
    other = b"token=other"
    assert Credential(TOKEN) == find_credential([HEADER], other + b"&" + other, ["hub.bearer.***"])
    assert Credential(TOKEN) == find_credential([], other, [SUBPROTOCOL])


@pytest.mark.parametrize("query", [b"", b"cursor=abc", b"cursor=a%20b", b"tokens=a", b"Token=a", b"xtoken=a", b"&&"])
def test_no_credential_is_none(query: bytes) -> None:
    """A connection without a credential is told apart from one with a bad one."""
    assert find_credential([(b"cookie", b"token=a")], query, ["hub.v1", "hub.bearer"]) is None


@pytest.mark.parametrize("value", [b"bearer %s", b"BEARER %s", b"Bearer   %s", b" Bearer %s "])
def test_scheme_is_case_insensitive(value: bytes) -> None:
    """RFC 9110 section 11.1: the scheme's letters may be of any case."""
    assert Credential(TOKEN) == find_credential([(b"authorization", value % TOKEN.encode())], b"", [])


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer a b",
        b"Bearera.b.c",
        b"Basic YTpi",
        b"Token abc",
        b"Bearer a,b",
        b"Bearer a\x00b",
        b"Bearer \xc3\xa9",
        b"Bearer \xff",
        b"Bearer " + b"a" * 8193,
        b"Bearer =",
        b'Bearer "abc"',
        b"Bearer abc, Bearer def",
    ],
)
def test_malformed_header_is_refused(value: bytes) -> None:
    """An Authorization header that is not one bearer token is refused, not skipped."""
    with pytest.raises(InvalidToken):
        find_credential([(b"authorization", value)], QUERY, [SUBPROTOCOL])


def test_two_headers_are_refused() -> None:
    """Two Authorization headers are refused even when they are equal, since proxies pick different ones."""
    with pytest.raises(InvalidToken):
        find_credential([HEADER, HEADER], b"", [])


@pytest.mark.parametrize(
    "encoded",
    ["", "=", "YQ==", "a", "+/+/", "*", "YQ.", "w6k", "_w", "AAAA", "a" * 11_000, "Y Q", "ção"],
)
def test_malformed_subprotocol_is_refused(encoded: str) -> None:
    """What follows `hub.bearer.` must be the base64url, without padding, of a token."""
    with pytest.raises(InvalidToken):
        find_credential([], QUERY, ["hub.v1", f"hub.bearer.{encoded}"])


def test_two_subprotocols_are_refused() -> None:
    """Two tokens offered as subprotocols are refused."""
    with pytest.raises(InvalidToken):
        find_credential([], b"", [SUBPROTOCOL, SUBPROTOCOL])


@pytest.mark.parametrize(
    "query", [f"token={quote(TOKEN, safe='')}", f"%74oken={TOKEN}", "token=" + "".join(f"%{ord(c):02x}" for c in TOKEN)]
)
def test_query_is_percent_decoded(query: str) -> None:
    """Any percent-encoding of the same name and token is read, as `encodeURIComponent` or another may write it."""
    assert Credential(TOKEN) == find_credential([], query.encode(), [])


@pytest.mark.parametrize(
    "query",
    [
        b"token=",
        b"token",
        b"token=a&token=a",
        b"token=a&%74oken=b",
        b"token=%00",
        b"token=%ff",
        b"token=%C3%A9",
        b"token=\xff",
        b"token=a%0d%0aX: y",
        b"token=a b",
        b"token=a+b",
        b"token=%",
        b"token=%zz",
        b"token=" + b"a" * 8193,
        b"token=" + b"%61" * 8193,
        b"a=1&" * 33 + b"token=a",
    ],
)
def test_malformed_query_is_refused(query: bytes) -> None:
    """A `token` that is empty, doubled, too long or no token text is refused."""
    with pytest.raises(InvalidToken):
        find_credential([], query, [])


@given(st.binary(max_size=60), st.binary(max_size=60), st.lists(st.text(max_size=30), max_size=3))
def test_any_bytes_are_a_credential_none_or_refused(value: bytes, query: bytes, offers: list[str]) -> None:
    """Whatever a handshake holds, the answer is a plain ASCII credential, None, or InvalidToken."""
    for headers in ([], [(b"authorization", value)], [(b"authorization", b"bearer " + value)]):
        for text in (query, b"token=" + query):
            for subprotocols in (offers, [f"hub.bearer.{offer}" for offer in offers]):
                try:
                    found = find_credential(headers, text, subprotocols)
                except InvalidToken:
                    continue
                assert found is None or (found.text.isascii() and 0 < len(found.text) <= 8192)


@given(st.lists(st.sampled_from([b"token", b"cursor", b"=", b"&", b";", b"a", b"/", b"~", b"\x00", b"\xe9"])))
def test_query_with_nothing_to_decode_means_the_same(pieces: list[bytes]) -> None:
    """A query that needs no decoding is read like one that does."""

    def read(query: bytes) -> Credential | str | None:
        try:
            return find_credential([], query, [])
        except InvalidToken:
            return "refused"

    query = b"".join(pieces)
    assert read(query) == read(query + b"&x=%20") == read(b"x=a+b&" + query)


def test_credential_does_not_show_itself() -> None:
    """Printing a credential by mistake gives away no token."""
    assert "Credential()" == repr(Credential(TOKEN))


ALLOWED = frozenset({"https://app.example", "http://localhost:8000"})


@pytest.mark.parametrize("origin", [None, *sorted(ALLOWED)])
def test_allowed_or_missing_origin_passes(origin: str | None) -> None:
    """A listed origin passes, and so does a client that is not a browser and has none."""
    check_origin(origin, ALLOWED)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "https://app.example/",
        "https://app.example:443",
        "https://app.example.",
        "https://APP.example",
        "http://app.example",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://evilapp.example",
        "https://appxexample",
        "https://app.example@evil.example",
        "https://app.example https://evil.example",
        "https://app.example, https://app.example",
        " https://app.example",
        "https://app.example\x00",
        "https://аpp.example",
        "http://localhost:8001",
        "http://localhost",
        "http://127.0.0.1:8000",
        "file://",
        "*",
    ],
)
def test_any_other_origin_is_refused(origin: str) -> None:
    """Only an exactly equal origin passes: no suffix, prefix, port, case, dot or look-alike."""
    with pytest.raises(OriginNotAllowed):
        check_origin(origin, ALLOWED)


def test_null_is_refused_even_when_listed() -> None:
    """Any page can have the origin `null`, so listing it would list everyone."""
    with pytest.raises(OriginNotAllowed):
        check_origin("null", frozenset({"null"}))
