"""Who may connect, where the credential may stand, and how a refusal looks."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.harness import USER, RunningHub, run_hub

ORIGIN = "https://app.avelarcompany.com.br"


async def test_the_frontends_in_the_field_connect_unchanged(hub: RunningHub) -> None:
    """`/ws?token=...`, no subprotocol, with the browser's Origin: accepted, and no unknown frame follows."""
    async with hub.websocket(subprotocols=(), origin=Origin(ORIGIN)) as websocket:
        assert websocket.connection.subprotocol is None
        await hub.publish(title="primeira")
        assert "primeira" == (await websocket.frame())["title"]


@pytest.mark.parametrize("token", ["", "x", "e30.e30.e30", "hubt_" + "A" * 43])
async def test_a_bad_token_is_refused_before_the_accept(hub: RunningHub, token: str) -> None:
    """A deployed frontend stops after five refusals; an accept would make it come back for ever."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{hub.ws_url}/ws?token={token}"):
            pass
    assert 401 == refused.value.response.status_code
    assert b'"code"' in refused.value.response.body


@pytest.mark.parametrize(
    ("claims", "code"), [({"ttl_s": -1}, 4001), ({"secret": "another secret of more than 32 bytes"}, 4500)]
)
async def test_a_client_of_hub_v1_can_read_the_refusal(hub: RunningHub, claims: dict[str, object], code: int) -> None:
    """A browser sees 1006 for anything before the accept, so hub.v1 clients are accepted and told."""
    async with hub.websocket(hub.token(**claims), greet=False) as websocket:  # type: ignore[arg-type]  # a table
        assert code == await websocket.wait_closed()


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://app.avelarcompany.com.br.evil.example",
        "null",
        "http://app.avelarcompany.com.br",
        "https://app.avelarcompany.com.br:444",
        "",
    ],
)
async def test_a_foreign_origin_is_refused_on_both_transports(hub: RunningHub, origin: str) -> None:
    """Origins are compared exactly (CVE class: cross-site WebSocket hijacking)."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{hub.ws_url}/ws?token={hub.token()}", origin=Origin(origin)):
            pass
    assert 403 == refused.value.response.status_code
    answer = await hub.http.get("/sse", params={"token": hub.token()}, headers={"origin": origin})
    assert (403, "origin_not_allowed") == (answer.status_code, answer.json()["code"])
    assert "access-control-allow-origin" not in answer.headers


async def test_an_allowed_origin_may_read_the_stream(hub: RunningHub) -> None:
    """The one origin is named, never `*`, and caches are told that it varies."""
    async with hub.events(headers={"origin": ORIGIN}) as events:
        assert ORIGIN == events.response.headers["access-control-allow-origin"]
        assert "Origin" == events.response.headers["vary"]
    preflight = await hub.http.options("/sse", headers={"origin": ORIGIN, "access-control-request-method": "GET"})
    assert 204 == preflight.status_code
    assert "authorization" in preflight.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", ["/ws", "/sse", "/poll", "/api/ticket", "/health/live", "/nowhere"])
async def test_an_instrumented_page_passes_its_preflight(hub: RunningHub, path: str) -> None:
    """Whatever headers a page of an allowed origin asks for are allowed, with credentials; a foreign page's none."""
    asked = "authorization,baggage,last-event-id,sentry-trace,traceparent,x-of-tomorrow"
    method = "POST" if path == "/api/ticket" else "GET"
    preflight = {"access-control-request-method": method, "access-control-request-headers": asked}
    answer = await hub.http.options(path, headers={"origin": ORIGIN, **preflight})
    assert 204 == answer.status_code
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    assert "true" == answer.headers["access-control-allow-credentials"]
    foreign = await hub.http.options(path, headers={"origin": "https://evil.example", **preflight})
    assert (403, "origin_not_allowed") == (foreign.status_code, foreign.json()["code"])
    assert not {name for name in foreign.headers if name.startswith("access-control-allow")}


async def test_a_preflight_repeats_nothing_but_names_of_fields(hub: RunningHub) -> None:
    """What is no list of field names is not given back, and the clients' own headers stay allowed."""
    headers = {"origin": ORIGIN, "access-control-request-headers": 'x"; <script>'}
    answer = await hub.http.options("/sse", headers=headers)
    assert "authorization, cache-control, last-event-id" == answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("path", ["/sse?token={token}", "/poll?token={token}", "/poll?token=bad", "/api/ticket"])
