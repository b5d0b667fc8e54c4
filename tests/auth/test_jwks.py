"""Tests of hub.auth.jwks against a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from jwt.warnings import InsecureKeyLengthWarning

from hub.auth.jwks import JwksKeys
from hub.auth.tokens import TokenVerifier, make_verifier
from hub.errors import InvalidToken, KeysUnavailable
from tests.auth.issuer import Issuer, run_issuer
from tests.auth.tokens import NOW_S, claims, encode, jwk, private_key, settings, sign_with


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a proxy of the machine the tests run on out of the way."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that publishes the key `k1`."""
    async with run_issuer() as running:
        running.publish(jwk(private_key("ES256"), "k1"))
        yield running


@asynccontextmanager
async def verifying(issuer: Issuer, algorithm: str = "ES256") -> AsyncIterator[TokenVerifier]:
    """A verifier of what `issuer` signs."""
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwks_url=issuer.url))
    try:
        yield verifier
    finally:
        await verifier.close()


def token(kid: Any = "k1", *, key: str = "ES256", algorithm: str = "ES256", **changes: Any) -> str:
    """Return a token that names `kid`."""
    headers = {} if kid is None else {"kid": kid}
    return sign_with(private_key(key), claims(**changes), algorithm, headers=headers)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "EdDSA"])
async def test_key_is_found_by_kid(issuer: Issuer, algorithm: str) -> None:
    """Tokens signed with a published key are taken, and the set is fetched once for all of them."""
    issuer.publish(jwk(private_key(f"{algorithm}-other"), "other"), jwk(private_key(algorithm), "k1"))
    async with verifying(issuer, algorithm) as verifier:
        for number in range(3):
            made = token(key=algorithm, algorithm=algorithm, jti=str(number))
            assert "00000000001" == (await verifier.verify(made, now_s=NOW_S)).user_id
    assert ["/jwks.json"] == issuer.paths


@pytest.mark.parametrize(
    "kid", [None, "", "k 1", "../k1", "k1\n", "k1\x00", "ключ", "k" * 65, "http://127.0.0.1/", "' OR 1=1"]
)
async def test_unusable_kid_is_refused_without_a_fetch(issuer: Issuer, kid: str | None) -> None:
    """A token that names no key, or one that can be none, costs the issuer nothing."""
    async with verifying(issuer) as verifier:
        with pytest.raises(InvalidToken):
            await verifier.verify(token(kid), now_s=NOW_S)
    assert [] == issuer.paths


async def test_other_algorithm_and_malformed_header_are_refused_without_a_fetch(issuer: Issuer) -> None:
    """A token of an algorithm that is not the configured one, or no token at all, costs the issuer nothing."""
    async with verifying(issuer) as verifier:
        for wrong in (token(key="EdDSA", algorithm="EdDSA"), "a.b.c", "[" * 100):
            with pytest.raises(InvalidToken):
                await verifier.verify(wrong, now_s=NOW_S)
    assert [] == issuer.paths


async def test_unknown_kids_share_one_fetch_a_minute(issuer: Issuer) -> None:
    """A flood of unknown kids leads to one fetch, and to the next only after the cool-down."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        for number in range(50):
            with pytest.raises(InvalidToken):
                await verifier.verify(token(f"unknown{number}"), now_s=NOW_S + 59.9)
        assert 1 == len(issuer.paths)
        for number in range(50):
            with pytest.raises(InvalidToken):
                await verifier.verify(token(f"unknown{number}"), now_s=NOW_S + 60)
        assert 2 == len(issuer.paths)


async def test_new_kid_is_found_after_a_rotation(issuer: Issuer) -> None:
    """A key published later is fetched when the first token names it."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("ES256-new"), "k2"))
        grant = await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S + 61)
    assert "00000000001" == grant.user_id
    assert 2 == len(issuer.paths)


