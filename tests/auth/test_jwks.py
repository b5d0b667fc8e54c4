"""Tests of hub.auth.jwks against a real HTTP server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
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
from hub.errors import InvalidToken, KeysUnavailable, TokenExpired
from tests.auth.issuer import Issuer, run_issuer
from tests.auth.tokens import NOW_S, claims, encode, jwk, private_key, settings, sign_with
from tests.harness import DEADLINE_S


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


async def test_nothing_is_said_of_keys_that_nobody_asked_for(issuer: Issuer) -> None:
    """Before the issuer answered, the reason names the claim alone; afterwards that the key is none of the issuer's."""
    reasons = []
    async with verifying(issuer) as verifier:
        for _ in range(2):
            with pytest.raises(InvalidToken) as caught:
                await verifier.verify(token("new", key="ES256-other", exp=...), now_s=NOW_S)
            reasons.append(caught.value.reason)
            await verifier.verify(token(), now_s=NOW_S)
    assert ["it has no exp", "it has no exp, and its key is not among the issuer's"] == reasons


async def test_empty_kid_names_no_key(issuer: Issuer) -> None:
    """A token whose kid is empty is tried with each key, as one without a kid is."""
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(""), now_s=NOW_S)).user_id
        with pytest.raises(InvalidToken):
            await verifier.verify(token("", key="ES256-other"), now_s=NOW_S)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"])
async def test_key_is_found_by_kid(issuer: Issuer, algorithm: str) -> None:
    """Tokens signed with a published key are taken, and the set is fetched once for all of them."""
    issuer.publish(jwk(private_key(f"{algorithm}-other"), "other"), jwk(private_key(algorithm), "k1"))
    async with verifying(issuer, algorithm) as verifier:
        for number in range(3):
            made = token(key=algorithm, algorithm=algorithm, jti=str(number))
            assert "00000000001" == (await verifier.verify(made, now_s=NOW_S)).user_id
    assert ["/jwks.json"] == issuer.paths


@pytest.mark.parametrize(
    "change",
    [
        {"exp": ...},
        {"user_id": ...},
        {"nbf": NOW_S + 3600},
        {"aud": "another"},
        {"account_id": []},
    ],
)
async def test_token_that_no_key_makes_good_costs_the_issuer_nothing(issuer: Issuer, change: dict[str, Any]) -> None:
    """A token whose claims are refused under any signature causes no fetch."""
    verifier = make_verifier(settings(jwt_algorithm="ES256", jwks_url=issuer.url, jwt_audience="hub"))
    with pytest.raises(InvalidToken):
        await verifier.verify(token("new", **({"aud": "hub"} | change)), now_s=NOW_S)
    await verifier.close()
    assert [] == issuer.paths


async def test_other_algorithm_and_malformed_header_are_refused_without_a_fetch(issuer: Issuer) -> None:
    """A token of an algorithm that is not the configured one, or no token at all, costs the issuer nothing."""
    async with verifying(issuer) as verifier:
        for wrong in (token(key="EdDSA", algorithm="EdDSA"), "a.b.c", "[" * 100):
            with pytest.raises(InvalidToken):
                await verifier.verify(wrong, now_s=NOW_S)
    assert [] == issuer.paths


async def test_expired_token_is_told_so_by_a_hub_that_just_started(issuer: Issuer) -> None:
    """The issuer's own expired token is told that it expired, though its key has to be fetched; a stranger's is not."""
    async with verifying(issuer) as verifier:
        with pytest.raises(TokenExpired):
            await verifier.verify(token(exp=NOW_S - 60), now_s=NOW_S)
        with pytest.raises(InvalidToken):
            await verifier.verify(token(key="ES256-other", exp=NOW_S - 60), now_s=NOW_S)


async def test_a_flood_of_unknown_kids_shares_fetches(issuer: Issuer) -> None:
    """A thousand tokens of a stranger, a kid each, cost the issuer a handful of fetches; every one is refused."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        flood = [verifier.verify(token(f"unknown{number}", key="ES256-other"), now_s=NOW_S) for number in range(1_000)]
        async with asyncio.timeout(30):
            answers = await asyncio.gather(*flood, return_exceptions=True)
    assert {InvalidToken} == {type(answer) for answer in answers}
    assert len(issuer.paths) <= 5


async def test_a_flood_locks_out_nobody(issuer: Issuer) -> None:
    """While a stranger sends unknown kids all the time, a key published now is good at once, and known ones too."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        flooding = True

        async def flood(number: int) -> None:
            while flooding:
                number += 100
                with pytest.raises(InvalidToken):
                    await verifier.verify(token(f"unknown{number}", key="ES256-other"), now_s=NOW_S)

        strangers = [asyncio.create_task(flood(number)) for number in range(20)]
        async with asyncio.timeout(30):
            while len(issuer.paths) < 20:  # well into the pace
                await asyncio.sleep(0.01)
            issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("ES256-new"), "k2"))
            grant = await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S)
            assert "00000000001" == grant.user_id
            assert "00000000001" == (await verifier.verify(token(jti="another"), now_s=NOW_S)).user_id
            flooding = False
            await asyncio.gather(*strangers)