async def test_a_page_that_sends_credentials_reads_the_answer(hub: RunningHub, path: str) -> None:
    """Answers and refusals allow credentials to the one origin: EventSource's `withCredentials`, fetch's `include`."""
    method = "POST" if path == "/api/ticket" else "GET"
    request = hub.http.build_request(method, path.format(token=hub.token()), headers={"origin": ORIGIN})
    answer = await hub.http.send(request, stream=True)
    try:
        assert (ORIGIN, "true") == (
            answer.headers["access-control-allow-origin"],
            answer.headers["access-control-allow-credentials"],
        )
    finally:
        await answer.aclose()


async def test_the_credential_may_stand_in_three_places(hub: RunningHub) -> None:
    """Header, subprotocol and query; the bearer subprotocol is never echoed."""
    token = hub.token()
    bearer = "hub.bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    async with connect(f"{hub.ws_url}/ws", additional_headers={"Authorization": f"Bearer {token}"}) as connection:
        assert "connection_established" in str(await connection.recv())
    async with connect(f"{hub.ws_url}/ws", subprotocols=[Subprotocol("hub.v1"), Subprotocol(bearer)]) as connection:
        assert "hub.v1" == connection.subprotocol
        assert "connection_established" in str(await connection.recv())


async def test_sse_refusals_are_problems(hub: RunningHub) -> None:
    """EventSource stops on any status but 200, so an SSE refusal is a plain answer."""
    answer = await hub.http.get("/sse")
    assert (401, "unauthenticated", "Bearer") == (
        answer.status_code,
        answer.json()["code"],
        answer.headers["www-authenticate"],
    )
    answer = await hub.http.get("/sse", headers={"authorization": f"Bearer {hub.token(ttl_s=-1)}"})
    assert (401, "token_expired") == (answer.status_code, answer.json()["code"])
    assert "application/problem+json" == answer.headers["content-type"]
    answer = await hub.http.post("/sse", headers={"authorization": f"Bearer {hub.token()}"})
    assert (405, "GET, HEAD, OPTIONS") == (answer.status_code, answer.headers["allow"])


async def test_a_stream_is_not_to_be_buffered(hub: RunningHub) -> None:
    """The headers and the first 2 KiB make proxies let events through at once."""
    async with hub.http.stream("GET", "/sse", headers={"authorization": f"Bearer {hub.token()}"}) as response:
        assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
        assert "no-cache, no-transform" == response.headers["cache-control"]
        assert "no" == response.headers["x-accel-buffering"]
        first = await anext(response.aiter_bytes())
        assert first.startswith(b": ....")
        assert b"retry: 3000" in first
        assert len(first) > 2048


async def test_a_ticket_is_good_once(hub: RunningHub) -> None:
    """A ticket stands in for the token in a URL; whoever finds it in a log finds it used."""
    answer = await hub.http.post("/api/ticket", headers={"authorization": f"Bearer {hub.token()}"})
    assert 201 == answer.status_code
    ticket = answer.json()["ticket"]
    async with hub.websocket(ticket, subprotocols=()) as websocket:
        await hub.publish()
        assert "stock_alert" == (await websocket.frame())["type"]
    answer = await hub.http.get("/sse", params={"token": ticket})
    assert (401, "invalid_token") == (answer.status_code, answer.json()["code"])


async def test_a_ticket_costs_a_token(hub: RunningHub) -> None:
    """No ticket without a user's token, none for a service key, none for a ticket or a token in the URL."""
    for headers in ({}, {"authorization": f"Bearer {hub.key}"}):
        assert 401 == (await hub.http.post("/api/ticket", headers=headers)).status_code
    assert 401 == (await hub.http.post("/api/ticket", params={"token": hub.token()})).status_code