async def test_withdrawn_key_takes_its_tokens_with_it(issuer: Issuer) -> None:
    """After the hourly fetch a token is refused when its key is gone, although it was remembered."""
    async with verifying(issuer) as verifier:
        made = token(exp=NOW_S + 90_000)
        grant = await verifier.verify(made, now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256-new"), "k2"))
        assert grant is await verifier.verify(made, now_s=NOW_S + 3599)
        for now_s in (NOW_S + 3600, NOW_S + 3601):
            with pytest.raises(InvalidToken):
                await verifier.verify(made, now_s=now_s)


async def test_remembered_tokens_survive_a_fetch_of_the_same_keys(issuer: Issuer) -> None:
    """The hourly fetch of an unchanged set does not make everyone be verified again."""
    async with verifying(issuer) as verifier:
        early, late = token(jti="early", exp=NOW_S + 90_000), token(jti="late", exp=NOW_S + 90_000)
        grant = await verifier.verify(early, now_s=NOW_S)
        await verifier.verify(late, now_s=NOW_S + 3600)
        assert 2 == len(issuer.paths)
        assert grant is await verifier.verify(early, now_s=NOW_S + 3601)


async def test_many_at_once_share_one_fetch(issuer: Issuer) -> None:
    """A storm of connections on a cold start waits for one fetch, and one that hangs up does not end it."""
    issuer.gate.clear()
    async with verifying(issuer) as verifier:
        impatient = asyncio.create_task(verifier.verify(token(), now_s=NOW_S))
        others = [asyncio.create_task(verifier.verify(token(jti=str(number)), now_s=NOW_S)) for number in range(20)]
        async with asyncio.timeout(3):
            await issuer.requested.wait()
        impatient.cancel()
        issuer.gate.set()
        async with asyncio.timeout(3):
            grants = await asyncio.gather(*others)
        with pytest.raises(asyncio.CancelledError):
            await impatient
    assert 20 == len(grants)
    assert 1 == len(issuer.paths)


async def test_known_kid_does_not_wait_for_somebody_elses_fetch(issuer: Issuer) -> None:
    """While a fetch for an unknown kid hangs, tokens with a known one are verified."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.gate.clear()
        issuer.requested.clear()
        stuck = asyncio.create_task(verifier.verify(token("unknown"), now_s=NOW_S + 61))
        async with asyncio.timeout(3):
            await issuer.requested.wait()
            grant = await verifier.verify(token(jti="another"), now_s=NOW_S + 61)
        assert "00000000001" == grant.user_id
        issuer.gate.set()
        with pytest.raises(InvalidToken):
            await stuck


GOOD_BODY = json.dumps({"keys": [jwk(private_key("ES256"), "k1")]}).encode()

BAD_ANSWERS: dict[str, tuple[bytes, str, tuple[str, ...]]] = {
    "redirect": (b"", "302 Found", ("Location: /elsewhere.json",)),
    "permanent redirect with the keys": (GOOD_BODY, "308 Permanent Redirect", ("Location: /elsewhere.json",)),
    "not found": (GOOD_BODY, "404 Not Found", ()),
    "server error": (b"", "500 Internal Server Error", ()),
    "too large": (GOOD_BODY + b" " * 262_144, "200 OK", ()),
    "compressed": (gzip.compress(GOOD_BODY), "200 OK", ("Content-Encoding: gzip",)),
    "no JSON": (b"<html>", "200 OK", ()),
    "no key set": (b"[]", "200 OK", ()),
    "keys are strings": (b'{"keys":["k1"]}', "200 OK", ()),
    "nested too deep": (b"[" * 100_000, "200 OK", ()),
    "not UTF-8": (b'{"keys":[{"kid":"\xff"}]}', "200 OK", ()),
    "no keys": (b'{"keys":[]}', "200 OK", ()),
    "too many keys": (json.dumps({"keys": [{"kid": str(n)} for n in range(101)]}).encode(), "200 OK", ()),
}


@pytest.mark.parametrize(("body", "status", "headers"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_bad_answer_leaves_the_last_good_keys(
    issuer: Issuer, body: bytes, status: str, headers: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever the issuer answers later, what it published before goes on working; one line is logged."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.respond(body, status, *headers)
        with caplog.at_level(logging.WARNING):
            grant = await verifier.verify(token(jti="later", exp=NOW_S + 9000), now_s=NOW_S + 3600)
    assert "00000000001" == grant.user_id
    assert ["/jwks.json"] * 2 == issuer.paths
    assert 1 == len(caplog.records)
    assert "1 keys are kept" in caplog.text


@pytest.mark.parametrize(("body", "status", "headers"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_without_any_keys_the_hub_says_come_back(
    issuer: Issuer, body: bytes, status: str, headers: tuple[str, ...]
) -> None:
    """While no key ever was fetched a token is answered 503, the issuer is asked every 5 s, and then it works."""
    issuer.respond(body, status, *headers)
    async with verifying(issuer) as verifier:
        for _ in range(5):
            with pytest.raises(KeysUnavailable):
                await verifier.verify(token(), now_s=NOW_S)
        assert 1 == len(issuer.paths)
        issuer.publish(jwk(private_key("ES256"), "k1"))
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S + 5)).user_id


async def test_unreachable_issuer_leaves_the_last_good_keys(issuer: Issuer) -> None:
    """A refused connection is an answer like any other bad one."""
    keys = JwksKeys("http://127.0.0.1:9/jwks.json", "ES256")
    with pytest.raises(KeysUnavailable):
        await keys.find("k1", now_s=NOW_S)
    await keys.close()


async def test_silent_issuer_is_given_up(issuer: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An issuer that accepts and then says nothing is waited for no longer than the time-out."""
    monkeypatch.setattr("hub.auth.jwks._TIMEOUT_S", 0.05)
    issuer.gate.clear()
    async with verifying(issuer) as verifier, asyncio.timeout(3):
        with pytest.raises(KeysUnavailable):
            await verifier.verify(token(), now_s=NOW_S)


async def test_closing_ends_the_fetch_under_way(issuer: Issuer) -> None:
    """A shutdown does not wait for the issuer."""
    issuer.gate.clear()
    verifier = make_verifier(settings(jwt_algorithm="ES256", jwks_url=issuer.url))
    waiting = asyncio.create_task(verifier.verify(token(), now_s=NOW_S))
    async with asyncio.timeout(3):
        await issuer.requested.wait()
        await verifier.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_clock_set_back_does_not_stop_fetching(issuer: Issuer) -> None:
    """After the clock went back a day, a new kid is still looked for."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256"), "k2"))
        grant = await verifier.verify(token("k2", exp=NOW_S), now_s=NOW_S - 86_400)
    assert "00000000001" == grant.user_id


SECRET_JWK = {"kty": "oct", "kid": "k1", "k": base64.urlsafe_b64encode(b"k" * 32).decode()}

_PRIVATE = private_key("ES256")
assert isinstance(_PRIVATE, EllipticCurvePrivateKey)
SECRET_NUMBER = encode(_PRIVATE.private_numbers().private_value.to_bytes(32))

UNFIT: dict[str, dict[str, Any]] = {
    "a secret": SECRET_JWK,
    "a secret said to be for ES256": SECRET_JWK | {"alg": "ES256"},
    "another type": jwk(private_key("RS256"), "k1"),
    "another curve": jwk(private_key("ES384"), "k1"),
    "another algorithm": jwk(private_key("ES256"), "k1", alg="ES384"),
    "for encryption": jwk(private_key("ES256"), "k1", use="enc"),
    "for signing alone": jwk(private_key("ES256"), "k1", key_ops=["sign"]),
    "operations are no list": jwk(private_key("ES256"), "k1", key_ops="verify"),
    "a private key": jwk(private_key("ES256"), "k1", d=SECRET_NUMBER),
    "half a private key": jwk(private_key("ES256"), "k1", d="AAAA"),
    "no kid": jwk(private_key("ES256"), ...),
    "kid is a number": jwk(private_key("ES256"), 1),
    "kid is a path": jwk(private_key("ES256"), "../k1"),
    "no type": jwk(private_key("ES256"), "k1", kty=...),
    "no point": jwk(private_key("ES256"), "k1", x=...),
    "point is a number": jwk(private_key("ES256"), "k1", x=1),
    "point is not on the curve": jwk(private_key("ES256"), "k1", x=base64.urlsafe_b64encode(b"\1" * 32).decode()),
    "point is not base64": jwk(private_key("ES256"), "k1", x="*"),
}


@pytest.mark.parametrize("unfit", UNFIT.values(), ids=UNFIT.keys())
async def test_key_that_does_not_fit_is_passed_over(issuer: Issuer, unfit: dict[str, Any]) -> None:
    """A published key of another kind or purpose is not used, and does not spoil the ones beside it."""
    issuer.publish(unfit, jwk(private_key("ES256-new"), "k2"))
    async with verifying(issuer) as verifier:
        with pytest.raises(InvalidToken):
            await verifier.verify(token(), now_s=NOW_S)
        assert "00000000001" == (await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S)).user_id


async def test_short_rsa_key_is_passed_over(issuer: Issuer) -> None:
    """A published RSA key of 1024 bits is not used."""
    issuer.publish(jwk(private_key("RS1024"), "k1"), jwk(private_key("RS256"), "k2"))
    async with verifying(issuer, "RS256") as verifier:
        made = token("k2", key="RS256", algorithm="RS256")
        assert "00000000001" == (await verifier.verify(made, now_s=NOW_S)).user_id
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            forged = token("k1", key="RS1024", algorithm="RS256")
        with pytest.raises(InvalidToken):
            await verifier.verify(forged, now_s=NOW_S)


async def test_first_of_two_keys_with_one_kid_is_used(issuer: Issuer) -> None:
    """A second key cannot take the place of a first by taking its kid."""
    issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("ES256-new"), "k1"))
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S)).user_id
        with pytest.raises(InvalidToken):
            await verifier.verify(token(key="ES256-new"), now_s=NOW_S)
