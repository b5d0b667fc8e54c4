"""Statistics, health, metrics and disconnecting: what an operator relies on."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hub.auth.grant import token_digest
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

OTHER = "00000000272"
OTHER_ACCOUNT = "98765432000110"
DISCONNECT = "/api/internal/disconnect"


async def read_stats(hub: RunningHub) -> dict[str, object]:
    """Return what ws-stats says."""
    answer = await hub.http.get("/api/internal/ws-stats", headers=hub.headers())
    assert 200 == answer.status_code
    stats: dict[str, object] = answer.json()
    return stats


async def test_statistics_say_who_is_connected(hub: RunningHub) -> None:
    """By transport and by account, and users counted once."""
    async with hub.websocket(), hub.events(), hub.websocket(hub.token(OTHER, OTHER_ACCOUNT)):
        await hub.publish()
        stats = await read_stats(hub)
    assert {"total": 3, "websocket": 2, "sse": 1, "durable_streams": 0} == stats["connections"]
    assert (3, 2) == (stats["totalConnections"], stats["uniqueUsers"])
    assert {ACCOUNT: 2, OTHER_ACCOUNT: 1} == stats["connectionsByAccount"]
    assert {"published": 1, "deliveries": 2, "connected": 3}.items() <= stats["totals"].items()  # type: ignore[attr-defined]  # JSON


async def test_counts_return_to_zero_after_a_thousand_connections(tmp_path: Path) -> None:
    """Clean closes, resets, refusals, evictions and slow starts, over both transports: nothing is left over."""
    chance = random.Random(20261122)
    async with run_hub(tmp_path, max_connections=60, max_connections_per_user=3) as hub:
        users = [f"0000000{number:04d}" for number in range(12)]

        async def visit(number: int) -> None:
            user_id = chance.choice(users)
            account_id = ACCOUNT if chance.random() < 0.5 else OTHER_ACCOUNT
            token = hub.token(user_id, account_id, ttl_s=chance.choice([3600, 3600, -1]))
            with contextlib.suppress(Exception):
                if number % 2:
                    async with hub.websocket(token, greet=chance.random() < 0.8) as websocket:
                        await asyncio.sleep(chance.random() * 0.02)
                        if chance.random() < 0.4:
                            websocket.connection.transport.abort()
                else:
                    async with hub.events(token, greet=chance.random() < 0.8):
                        await asyncio.sleep(chance.random() * 0.02)

        for start in range(0, 1000, 50):
            await asyncio.gather(*(visit(number) for number in range(start, start + 50)))
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
        stats = await read_stats(hub)
        totals = stats["totals"]
        assert isinstance(totals, dict)
        assert (0, 0, {}) == (stats["totalConnections"], stats["uniqueUsers"], stats["connectionsByAccount"])
        assert {"total": 0, "websocket": 0, "sse": 0, "durable_streams": 0} == stats["connections"]
        assert totals["connected"] == totals["disconnected"] > 300
        assert totals["refused"] > 100


async def test_disconnect_closes_a_user_everywhere(hub: RunningHub) -> None:
    """Every connection of the user ends with 4502, nobody else's does."""
    async with hub.websocket() as mine, hub.events() as stream, hub.websocket(hub.token(OTHER)) as other:
        answer = await hub.post(DISCONNECT, {"user_id": USER, "account_id": ACCOUNT})
        assert (200, {"closed": 2, "revoked": False}) == (answer.status_code, answer.json())
        assert 4502 == await mine.wait_closed()
        assert 4502 == (await stream.wait_closed())[-1]["code"]
        await hub.publish(user_id=OTHER, account_id=ACCOUNT)
        assert "stock_alert" == (await other.frame())["type"]
    async with hub.websocket():
        assert 1 == len(hub.hub.subscribers)


async def test_a_revoked_token_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    """Revoking by the token's digest closes its connections and keeps it out; another token is let in."""
    async with run_hub(tmp_path) as hub:
        token, newer = hub.token(), hub.token(ttl_s=7200)
        secret = hub.settings.jwt_secret
        async with hub.websocket(token) as websocket:
            answer = await hub.post(DISCONNECT, {"token": token_digest(token), "revoke": True})
            assert {"closed": 1, "revoked": True} == answer.json()
            assert 4502 == await websocket.wait_closed()
        with pytest.raises(InvalidStatus):
            async with connect(f"{hub.ws_url}/ws?token={token}"):
                pass
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        assert 401 == (await hub.http.get("/sse", params={"token": token})).status_code
        async with hub.websocket(newer):
            pass


async def test_revoking_a_user_ends_all_tokens_until_now(hub: RunningHub) -> None:
    """AvAdmin's tokens carry no `iat`: one with a full lifetime ahead counts as new, an older one as old."""
    old = hub.token(ttl_s=3 * 86_400)
    ticket_holder = hub.token(ttl_s=86_400)
    ticket = (await hub.http.post("/api/ticket", headers={"authorization": f"Bearer {ticket_holder}"})).json()["ticket"]
    answer = await hub.post(DISCONNECT, {"user_id": USER, "account_id": ACCOUNT, "revoke": True})
    assert answer.json()["revoked"]
    for refused in (old, ticket):
        assert 401 == (await hub.http.get("/sse", params={"token": refused})).status_code
    async with hub.websocket(hub.token(OTHER, ttl_s=3 * 86_400)):
        pass


@pytest.mark.parametrize("body", [{}, {"user_id": USER, "jti": "x"}, {"token": "short"}, {"x": 1}, {"user_id": 5}])
async def test_a_disconnect_names_exactly_one(hub: RunningHub, body: dict[str, object]) -> None:
    """Nobody, two at once, or nonsense: 400."""
    assert 400 == (await hub.post(DISCONNECT, body)).status_code


async def test_health_says_what_each_part_does(hub: RunningHub) -> None:
    """Live answers while the loop turns; ready follows the log, the dispatcher and the drain."""
    assert {"live": True} == (await hub.http.get("/health/live")).json()
    ready = (await hub.http.get("/health/ready")).json()
    assert (True, "writable", "running") == (ready["ready"], ready["log"], ready["dispatcher"])


async def test_metrics_are_prometheus_text_without_names(hub: RunningHub) -> None:
    """Counters by type, transport and code; no user, no account, whatever happened."""
    async with hub.websocket(), hub.events():
        await hub.publish()
        text = (await hub.http.get("/metrics", headers=hub.headers())).text
    assert 'hub_connections{transport="websocket"} 1.0' in text
    assert 'hub_published_total{type="stock_alert"} 1.0' in text
    assert 'hub_deliveries_total{transport="sse"} 1.0' in text
    assert USER not in text
    assert ACCOUNT not in text


async def test_metrics_may_have_a_port_of_their_own(tmp_path: Path) -> None:
    """With a port of their own the hub's port does not have them."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with run_hub(tmp_path, metrics_port=port) as hub:
        assert 404 == (await hub.http.get("/metrics", headers=hub.headers())).status_code


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/api/internal/notify", 405),
        ("DELETE", "/health/live", 405),
        ("GET", "/ws", 426),
        ("POST", "/ws", 405),
        ("GET", "/%00", 404),
        ("GET", "/api/internal/../internal/ws-stats", 401),
    ],
)
async def test_what_is_not_there_is_a_problem(hub: RunningHub, method: str, path: str, status: int) -> None:
    """404, 405 and 426 are problems too."""
    answer = await hub.http.request(method, path)
    assert (status, "application/problem+json") == (answer.status_code, answer.headers["content-type"])
