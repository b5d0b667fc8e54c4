"""What only time or the key server can tell is never answered with "no": 503 and when to come back, everywhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from contracts.closing import may_return
from tests.auth.issuer import Issuer, run_issuer
from tests.auth.tokens import encode, jwk, private_key, sign_with
from tests.harness import DEADLINE_S, RunningHub, run_hub

pytestmark = pytest.mark.usefixtures("_no_proxy")


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a proxy of the machine the tests run on out of the way."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    """An issuer that publishes the key `k1`."""
    async with run_issuer() as running:
        running.publish(jwk(private_key("ES256"), "k1"))
        yield running


@pytest.fixture
async def hub(tmp_path: Path, issuer: Issuer) -> AsyncIterator[RunningHub]:
    """A hub that takes that issuer's tokens."""
    async with run_hub(tmp_path, jwt_algorithm="ES256", jwks_url=issuer.url, jwt_secret="", jwt_leeway_s=10) as running:
        yield running


def token(key: str = "ES256", kid: str = "k1", **claims: Any) -> str:
    """Return a token of the issuer's."""
    made = {"user_id": "u1", "account_id": "a1", "exp": int(time.time()) + 3600} | claims
    return sign_with(private_key(key), made, "ES256", headers={"kid": kid})


async def ask(hub: RunningHub, shown: str) -> dict[str, httpx.Response]:
    """Return what each door over HTTP answers to this token."""
    bearer = {"authorization": f"Bearer {shown}"}
    answers = {
        "poll": await hub.http.get("/poll", headers=bearer),
        "ticket": await hub.http.post("/api/ticket", headers=bearer),
    }
    async with hub.http.stream("GET", "/sse", headers=bearer) as stream:
        if stream.status_code != 200:
            await stream.aread()
        answers["sse"] = stream
    return answers


async def close_code(hub: RunningHub, shown: str) -> int:
    """Return the code that a client with `hub.v1` is closed with; 0 where it is let in."""
    async with connect(f"{hub.ws_url}/ws?token={shown}", subprotocols=[Subprotocol("hub.v1")]) as socket:
        with contextlib.suppress(ConnectionClosed):
            await socket.recv()
            return 0
    return socket.close_code or 0


