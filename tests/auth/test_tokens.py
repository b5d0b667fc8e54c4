"""Tests of hub.auth.tokens: what an honest token becomes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from hub.auth.grant import Claims, Grant, token_digest
from hub.auth.keys import StaticKeys, read_static_keys
from hub.auth.tokens import TokenVerifier, make_verifier
from hub.errors import InvalidToken, SettingsError, TokenExpired, TokenNotYetValid
from hub.settings import Settings
from tests.auth.tokens import (
    EXP,
    NOW_S,
    PREVIOUS_SECRET,
    SECRET,
    claims,
    encode,
    private_key,
    public_pem,
    settings,
    sign,
    sign_with,
)


async def verify(token: str, **changes: Any) -> Claims:
    """Verify `token` under settings changed as asked."""
    return await make_verifier(settings(**changes)).verify(token, now_s=NOW_S)


async def test_avadmin_token_becomes_a_grant() -> None:
    """A token as AvAdmin makes them today is taken, without iat, iss, aud and jti."""
    token = sign(claims())
    expected = Grant(
        user_id="00000000001",
        account_id="00000000000101",
        role="user",
        expires_at_s=EXP,
        issued_at_s=None,
        token_id=None,
        token_digest=token_digest(token),
    )
    assert expected == await verify(token)


async def test_seven_days_are_not_too_long() -> None:
    """A fresh token of AvAdmin's full seven days is taken, also when its clock is ahead by the leeway."""
    token = sign(claims(exp=int(NOW_S) + 604_800 + 10))
    assert NOW_S + 604_820 == (await verify(token, jwt_leeway_s=10)).expires_at_s


async def test_account_may_be_null_and_role_missing() -> None:
    """A token without an account leaves the account to the directory; without a role it is a user's."""
    grant = await verify(sign(claims(account_id=None, role=...)))
    assert (None, "user") == (grant.account_id, grant.role)


async def test_claim_names_come_from_the_settings() -> None:
    """Another issuer's names are read where the settings say so, and then `sub` need not be repeated."""
    token = sign({"sub": "ana", "tenant": "acme", "group": "admin", "user_id": "somebody else", "exp": EXP})
    names = {"jwt_user_claim": "sub", "jwt_account_claim": "tenant", "jwt_role_claim": "group"}
    grant = await verify(token, **names)
    assert ("ana", "acme", "admin") == (grant.user_id, grant.account_id, grant.role)


async def test_iat_and_jti_reach_the_grant() -> None:
    """What revocations need of a token stands in its grant."""
    grant = await verify(sign(claims(iat=NOW_S - 5.5, jti="a1")))
    assert (NOW_S - 5.5, "a1") == (grant.issued_at_s, grant.token_id)


async def test_issuer_and_audience_are_taken_when_equal() -> None:
    """A token with the configured issuer and audience is taken."""
    token = sign(claims(iss="https://id.example", aud="hub"))
    assert "00000000001" == (await verify(token, jwt_issuer="https://id.example", jwt_audience="hub")).user_id


async def test_issuer_and_audience_are_not_looked_at_unless_configured() -> None:
    """Without configured values any issuer and audience will do, as the settings page says."""
    assert "00000000001" == (await verify(sign(claims(iss="anyone", aud=["a", "b"])))).user_id


@pytest.mark.parametrize("secret", [SECRET, PREVIOUS_SECRET])
async def test_both_secrets_of_a_rotation_are_taken(secret: str) -> None:
    """Tokens signed before and after the secret was rotated are both good."""
    assert "00000000001" == (await verify(sign(claims(), secret=secret), jwt_secret_previous=PREVIOUS_SECRET)).user_id


async def test_the_previous_secret_ends_when_it_is_unset() -> None:
    """Once JWT_SECRET_PREVIOUS is gone, so are its tokens."""
    with pytest.raises(InvalidToken):
        await verify(sign(claims(), secret=PREVIOUS_SECRET))


@pytest.mark.parametrize(("algorithm", "digest"), [("HS384", "sha384"), ("HS512", "sha512")])
async def test_longer_hmac_is_taken(algorithm: str, digest: str) -> None:
    """HS384 and HS512 work with secrets of their length."""
    token = sign(claims(), header={"alg": algorithm}, secret=SECRET * 2, digest=digest)
    assert "00000000001" == (await verify(token, jwt_algorithm=algorithm, jwt_secret=SECRET * 2)).user_id