async def test_token_of_a_key_to_come_starts_no_cool_down_for_its_kid(issuer: Issuer) -> None:
    """A client that guesses the next kid and sends tokens with it does not lock out the tokens signed with that key."""
    async with verifying(issuer) as verifier:
        for number in range(5):
            with pytest.raises(InvalidToken):
                await verifier.verify(token("k2", key="ES256-other", jti=str(number)), now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256-new"), "k2"))
        assert "00000000001" == (await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S)).user_id


async def test_the_same_token_is_good_once_its_key_is_published(issuer: Issuer) -> None:
    """A token that came before its key is refused, and taken as soon as the key is there."""
    async with verifying(issuer) as verifier:
        early = token("k2", key="ES256-new")
        with pytest.raises(InvalidToken):
            await verifier.verify(early, now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256-new"), "k2"))
        assert "00000000001" == (await verifier.verify(early, now_s=NOW_S)).user_id


async def test_the_same_token_again_and_again_costs_the_issuer_little(issuer: Issuer) -> None:
    """A page that sends one refused token without a pause causes two fetches, not one each time."""
    stale = token("gone", key="ES256-other")
    async with verifying(issuer) as verifier:
        for _ in range(200):
            with pytest.raises(InvalidToken):
                await verifier.verify(stale, now_s=NOW_S)
    assert 2 <= len(issuer.paths) <= 5


async def test_key_exchanged_under_its_old_name_is_found(issuer: Issuer) -> None:
    """An issuer that has one kid for ever and a new key is followed at once; the old key's tokens end."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256-new"), "k1"))
        assert "00000000001" == (await verifier.verify(token(key="ES256-new"), now_s=NOW_S)).user_id
        with pytest.raises(InvalidToken):
            await verifier.verify(token(jti="later"), now_s=NOW_S)


async def test_new_kid_is_found_after_a_rotation(issuer: Issuer) -> None:
    """A key published later is fetched when the first token names it."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("ES256-new"), "k2"))
        grant = await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S)
    assert "00000000001" == grant.user_id
    assert 2 == len(issuer.paths)


async def test_withdrawn_key_takes_its_tokens_with_it(issuer: Issuer) -> None:
    """After the hourly fetch a token is refused when its key is gone, although it was remembered."""
    async with verifying(issuer) as verifier:
        made = token(exp=NOW_S + 90_000)
        grant = await verifier.verify(made, now_s=NOW_S)
        issuer.publish(jwk(private_key("ES256-new"), "k2"))
        assert grant is await verifier.verify(made, now_s=NOW_S + 3599)
        # Nobody waits for the hourly fetch: tokens that come meanwhile are still accepted.
        async with asyncio.timeout(5):
            while True:
                try:
                    await verifier.verify(made, now_s=NOW_S + 3600)
                except InvalidToken:
                    break
                await asyncio.sleep(0.01)
        assert 2 <= len(issuer.paths)