async def refused_handshake(hub: RunningHub, shown: str) -> InvalidStatus:
    """Return the answer to a handshake without `hub.v1`."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"{hub.ws_url}/ws?token={shown}"):
            pass
    return caught.value


async def check_told_to_come_back(hub: RunningHub, shown: str, code: str, *, most_s: int) -> None:
    """Every door answers 503 with this code and a `Retry-After`, and closes with a code that means: come back."""
    for door, answer in (await ask(hub, shown)).items():
        assert (503, code) == (answer.status_code, answer.json()["code"]), door
        assert 1 <= int(answer.headers["retry-after"]) <= most_s, door
    refusal = (await refused_handshake(hub, shown)).response
    assert 503 == refusal.status_code
    assert 1 <= int(refusal.headers["retry-after"]) <= most_s
    assert may_return(await close_code(hub, shown))


@pytest.mark.parametrize("name", ["iat", "nbf"])
async def test_token_from_a_clock_that_is_ahead(hub: RunningHub, name: str) -> None:
    """A token dated half a minute ahead is told when it begins; one within the leeway is let in at once."""
    early: dict[str, Any] = {name: time.time() + 40}
    await check_told_to_come_back(hub, token(**early), "token_not_yet_valid", most_s=30)
    within: dict[str, Any] = {name: time.time() + 8}
    for door, answer in (await ask(hub, token(**within))).items():
        assert answer.status_code < 300, door


async def test_key_server_that_fails(tmp_path: Path, issuer: Issuer, caplog: pytest.LogCaptureFixture) -> None:
    """While the keys cannot be had nobody is told "no", and everybody is let in when they can; the start says so."""
    issuer.respond(b"<html>down for maintenance</html>", "200 OK", "Content-Type: text/html")
    async with run_hub(tmp_path, jwt_algorithm="ES256", jwks_url=issuer.url, jwt_secret="") as hub:
        await hub.wait_until(lambda: "the answer is an HTML page; 0 keys are kept" in caplog.text)
        await _check_key_server_that_fails(hub, issuer)


async def _check_key_server_that_fails(hub: RunningHub, issuer: Issuer) -> None:
    good = token()
    await check_told_to_come_back(hub, good, "keys_unavailable", most_s=10)
    issuer.publish(jwk(private_key("ES256"), "k1"))
    deadline_s = time.monotonic() + DEADLINE_S
    while (code := await close_code(hub, good)) != 0:
        assert may_return(code)
        assert time.monotonic() < deadline_s
    for door, answer in (await ask(hub, good)).items():
        assert answer.status_code < 300, door
    # A key that is not known yet, of a server that fails now, can still be anything.
    issuer.respond(b"", "502 Bad Gateway")
    await check_told_to_come_back(hub, token("ES256-new", "k2"), "keys_unavailable", most_s=10)
    assert 0 == await close_code(hub, good)


async def test_key_published_a_moment_ago(hub: RunningHub, issuer: Issuer) -> None:
    """A token signed with a new key is let in at its first try, over every transport."""
    assert 0 == await close_code(hub, token())
    issuer.publish(jwk(private_key("ES256"), "k1"), jwk(private_key("ES256-new"), "k2"))
    assert 0 == await close_code(hub, token("ES256-new", "k2"))
    for number, door in enumerate(("poll", "ticket", "sse")):
        key = f"ES256-{door}"
        issuer.publish(jwk(private_key(key), f"k{number + 3}"))
        assert (await ask(hub, token(key, f"k{number + 3}")))[door].status_code < 300


async def test_strangers_token_is_refused_for_good(hub: RunningHub) -> None:
    """A token that the issuer's keys did not sign is refused, and its client is told to stop."""
    forged = token("ES256-attacker")
    for door, answer in (await ask(hub, forged)).items():
        assert (401, "invalid_token") == (answer.status_code, answer.json()["code"]), door
    assert 4500 == await close_code(hub, forged)


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "\n {}\t", " {} "])
async def test_white_space_around_a_token_is_none_of_it(hub: RunningHub, around: str) -> None:
    """A token that came with a line break is the same token in the query, the subprotocol, the header and a frame."""
    shown = around.format(token())
    for path in ("/poll", "/sse"):
        async with hub.http.stream("GET", path, params={"token": shown}) as answer:
            assert 200 == answer.status_code
    header = {"authorization": f"Bearer \t {shown.strip()}"}
    assert 200 == (await hub.http.get("/poll", headers=header)).status_code
    offers = [Subprotocol("hub.v1"), Subprotocol(f"hub.bearer.{encode(shown.encode())}")]
    async with connect(f"{hub.ws_url}/ws", subprotocols=offers) as socket:
        assert "connection_established" in str(await socket.recv())
        newer = around.format(token(exp=int(time.time()) + 7200))
        await socket.send(msgspec.json.encode({"type": "auth", "token": newer}).decode())
        assert "auth_accepted" in str(await socket.recv())


@pytest.mark.parametrize("page", ["<!doctype html><html></html>", '{"error":"login"}', ""])
async def test_answer_that_is_no_token_is_told_from_one(
    hub: RunningHub, issuer: Issuer, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A login page in a token's place is refused at once, costs the issuer nothing, and the log says what it is."""
    await hub.wait_until(lambda: len(issuer.paths) == 1)  # the keys, before anybody came
    shown = encode(page.encode())
    offers = [Subprotocol("hub.v1"), Subprotocol(f"hub.bearer.{shown}")]
    async with connect(f"{hub.ws_url}/ws", subprotocols=offers) as socket:
        with pytest.raises(ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.rcvd is not None
    assert 4500 == caught.value.rcvd.code
    assert 401 == (await hub.http.get("/poll", params={"token": page})).status_code
    assert 1 == len(issuer.paths)
    if page.startswith("<"):
        assert "it is an HTML page, not a token" in caplog.text
    assert page == "" or page not in caplog.text
