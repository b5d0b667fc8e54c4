"""Tests of hub.auth.key_set: whatever an issuer publishes is keys, or said to be none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.auth.key_set import KeySet, UnusableKeySet, read_document, read_key_set
from hub.auth.keys import key_problem
from tests.auth.tokens import jwk, private_key

ALGORITHMS = ["RS256", "PS512", "ES256", "ES512", "EdDSA"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
MEMBERS = ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "x5c", "x5t", "d", "k"]
WORDS = st.sampled_from(
    ["RSA", "EC", "OKP", "oct", "sig", "enc", "verify", "P-256", "Ed25519", "AQAB", "", "AA", "MIIB"]
)
KINDS = ("RS256", "ES256", "ES512", "EdDSA")


@given(
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(MEMBERS), JSON | WORDS | st.lists(WORDS, max_size=2)),
    st.sets(st.sampled_from(MEMBERS)),
    st.sampled_from(ALGORITHMS),
)
def test_any_key_is_used_or_passed_over(kind: str, changes: dict[str, Any], missing: set[str], algorithm: str) -> None:
    """Whatever a key's members hold, it is a key that fits the algorithm, or none, and never an error."""
    raw = {name: value for name, value in (jwk(private_key(kind), "k1") | changes).items() if name not in missing}
    keys = KeySet([raw], algorithm)
    for key in keys.find(None):
        assert key_problem(key, algorithm) is None


@given(JSON | st.fixed_dictionaries({"keys": JSON | st.lists(JSON, max_size=3)}), st.sampled_from(ALGORITHMS))
def test_any_answer_is_a_key_set_or_is_told_why_not(answer: Any, algorithm: str) -> None:
    """Any JSON is a set of keys or UnusableKeySet, and nothing else is raised."""
    with contextlib.suppress(UnusableKeySet):
        assert len(read_key_set(read_document(json.dumps(answer).encode()), algorithm)) > 0


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_none(body: bytes) -> None:
    """Bytes that are no JSON object are said to be none."""
    with contextlib.suppress(UnusableKeySet):
        assert isinstance(read_document(body), dict)


@pytest.mark.parametrize("body", [b"<!doctype html>", b"  <html>", b"\xef\xbb\xbf<?xml version='1.0'?>"])
def test_page_is_called_a_page(body: bytes) -> None:
    """The commonest wrong answer, a page for people, is named."""
    with pytest.raises(UnusableKeySet, match="is an HTML page"):
        read_document(body)


def test_keys_tried_are_bounded() -> None:
    """A token without a kid is tried with 32 keys at most, and so is one whose kid many keys share."""
    raw = [jwk(private_key("ES256"), "same") for _ in range(60)]
    keys = KeySet(raw, "ES256")
    assert [60, 32, 32, 0] == [len(keys), *(len(keys.find(kid)) for kid in (None, "same", "other"))]