@pytest.mark.parametrize(
    "algorithm", ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
)
async def test_public_key_file_is_used(algorithm: str, tmp_path: Path) -> None:
    """A token signed with the private half of the configured PEM key is taken; any other key's is not."""
    path = tmp_path / "jwt.pem"
    path.write_bytes(public_pem(private_key(algorithm)))
    verifier = make_verifier(settings(jwt_algorithm=algorithm, jwt_public_key_file=path))
    token = sign_with(private_key(algorithm), claims(), algorithm)
    assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id
    with pytest.raises(InvalidToken):
        await verifier.verify(sign_with(private_key(f"{algorithm}-other"), claims(), algorithm), now_s=NOW_S)


async def test_expiry_is_exp_plus_leeway() -> None:
    """Until `exp` plus leeway a token is good, from then on it is expired; the grant says the same."""
    verifier = make_verifier(settings(jwt_leeway_s=10))
    grant = await verifier.verify(sign(claims()), now_s=EXP + 9.9)
    assert EXP + 10 == grant.expires_at_s
    with pytest.raises(TokenExpired):
        await verifier.verify(sign(claims()), now_s=EXP + 10)


async def test_leeway_covers_a_clock_that_is_ahead() -> None:
    """A token dated by an issuer whose clock is a little ahead is taken."""
    assert "00000000001" == (await verify(sign(claims(iat=NOW_S + 9, nbf=NOW_S + 9)), jwt_leeway_s=10)).user_id


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("early_s", "wait_s"), [(10.0, None), (10.5, 1), (40.0, 30), (310.0, 300)])
async def test_token_that_begins_soon_is_told_when(name: str, early_s: float, wait_s: int | None) -> None:
    """A token early by less than the leeway is taken; by up to five minutes more, it is told how long to wait."""
    verifier = make_verifier(settings(jwt_leeway_s=10))
    token = sign(claims(**{name: NOW_S + early_s}))
    if wait_s is None:
        assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id
        return
    with pytest.raises(TokenNotYetValid, match="The token is not valid yet") as caught:
        await verifier.verify(token, now_s=NOW_S)
    assert wait_s == caught.value.retry_after_s
    assert name in (caught.value.reason or "")
    assert "00000000001" == (await verifier.verify(token, now_s=NOW_S + wait_s)).user_id


async def test_ten_seconds_of_clock_error_lock_nobody_out() -> None:
    """By default the clocks of hub and issuer may differ by ten seconds, either way."""
    verifier = make_verifier(Settings(jwt_secret=SECRET))
    for token in (sign(claims(iat=NOW_S + 10, nbf=NOW_S + 10)), sign(claims(exp=NOW_S - 9.9))):
        assert "00000000001" == (await verifier.verify(token, now_s=NOW_S)).user_id


async def test_verified_token_is_remembered_until_it_expires() -> None:
    """A token verified before has the grant it had, as long as it holds; a duplicate of the same claims has its own."""
    verifier = make_verifier(settings())
    token, twin = sign(claims()), sign(claims(), header={"typ": "JWT", "alg": "HS256"})
    grant = await verifier.verify(token, now_s=NOW_S)
    assert grant is await verifier.verify(token, now_s=EXP - 0.1)
    assert grant is not await verifier.verify(twin, now_s=EXP - 0.1)
    with pytest.raises(TokenExpired):
        await verifier.verify(token, now_s=EXP)


async def test_remembered_token_does_not_vouch_for_another_signature() -> None:
    """The same claims with a forged signature are verified on their own, and refused."""
    verifier = make_verifier(settings())
    token = sign(claims())
    await verifier.verify(token, now_s=NOW_S)
    forged = token.rpartition(".")[0] + "." + encode(b"\x00" * 32)
    with pytest.raises(InvalidToken):
        await verifier.verify(forged, now_s=NOW_S)


async def test_refused_token_is_not_remembered() -> None:
    """A token refused because it is not yet valid is taken once it is."""
    verifier = make_verifier(settings())
    token = sign(claims(nbf=NOW_S + 5))
    with pytest.raises(TokenNotYetValid):
        await verifier.verify(token, now_s=NOW_S)
    assert "00000000001" == (await verifier.verify(token, now_s=NOW_S + 5)).user_id


async def test_memory_is_bounded_and_keeps_the_latest_used() -> None:
    """Beyond its bound the verifier forgets the token that was used longest ago."""
    chosen = settings()
    verifier = TokenVerifier(chosen, read_static_keys(chosen), max_remembered=2)
    first, second, third = (sign(claims(jti=jti)) for jti in "abc")
    grants = {token: await verifier.verify(token, now_s=NOW_S) for token in (first, second)}
    await verifier.verify(first, now_s=NOW_S)
    grants[third] = await verifier.verify(third, now_s=NOW_S)
    # The forgotten one last: asking for it makes the verifier remember it again.
    remembered = [grants[token] is await verifier.verify(token, now_s=NOW_S) for token in (first, third, second)]
    assert [True, True, False] == remembered