async def test_hourly_fetch_holds_up_nobody(issuer: Issuer) -> None:
    """While the issuer takes its time with the hourly fetch, tokens with known keys are verified, new ones too."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.gate.clear()
        async with asyncio.timeout(1):
            for number in range(10):
                made = token(jti=str(number), exp=NOW_S + 9000)
                assert "00000000001" == (await verifier.verify(made, now_s=NOW_S + 3600)).user_id
            await issuer.requested.wait()
        assert len(issuer.paths) <= 2


async def test_remembered_tokens_survive_a_fetch_of_the_same_keys(issuer: Issuer) -> None:
    """The hourly fetch of an unchanged set does not make everyone be verified again."""
    async with verifying(issuer) as verifier:
        early, late = token(jti="early", exp=NOW_S + 90_000), token(jti="late", exp=NOW_S + 90_000)
        grant = await verifier.verify(early, now_s=NOW_S)
        issuer.requested.clear()
        kept = await verifier.verify(late, now_s=NOW_S + 3600)
        async with asyncio.timeout(3):
            await issuer.requested.wait()
        await verifier._keys.join(NOW_S)
        assert 2 == len(issuer.paths)
        assert grant is await verifier.verify(early, now_s=NOW_S + 3601)
        assert kept is await verifier.verify(late, now_s=NOW_S + 3601)


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
        stuck = asyncio.create_task(verifier.verify(token("unknown"), now_s=NOW_S))
        async with asyncio.timeout(3):
            await issuer.requested.wait()
            grant = await verifier.verify(token(jti="another"), now_s=NOW_S)
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
    """Whatever the issuer answers later, the keys it published go on working, and for others: come back (one line)."""
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        issuer.respond(body, status, *headers)
        with caplog.at_level(logging.WARNING):
            with pytest.raises(KeysUnavailable) as caught:
                await verifier.verify(token("unknown"), now_s=NOW_S)
            grant = await verifier.verify(token(jti="later"), now_s=NOW_S)
    assert 1 == caught.value.retry_after_s
    assert "00000000001" == grant.user_id
    assert 1 == len(caplog.records)
    assert "1 keys are kept" in caplog.text


async def fetch(keys: JwksKeys) -> None:
    """Fetch the keys, and wait until that has succeeded or failed."""
    keys.begin(NOW_S)
    async with asyncio.timeout(DEADLINE_S):
        with contextlib.suppress(KeysUnavailable):
            while not await keys.join(NOW_S):
                await asyncio.sleep(0)


async def test_a_server_that_stays_down_is_one_line(issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """However often the keys are asked for within a minute; and one line says that they can be fetched again."""
    caplog.set_level(logging.INFO, logger="hub")
    keys = JwksKeys(issuer.url, "ES256")
    issuer.respond(b"", "503 Service Unavailable")
    for _ in range(3):
        await fetch(keys)
    issuer.publish(jwk(private_key("ES256"), "k1"))
    assert not keys.candidates(None)
    for _ in range(2):
        await fetch(keys)
    await keys.close()
    assert ["key_server_down", "key_server_up"] == [getattr(record, "event", "") for record in caplog.records]


@pytest.mark.parametrize(("body", "status", "headers"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_without_any_keys_the_hub_says_come_back(
    issuer: Issuer, body: bytes, status: str, headers: tuple[str, ...]
) -> None:
    """While no key ever was fetched a token is told when to come back; it is asked for then, and then it works."""
    issuer.respond(body, status, *headers)
    async with verifying(issuer) as verifier:
        for _ in range(5):
            with pytest.raises(KeysUnavailable) as caught:
                await verifier.verify(token(), now_s=NOW_S)
            assert 1 == caught.value.retry_after_s
        assert len(issuer.paths) in (1, 4)  # four where it redirects to itself
        issuer.publish(jwk(private_key("ES256"), "k1"))
        async with asyncio.timeout(10):
            while True:
                try:
                    grant = await verifier.verify(token(), now_s=NOW_S)
                    break
                except KeysUnavailable as error:
                    await asyncio.sleep(0.1 * (error.retry_after_s or 0))
    assert "00000000001" == grant.user_id


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
@pytest.mark.parametrize(
    "target", ["/elsewhere.json", "elsewhere.json?a=b#c", "{base}/elsewhere.json", "//{host}/elsewhere.json"]
)
async def test_redirect_on_the_same_host_is_followed(issuer: Issuer, status: str, target: str) -> None:
    """An issuer that moved its keys on its own host is followed there."""
    base = issuer.url.removesuffix("/jwks.json")
    place = target.format(base=base, host=base.removeprefix("http://"))
    issuer.respond_at("/jwks.json", b"moved", status, f"Location: {place}")
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S)).user_id
    assert 2 == len(issuer.paths)


@pytest.mark.parametrize("way", ["redirect", "description"])
async def test_no_way_leads_to_another_host(issuer: Issuer, way: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a redirect nor a description makes the hub take keys from another host or port, or a file; it is said."""
    async with run_issuer() as stranger:
        stranger.publish(jwk(private_key("ES256-attacker"), "k1"))
        places = [
            stranger.url,
            stranger.url.replace("127.0.0.1", "localhost"),
            "file:///etc/passwd",
            "https://[::1",
            "ftp://x/",
        ]
        for place in places:
            if way == "redirect":
                issuer.respond(b"", "302 Found", f"Location: {place}")
            else:
                issuer.respond(json.dumps({"issuer": "x", "jwks_uri": place}).encode())
            async with verifying(issuer) as verifier:
                with pytest.raises(KeysUnavailable):
                    await verifier.verify(token(key="ES256-attacker"), now_s=NOW_S)
        assert [] == stranger.paths
    assert "HUB_JWKS_URL" in caplog.text


