"""Tests of hub.auth.jws: one token, one spelling."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.jws import SignedText, split_token
from tests.auth.tokens import claims, encode, sign

GOOD = sign(claims())
HEAD, BODY, SIGNATURE = GOOD.split(".")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

#: Bytes that become base64url, and texts that are nearly that.
SEGMENTS = (
    st.binary(max_size=12).map(encode)
    | st.text(alphabet="AQgw-_+/= \n\x00", max_size=8)
    | st.sampled_from([b'{"alg":"HS256"}', b'{"a":1,"a":1}', b"{}", b"[]", b"null", b'{"a":NaN}']).map(encode)
)


def test_parts_are_what_was_put_together() -> None:
    """Header, claims and signature come back, and what was signed is the text of the first two."""
    text = split_token(GOOD)
    assert {"alg": "HS256", "typ": "JWT"} == text.header
    assert f"{HEAD}.{BODY}" == text.signed.decode()
    assert SIGNATURE == encode(text.signature)
    assert claims() == text.read_claims()


@pytest.mark.parametrize("last", ALPHABET)
@pytest.mark.parametrize("size", range(4))
def test_bytes_have_one_spelling(size: int, last: str) -> None:
    """Of all last letters that a lenient reader takes for the same bytes, one is read."""
    made = (b"\xfb\xef\xff" * 2)[: 3 + size]
    spelt = encode(made)
    other = spelt[:-1] + last
    if other == spelt:
        assert made == split_token(f"{HEAD}.{BODY}.{other}").signature
        return
    try:
        assert made != split_token(f"{HEAD}.{BODY}.{other}").signature
    except ValueError:
        assert size % 3


@given(SEGMENTS, SEGMENTS, SEGMENTS)
def test_reader_takes_nothing_that_the_library_refuses(head: str, payload: str, signature: str) -> None:
    """Whatever is read, PyJWT's own reader reads too, and sees the same header, claims and signature."""
    token = f"{head}.{payload}.{signature}"
    try:
        text = split_token(token)
        read: Any = text.read_claims()
    except ValueError:
        return
    library = jwt.PyJWS().decode_complete(token, options={"verify_signature": False})
    assert (library["header"], library["signature"]) == (text.header, text.signature)
    assert json.loads(library["payload"]) == read
    assert token == ".".join((head, encode(library["payload"]), encode(text.signature)))


def test_claims_are_left_alone_until_they_are_asked_for() -> None:
    """A payload that cannot be read does not keep a token from being split: the signature comes first."""
    text = split_token(f"{HEAD}.!!!.{SIGNATURE}")
    with pytest.raises(ValueError, match="base64"):
        text.read_claims()


def test_parts_do_not_show_themselves() -> None:
    """Printing the parts by mistake gives away no token."""
    assert "SignedText()" == repr(SignedText({"kid": "k"}, b"a.b", b"c", b"b"))
