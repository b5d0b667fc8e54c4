"""The body of a request to disconnect: one way of naming whose connections to close, or a 4xx."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.request import DisconnectRequest
from hub.api.disconnect_body import parse_disconnect
from hub.errors import BadRequest, ConflictingTargets, HubError, InvalidField, InvalidJson, NoTarget


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"user_id": "u", "account_id": "x"}, DisconnectRequest(user_id="u", account_id="x")),
        ({"account_id": "x", "revoke": True}, DisconnectRequest(account_id="x", revoke=True)),
        ({"token": "ab" * 32}, DisconnectRequest(token="ab" * 32)),
        ({"jti": "j", "user_id": None}, DisconnectRequest(jti="j")),
    ],
)
def test_one_way_of_naming_is_taken(fields: dict[str, Any], expected: DisconnectRequest) -> None:
    """A user, an account, a token's digest or a jti."""
    assert expected == parse_disconnect(json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("fields", "failure"),
    [
        ({}, NoTarget),
        ({"revoke": True}, NoTarget),
        ({"user_id": "u", "jti": "j"}, ConflictingTargets),
        ({"token": "ab" * 32, "jti": "j"}, ConflictingTargets),
        ({"token": "AB" * 32}, InvalidField),
        ({"token": "ab" * 32 + "\n"}, InvalidField),
        ({"user": "u"}, InvalidField),
    ],
)
def test_none_or_several_ways_are_refused(fields: dict[str, Any], failure: type[HubError]) -> None:
    """An operator's slip closes nobody's connections."""
    with pytest.raises(failure):
        parse_disconnect(json.dumps(fields).encode())


def test_empty_body_is_named() -> None:
    """A request without a body is told so, instead of a decoder's words."""
    with pytest.raises(InvalidJson, match="The body is empty"):
        parse_disconnect(b"")


@settings(max_examples=400)
@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_the_callers_fault(noise: bytes) -> None:
    """No bytes cause anything but a request or a 400."""
    for body in (noise, b'{"user_id":' + noise + b"}"):
        with suppress(BadRequest):
            parse_disconnect(body)