@pytest.mark.parametrize("token", ["a" * 8193, "a" * 65_536, "é.b.c", "\ud800.b.c", ""])
async def test_unbounded_token_is_refused_before_any_work(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is too long or not ASCII is neither hashed nor decoded."""
    verifier = make_verifier(settings())

    def refuse_to_work(*_: object) -> None:
        raise AssertionError("work was done for it")

    monkeypatch.setattr(hashlib, "sha256", refuse_to_work)
    monkeypatch.setattr("jwt.PyJWS.decode_complete", refuse_to_work)
    with pytest.raises(InvalidToken):
        await verifier.verify(token, now_s=NOW_S)


def test_grant_shows_no_ids() -> None:
    """Printing a grant by mistake gives away nobody's CPF."""
    grant = Grant(
        user_id="00000000001", account_id="101", role="user", expires_at_s=1, issued_at_s=None,
        token_id="t", token_digest="d",
    )  # fmt: skip
    assert "Grant(role='user', expires_at_s=1)" == repr(grant)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"jwt_secret": ""}, "JWT_SECRET: is missing"),
        ({"jwt_secret": "short"}, "JWT_SECRET: is shorter than 32 bytes"),
        ({"jwt_algorithm": "HS512"}, "JWT_SECRET: is shorter than 64 bytes"),
        ({"jwt_algorithm": "RS256"}, "HUB_JWT_PUBLIC_KEY_FILE: is missing"),
    ],
)
def test_unusable_secret_stops_the_start(changes: dict[str, Any], problem: str) -> None:
    """A missing or short secret is named before any token comes in."""
    with pytest.raises(SettingsError, match=problem):
        make_verifier(settings(**changes))


@pytest.mark.parametrize("published", ["pass123", "your-secret-key-change-in-production-please"])
async def test_published_secret_can_be_rotated_away(published: str, caplog: pytest.LogCaptureFixture) -> None:
    """AvAdmin's old default is known to the world, and its tokens must work for a week more: told, not refused."""
    token = sign(claims(), secret=published)
    assert "00000000001" == (await verify(token, jwt_secret_previous=published)).user_id
    assert "JWT_SECRET_PREVIOUS is" in caplog.text
    assert published not in caplog.text


def test_public_key_is_no_secret() -> None:
    """A public key given as JWT_SECRET, the root of algorithm confusion, stops the start."""
    with pytest.raises(SettingsError, match="is a public key or a certificate"):
        make_verifier(settings(jwt_secret=public_pem(private_key("ES256")).decode()))


@pytest.mark.parametrize(
    ("algorithm", "key", "problem"),
    [
        ("RS256", "RS1024", "fewer than 2048 bits"),
        ("RS256", "ES256", "not an RSA public key"),
        ("ES256", "ES384", "not a public key on the curve secp256r1"),
        ("ES384", "RS256", "not a public key on the curve secp384r1"),
        ("EdDSA", "ES256", "not an Ed25519 public key"),
    ],
)
def test_key_that_does_not_fit_stops_the_start(algorithm: str, key: str, problem: str, tmp_path: Path) -> None:
    """A key of another kind, curve or too small a size is named before any token comes in."""
    path = tmp_path / "jwt.pem"
    path.write_bytes(public_pem(private_key(key)))
    with pytest.raises(SettingsError, match=problem):
        make_verifier(settings(jwt_algorithm=algorithm, jwt_public_key_file=path))


def test_key_file_that_is_missing_or_no_key_stops_the_start(tmp_path: Path) -> None:
    """A path without a PEM public key behind it is named before any token comes in."""
    path = tmp_path / "jwt.pem"
    with pytest.raises(SettingsError, match=r"HUB_JWT_PUBLIC_KEY_FILE: cannot be read \(No such file"):
        make_verifier(settings(jwt_algorithm="RS256", jwt_public_key_file=path))
    path.write_text("-----BEGIN NONSENSE-----")
    with pytest.raises(SettingsError, match="holds no public key in PEM"):
        make_verifier(settings(jwt_algorithm="RS256", jwt_public_key_file=path))


async def test_closing_a_verifier_with_static_keys_is_harmless() -> None:
    """A verifier without connections can be closed like one with."""
    await make_verifier(settings()).close()
    keys = StaticKeys([b"k" * 32])
    assert [b"k" * 32] == list(keys.candidates("any"))
    assert [False, False] == [await keys.join(NOW_S), await keys.renew(NOW_S)]