async def test_issuers_description_leads_to_its_keys(issuer: Issuer) -> None:
    """`/.well-known/openid-configuration` will do as HUB_JWKS_URL where it names keys on the same host."""
    description = {"issuer": "https://id.example", "jwks_uri": issuer.url.replace("jwks.json", "keys")}
    issuer.respond_at("/jwks.json", json.dumps(description).encode())
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S)).user_id
    assert ["/jwks.json", "/keys"] == issuer.paths


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=utf-8", "application/octet-stream", ""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf", b"\r\n  "])
async def test_type_and_byte_order_mark_are_passed_over(issuer: Issuer, kind: str, mark: bytes) -> None:
    """A key set is known by what it is, whatever type it is sent as."""
    issuer.respond(mark + GOOD_BODY, "200 OK", f"Content-Type: {kind}")
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S)).user_id


async def test_one_key_alone_is_a_set(issuer: Issuer) -> None:
    """An issuer that publishes its only key without a set around it is understood."""
    issuer.respond(json.dumps(jwk(private_key("ES256"), "k1")).encode())
    async with verifying(issuer) as verifier:
        assert "00000000001" == (await verifier.verify(token(), now_s=NOW_S)).user_id


async def test_unchanged_keys_are_not_sent_again(issuer: Issuer) -> None:
    """The hub asks with the issuer's ETag, takes 304 for an answer, and finds new keys when there are some."""
    issuer.respond(GOOD_BODY, "200 OK", 'ETag: "v1"')
    async with verifying(issuer) as verifier:
        made = token()
        grant = await verifier.verify(made, now_s=NOW_S)
        issuer.respond(b"", "304 Not Modified", 'ETag: "v1"')
        with pytest.raises(InvalidToken):
            await verifier.verify(token("unknown"), now_s=NOW_S)
        assert 'if-none-match: "v1"' in issuer.heads[-1].lower()
        assert grant is await verifier.verify(made, now_s=NOW_S)
        issuer.respond(json.dumps({"keys": [jwk(private_key("ES256-new"), "k2")]}).encode(), "200 OK", 'ETag: "v2"')
        assert "00000000001" == (await verifier.verify(token("k2", key="ES256-new"), now_s=NOW_S)).user_id


@pytest.mark.parametrize(("said", "good_for_s"), [
    ("max-age=600", 600), ("public, max-age=86400", 3600), ("max-age=0", 3600), ("no-store", 3600),
    ("private, Max-Age=10, must-revalidate", 300), ("max-age=soon", 3600),
])  # fmt: skip
async def test_issuer_says_how_long_its_keys_hold(issuer: Issuer, said: str, good_for_s: float) -> None:
    """`Cache-Control: max-age` has the keys fetched sooner than in an hour, and never all the time."""
    issuer.respond(GOOD_BODY, "200 OK", f"Cache-Control: {said}")
    async with verifying(issuer) as verifier:
        await verifier.verify(token(), now_s=NOW_S)
        await verifier.verify(token(jti="2"), now_s=NOW_S + good_for_s - 1)
        assert 1 == len(issuer.paths)
        issuer.requested.clear()
        await verifier.verify(token(jti="3", exp=NOW_S + 9000), now_s=NOW_S + good_for_s)
        async with asyncio.timeout(3):
            await issuer.requested.wait()


async def test_unreachable_issuer_leaves_the_last_good_keys(issuer: Issuer) -> None:
    """A refused connection is an answer like any other bad one."""
    keys = JwksKeys("http://127.0.0.1:9/jwks.json", "ES256")
    with pytest.raises(KeysUnavailable):
        await keys.renew(NOW_S)
    assert [] == list(keys.candidates("k1"))
    await keys.close()


async def test_silent_issuer_is_given_up(issuer: Issuer) -> None:
    """An issuer that accepts and then says nothing is waited for no longer than the time-out."""
    issuer.gate.clear()
    verifier = TokenVerifier(settings(jwt_algorithm="ES256"), JwksKeys(issuer.url, "ES256", timeout_s=0.05))
    async with asyncio.timeout(3):
        with pytest.raises(KeysUnavailable, match="cannot be verified at the moment"):
            await verifier.verify(token(), now_s=NOW_S)
        await verifier.close()


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
    "for deriving alone": jwk(private_key("ES256"), "k1", key_ops=["deriveBits"]),
    "for wrapping, no list": jwk(private_key("ES256"), "k1", key_ops="wrapKey"),
    "for encryption, in capitals": jwk(private_key("ES256"), "k1", use="ENC"),
    "another algorithm in lower case": jwk(private_key("ES256"), "k1", alg="es384"),
    "a private key": jwk(private_key("ES256"), "k1", d=SECRET_NUMBER),
    "half a private key": jwk(private_key("ES256"), "k1", d="AAAA"),
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