async def test_the_hub_holds_its_limit_exactly(tmp_path: Path) -> None:
    """One more than the limit is refused, over either transport; one that leaves makes room for one."""
    async with run_hub(tmp_path, max_connections=3, max_connections_per_user=3) as hub:
        users = [f"0000000{number:04d}" for number in range(8)]
        async with hub.websocket(hub.token(users[0])), hub.events(hub.token(users[1])):
            async with hub.websocket(hub.token(users[2])):
                with pytest.raises(InvalidStatus) as refused:
                    async with connect(f"{hub.ws_url}/ws?token={hub.token(users[3])}"):
                        pass
                assert 503 == refused.value.response.status_code
                answer = await hub.http.get("/sse", params={"token": hub.token(users[4])})
                assert (503, "hub_full") == (answer.status_code, answer.json()["code"])
                async with hub.websocket(hub.token(users[5]), greet=False) as told:
                    assert 4503 == await told.wait_closed()
            await hub.wait_until(lambda: len(hub.hub.subscribers) == 2)
            async with hub.websocket(hub.token(users[6])):
                assert 3 == len(hub.hub.subscribers)


async def test_the_oldest_connection_of_a_user_goes(tmp_path: Path) -> None:
    """A user at the limit may still connect; the oldest connection is closed with 4002."""
    async with (
        run_hub(tmp_path, max_connections_per_user=2) as hub,
        hub.websocket() as first,
        hub.events() as second,
        hub.websocket(subprotocols=()) as third,
    ):
        assert 4002 == await first.wait_closed()
        async with hub.websocket():
            closing = await second.frame()
            assert ("closing", 4002) == (closing["type"], closing["code"])
            await hub.publish()
            assert "stock_alert" == (await third.frame())["type"]
            assert 2 == len(hub.hub.subscribers)


async def test_a_connection_ends_with_its_token(tmp_path: Path) -> None:
    """At `exp` a WebSocket is closed with 4001 and a stream ends after a `closing` frame."""
    async with run_hub(tmp_path, heartbeat_s=1.0) as hub:
        ends_s = time.time() + 1.2
        token = hub.token(ttl_s=1.2)
        async with hub.websocket(token) as websocket, hub.events(token) as events:
            assert 4001 == await websocket.wait_closed()
            assert 0 <= time.time() - ends_s < 1
            assert 4001 == (await events.wait_closed())[-1]["code"]
            assert 0 == len(hub.hub.subscribers)


async def test_a_newer_token_keeps_the_connection(tmp_path: Path) -> None:
    """A hub.v1 client sends a fresh token of the same user and is not interrupted."""
    async with run_hub(tmp_path, heartbeat_s=30) as hub, hub.websocket(hub.token(ttl_s=1.0)) as websocket:
        await websocket.connection.send(f'{{"type":"auth","token":"{hub.token(ttl_s=60)}"}}')
        assert "auth_accepted" == (await websocket.frame())["type"]
        old_end = time.time() + 1.5
        await hub.wait_until(lambda: time.time() > old_end)
        await hub.publish(title="still here")
        assert "still here" == (await websocket.frame())["title"]


async def test_a_token_of_somebody_else_ends_the_connection(hub: RunningHub) -> None:
    """A refresh must not change the user or the account."""
    for other in (hub.token("00000000999"), hub.token(USER, "00000000000000")):
        async with hub.websocket() as websocket:
            await websocket.connection.send(f'{{"type":"auth","token":"{other}"}}')
            assert 4501 == await websocket.wait_closed()
    async with hub.websocket() as websocket:
        await websocket.connection.send('{"type":"auth","token":"x"}')
        assert 4500 == await websocket.wait_closed()


@pytest.mark.parametrize("text", ["", "{}", "null", "[" * 5000, '{"type":"auth"}', '{"type":"x","token":"y"}'])
async def test_nonsense_of_a_hub_v1_client_closes_the_connection(hub: RunningHub, text: str) -> None:
    """What is not a message of hub.v1 is a mistake its author should see."""
    async with hub.websocket() as websocket:
        await websocket.connection.send(text)
        assert 1008 == await websocket.wait_closed()


async def test_what_an_old_client_says_means_nothing(hub: RunningHub) -> None:
    """Without hub.v1 the hub listens to nothing, and goes on."""
    async with hub.websocket(subprotocols=()) as websocket:
        await websocket.connection.send("hello?")
        await websocket.connection.send(b"\x00\x01")
        await hub.publish()
        assert "stock_alert" == (await websocket.frame())["type"]
