"""`hub token` and `hub key`: what they make is what the hub takes, and what they show is safe to show."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time

import jwt
import msgspec
import pytest
from click.testing import CliRunner, Result

from hub.auth.grant import token_digest
from hub.auth.service_keys import read_service_keys
from hub.auth.tokens import make_verifier
from hub.cli import main
from hub.cli.support.duration import format_duration
from hub.settings import Settings, read_settings
from tests.auth.issuer import run_issuer
from tests.auth.tokens import jwk, private_key, sign_with

SECRET = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"
OTHER = SECRET[::-1]
CPF = "52998224725"


def invoke(*arguments: str, stdin: str | None = None, **env: str) -> Result:
    """Run `hub` in this process, with a secret."""
    clean = dict.fromkeys(("HUB_TOKEN", "HUB_DATA_DIR", "JWT_ALGORITHM"))
    return CliRunner(env=clean | {"JWT_SECRET": SECRET} | env).invoke(main, list(arguments), input=stdin)


def make(*arguments: str, **env: str) -> str:
    """Return a token that the command made."""
    done = invoke("token", "make", "--user", CPF, "--account", "a1", *arguments, **env)
    assert 0 == done.exit_code
    return done.stdout.strip()


class TestMake:
    @pytest.mark.parametrize(
        "env",
        [
            {},
            {"HUB_JWT_ISSUER": "https://id", "HUB_JWT_AUDIENCE": "hub"},
            {
                "HUB_JWT_ISSUER": "https://id, https://id2",
                "HUB_JWT_AUDIENCE": "hub,b",
                "HUB_JWT_AUDIENCE_CLAIM": "client_id",
            },
            {
                "HUB_JWT_USER_CLAIM": "/user/id",
                "HUB_JWT_ACCOUNT_CLAIM": "https://a.b/c",
                "HUB_JWT_ROLE_CLAIM": "realm.roles",
            },
            {"HUB_JWT_USER_CLAIM": "sub", "HUB_JWT_ACCOUNT_CLAIM": "tenant", "HUB_JWT_ROLE_CLAIM": "papel"},
            {"JWT_ALGORITHM": "HS512", "JWT_SECRET": SECRET * 2},
        ],
    )
    async def test_hub_accepts_it(self, env: dict[str, str]) -> None:
        """A token speaks for the user, account and role given, as the settings say tokens look."""
        token = make("--role", "manager", "--ttl", "1h", **env)
        settings = read_settings({"JWT_SECRET": SECRET} | env, development=True)
        grant = await make_verifier(settings).verify(token, now_s=time.time())
        assert (CPF, "a1", "manager") == (grant.user_id, grant.account_id, grant.role)
        assert 3500 < grant.expires_at_s - settings.jwt_leeway_s - time.time() <= 3600

    def test_longest_life(self) -> None:
        """The default of seven days is the longest the default settings take, and a day more is refused."""
        assert 0 == invoke("token", "inspect", make()).exit_code
        assert 2 == invoke("token", "make", "--user", CPF, "--ttl", "8d").exit_code

    def test_secret_in_another_variable(self) -> None:
        """The secret of a rotation can sign, without standing in the command line."""
        token = make("--secret-from-env", "JWT_SECRET_PREVIOUS", JWT_SECRET_PREVIOUS=OTHER)
        assert jwt.decode(token, OTHER, algorithms=["HS256"])

    @pytest.mark.parametrize(
        ("arguments", "env"),
        [
            ((), {"JWT_SECRET": ""}),
            ((), {"JWT_SECRET": "short"}),
            (("--secret-from-env", "NOTHING"), {}),
            (("--ttl", "tomorrow"), {}),
            (("--ttl", "0s"), {}),
            ((), {"JWT_ALGORITHM": "ES256", "JWT_SECRET": "", "HUB_JWKS_URL": "https://id.example.com/jwks"}),
        ],
    )
    def test_unusable(self, arguments: tuple[str, ...], env: dict[str, str]) -> None:
        """Without a usable secret, or with an invalid duration, there is no token, and the exit code is 2."""
        done = invoke("token", "make", "--user", CPF, *arguments, **env)
        assert (2, "") == (done.exit_code, done.stdout)


class TestInspect:
    def test_ids_are_masked(self) -> None:
        """A CPF stands nowhere in what is shown, unless it is asked for."""
        token = jwt.encode({"sub": CPF, "note": f"CPF {CPF}", "more": [{"x": "529.982.247-25"}]}, SECRET)
        for arguments in (("--json",), ()):
            shown = invoke("token", "inspect", token, *arguments).stdout
            assert CPF not in shown
            assert "529.982" not in shown
        assert CPF in invoke("token", "inspect", token, "--show-ids").stdout

    @pytest.mark.parametrize("place", ["argument", "input", "environment"])
    def test_accepted(self, place: str) -> None:
        """A good token, wherever it is given, is exit code 0, with the digest that disconnects it."""
        token = make()
        arguments = {"argument": [token], "input": ["-"], "environment": []}[place]
        env = {"HUB_TOKEN": token} if place == "environment" else {}
        done = invoke("token", "inspect", "--json", *arguments, stdin=token + "\n", **env)
        report = msgspec.json.decode(done.stdout)
        assert (0, True, None) == (done.exit_code, report["accepted"], report["refusal"])
        assert token_digest(token) == report["digest"]

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"exp": 1_700_000_000}, "The token has expired"),
            ({"exp": None}, "it has no exp"),
            ({"exp": 4_000_000_000}, "longer than HUB_JWT_MAX_LIFETIME"),
            ({"user_id": None}, "it has no user_id"),
            ({"iat": 3_900_000_000, "exp": 3_900_000_100}, "its iat is in the future"),
            ({"user_id": None, "sub": "7"}, "see HUB_JWT_USER_CLAIM"),
            ({"user_id": ["a"]}, "its user_id is not a valid id"),
            ({"account_id": {}}, "its account_id is not a valid id"),
        ],
    )
    def test_refused(self, change: dict[str, object], words: str) -> None:
        """A token the hub would refuse is exit code 1, and its owner is told what is wrong with it."""
        claims = {"user_id": CPF, "account_id": "a1", "exp": time.time() + 60} | change
        token = jwt.encode({name: value for name, value in claims.items() if value is not None}, SECRET)
        done = invoke("token", "inspect", token)
        assert 1 == done.exit_code
        assert words in done.stdout

    def test_clocks_that_differ(self) -> None:
        """A token that begins in a moment is said to be early, and what that may come from."""
        now_s = time.time()
        token = jwt.encode({"user_id": CPF, "nbf": now_s + 200, "exp": now_s + 900}, SECRET)
        done = invoke("token", "inspect", token)
        assert (1, True) == (done.exit_code, "do the clocks of hub and issuer differ?" in done.stdout)

    def test_other_secret(self) -> None:
        """A token of another issuer is said to be that, and what is wrong with it besides."""
        done = invoke("token", "inspect", make("--ttl", "1h"), JWT_SECRET=OTHER, HUB_JWT_AUDIENCE="hub")
        assert (1, True) == (done.exit_code, "it is signed with another secret" in done.stdout)
        assert "besides, it has no aud, which HUB_JWT_AUDIENCE asks for" in done.stdout

    @pytest.mark.parametrize(
        ("token", "words"),
        [
            ("<!doctype html><p>a.b.c", "it is an HTML page, not a token"),
            ('{"token": "a.b.c"}', "it is a JSON object, not a token"),
            ('"a.b.c"', "it stands in quotation marks"),
            ("Bearer a.b.c", "it begins with the word Bearer"),
            ("a.b.c.d.e", "it is encrypted"),
            ("a.b.c", "its parts are not JSON"),
            ("W10.W10.c", "its parts are not JSON objects"),
            ("x", "it is not a valid JWT"),
            ("eyJ.eyJ.", "it is not signed"),
            ("eyJ..", "it is not a valid JWT"),
            ("hubk_" + "x" * 43, "it is a service key"),
            ("\udc9b", "it is not a valid JWT"),
            ("\x1b[31m", "it is not a valid JWT"),
        ],
    )
    def test_what_is_no_token(self, token: str, words: str) -> None:
        """Anything else is refused in a sentence that says what it looks like and does not repeat it."""
        done = invoke("token", "inspect", token)
        assert (1, True) == (done.exit_code, done.stderr.startswith(f"hub: that is not a valid token: {words}"))
        assert token not in done.stderr

    async def test_what_a_key_server_decides(self) -> None:
        """A reason holds against the keys that are published now; where they cannot be had, one line says why."""
        env = {"JWT_ALGORITHM": "ES256", "JWT_SECRET": ""}
        tokens = {
            words: sign_with(
                private_key("ES256-other"), {"user_id": CPF, "exp": time.time() + 60}, "ES256", headers=header
            )
            for words, header in {
                "signed with none of the issuer's keys": {"kid": "k1"},
                "its kid is not one of the issuer's keys": {"kid": "k2"},
            }.items()
        }
        async with run_issuer() as issuer:
            issuer.publish(jwk(private_key("ES256"), "k1"))
            for words, token in tokens.items():
                done = await asyncio.to_thread(invoke, "token", "inspect", token, HUB_JWKS_URL=issuer.url, **env)
                assert (1, True) == (done.exit_code, words in done.stdout), done.stdout
            issuer.respond(b"<html>")
            command = [sys.executable, "-m", "hub", "token", "inspect", "-"]
            environ = {"PATH": os.environ["PATH"], "HUB_JWKS_URL": issuer.url, **env}
            failed = await asyncio.to_thread(
                subprocess.run, command, env=environ, input=token, capture_output=True, text=True, check=False
            )
        assert (3, 1) == (failed.returncode, failed.stderr.count("\n"))
        assert failed.stderr.startswith("hub: ")
        assert "the key server (HUB_JWKS_URL) is of no use: the answer is an HTML page" in failed.stderr

    def test_ids_are_masked_wherever_they_stand(self) -> None:
        """The user and account of nested claims are masked as others are, and so are names that are URLs."""
        claims = {
            "user": {"id": 4711123},
            "tenants": ["acme-company"],
            "http://x/claims/emailaddress": "ana@example.com",
        }
        env = {"HUB_JWT_USER_CLAIM": "user.id", "HUB_JWT_ACCOUNT_CLAIM": "tenants"}
        shown = invoke("token", "inspect", jwt.encode(claims, SECRET), **env).stdout
        assert not [text for text in ("4711123", "acme-company", "ana@example.com") if text in shown]

    def test_nothing(self) -> None:
        """Without a token there is a usage message and exit code 2."""
        assert 2 == invoke("token", "inspect").exit_code

    def test_claims_cannot_speak_to_the_terminal(self) -> None:
        """Control characters in claims are shown, not obeyed."""
        token = jwt.encode({"note\x1b": "\x1b[2J\n"}, SECRET)
        shown = invoke("token", "inspect", token).stdout
        assert "\x1b" not in shown
        assert "\\x1b[2J\\n" in shown


class TestKey:
    def test_hub_accepts_it(self) -> None:
        """The line makes a hub accept the key, under its name."""
        made = msgspec.json.decode(invoke("key", "stocktech", "--json").stdout)
        keys = read_service_keys(Settings(service_keys=made["line"]))
        assert "stocktech" == keys.verify(made["key"]).name

    def test_no_two_are_alike(self) -> None:
        """Every call makes another key, which the text for people shows too."""
        first, second = invoke("key").stdout, invoke("key").stdout
        assert "hubk_" in first
        assert first != second

    def test_name_that_is_none(self) -> None:
        """A name the hub would refuse is refused here."""
        assert 2 == invoke("key", "a,b").exit_code


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0s"), (59.9, "59s"), (60, "1m"), (3661, "1h 1m"), (604_799, "6d 23h")]
)
def test_say_duration(seconds: float, words: str) -> None:
    """A length of time is said in its two largest units."""
    assert words == format_duration(seconds)
