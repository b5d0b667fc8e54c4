"""Two real hubs over a real NATS server: what one is asked is answered for both."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from hub.bounds import Bounds
from hub.composition import open_hub
from hub.cursor import new_epoch
from hub.errors import SettingsError
from hub.log.jetstream.founding import Founding, create_stream
from hub.log.jetstream.subject import Names
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from tests.harness import ACCOUNT, USER, RunningHub, WebSocket, run_hub
from tests.nats_servers import NatsServer, shared_server

DEADLINE_S = 20.0
SECRET = "0123456789abcdef0123456789abcdef"
_streams = itertools.count()


async def make_stream(url: str) -> str:
    """Make a stream for one test, and return its name."""
    servers, _ = read_servers(url)
    nats = await open_nats(servers, name="test", timeout_s=DEADLINE_S)
    name = f"hubs-{next(_streams)}"
    founding = Founding(replicas=1, max_age_s=86_400, max_records=1_000_000)
    await create_stream(nats, Names(name), founding, epoch=new_epoch())
    await nats.close()
    return name


@contextlib.asynccontextmanager
async def run_hubs(
    folder: Path, *names: str, server: NatsServer | None = None, **changes: Any
) -> AsyncIterator[list[RunningHub]]:
    """Run one hub for each name, until each knows all others."""
    url = (server or shared_server()).url
    stream = await make_stream(url)
    common = {
        "log_url": url,
        "log_stream": stream,
        "jwt_secret": SECRET,
        "receipt_wait_s": 1.0,
        "bounds": Bounds(node_beacon_s=0.1, node_presence_s=0.2, node_name_s=0.1),
        **changes,
    }
    async with contextlib.AsyncExitStack() as stack:
        hubs = [await stack.enter_async_context(run_hub(folder / name, node=name, **common)) for name in names]
        async with asyncio.timeout(DEADLINE_S):
            for hub in hubs:
                while len(names) != len((await stats(hub)).get("nodes", [])):
                    await asyncio.sleep(0.02)
        yield hubs


async def stats(hub: RunningHub) -> dict[str, Any]:
    """Return the statistics that a hub tells."""
    response = await hub.http.get("/api/internal/ws-stats", headers=hub.headers())
    assert 200 == response.status_code, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.fixture
async def hubs(tmp_path: Path) -> AsyncIterator[list[RunningHub]]:
    """Two hubs that know each other."""
    async with run_hubs(tmp_path, "one", "two") as running:
        yield running


async def test_what_is_counted_is_counted_on_all_nodes(hubs: list[RunningHub]) -> None:
    """Receipts, statistics, signals, readiness and metrics: one start of two hubs shows all of it."""
    for check in (check_receipts, check_statistics, check_signals, check_readiness, check_operators_view):
        await check(hubs)


async def check_receipts(hubs: list[RunningHub]) -> None:
    """Whichever node takes the publish, the receipt has all connections, and every client gets it with one cursor."""
    first, second = hubs
    async with first.websocket() as here, second.websocket() as there, second.events() as stream:
        for hub in hubs:
            receipt = (await hub.publish()).json()
            assert (3, {"answered": 2, "known": 2}) == (receipt["connections"], receipt["nodes"])
            frames = [await client.frame() for client in (here, there, stream)]
            assert [receipt["cursor"]] * 3 == [frame["cursor"] for frame in frames]
    # The node that took a publish knows how long it took to its own connections.
    for hub, transports in ((first, ["websocket"]), (second, ["websocket", "sse"])):
        metrics = (await hub.http.get("/metrics", headers=hub.headers())).text
        for transport in transports:
            assert f'hub_publish_to_socket_seconds_count{{transport="{transport}"}} 1.0' in metrics


async def check_statistics(hubs: list[RunningHub]) -> None:
    """The sums say that they are sums, and each node has a row."""
    first, second = hubs
    async with first.websocket(), second.websocket(), second.events():
        found = await stats(first)
        assert (3, {ACCOUNT: 3}, 2, False) == (
            found["totalConnections"],
            found["connectionsByAccount"],
            found["uniqueUsers"],
            found["usersAreDistinct"],
        )
        rows = {row["node"]: row for row in found["nodes"]}
        assert ("ready", "connected") == (rows["two"]["state"], rows["two"]["nats"])


async def test_who_may_connect_is_the_same_on_all_nodes(hubs: list[RunningHub]) -> None:
    """A disconnect, a revocation and a ticket: one start of two hubs shows all of it."""
    await check_ticket(hubs)
    for revoke in (False, True):
        await check_disconnect(hubs, revoke=revoke)


async def check_disconnect(hubs: list[RunningHub], *, revoke: bool) -> None:
    """Both close their connections of the user, the answer counts all of them, and a revoked token is good nowhere."""
    first, second = hubs
    token = first.token(iat=int(time.time()) - 5)
    async with first.websocket(token) as here, second.websocket(token) as there:
        body = {"user_id": USER, "revoke": revoke}
        receipt = (await first.post("/api/internal/disconnect", body)).json()
        assert (2, revoke, {"answered": 2, "known": 2}) == (receipt["closed"], receipt["revoked"], receipt["nodes"])
        assert [4502, 4502] == [await here.wait_closed(), await there.wait_closed()]
    response = await second.http.get("/poll", headers={"authorization": f"Bearer {token}"})
    assert (401 if revoke else 200) == response.status_code


async def check_ticket(hubs: list[RunningHub]) -> None:
    """A proxy may send the request with the ticket anywhere."""
    first, second = hubs
    response = await first.http.post("/api/ticket", headers={"authorization": f"Bearer {first.token()}"})
    ticket = response.json()["ticket"]
    assert ticket.startswith("hubt_one.")
    polls = [await second.http.get(f"/poll?token={ticket}") for _ in range(2)]
    assert [200, 401] == [poll.status_code for poll in polls]


async def check_signals(hubs: list[RunningHub]) -> None:
    """Its receipt counts them."""
    first, second = hubs
    url = f"{second.ws_url}/ws?token={second.token()}&signals=orders:updated"
    async with connect(url, subprotocols=[Subprotocol("hub.v1")]) as connection:
        client = WebSocket(connection)
        await client.frame()
        body = {"type": "orders:updated", "account_id": ACCOUNT}
        receipt = (await first.post("/api/internal/signal", body)).json()
        assert (1, {"answered": 2, "known": 2}) == (receipt["connections"], receipt["nodes"])
        assert "orders:updated" == (await client.frame())["type"]


async def check_readiness(hubs: list[RunningHub]) -> None:
    """Readiness has the node's name, its connection and its lag; the metrics have the nodes."""
    found = (await hubs[0].http.get("/health/ready")).json()
    assert found["ready"] is True
    cluster = found["cluster"]
    assert ("one", "connected", 0, False, 2) == (
        cluster["node"],
        cluster["nats"],
        cluster["lag"],
        cluster["isolated"],
        cluster["nodes"],
    )
    text = (await hubs[0].http.get("/metrics", headers=hubs[0].headers())).text
    assert 'hub_cluster_nodes{state="ready"} 2.0' in text


async def check_operators_view(hubs: list[RunningHub]) -> None:
    """A user's connections, an explanation and a trace are of all nodes, whichever is asked."""
    first, second = hubs
    async with second.websocket() as there, second.events(protocol="hub.v1") as stream:
        for hub in hubs:
            found = (await hub.post("/api/internal/connections", {"user_id": USER})).json()
            assert (2, {"answered": 2, "known": 2}) == (found["total"], found["nodes"])
            assert ["two", "two"] == [connection["node"] for connection in found["connections"]]
            body = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
            explained = (await hub.post("/api/internal/explain", {**body, "explain_user_id": USER})).json()
            assert (1, 2, 2) == (
                explained["users"],
                explained["connections"]["total"],
                explained["user"]["connections"]["total"],
            )
            assert ("now", ["connected"]) == (
                explained["user"]["delivery"],
                [reason["code"] for reason in explained["user"]["reasons"]],
            )
            assert {"answered": 2, "known": 2} == explained["nodes"]
        receipt = (await first.publish()).json()
        assert [receipt["id"]] * 2 == [(await client.frame())["id"] for client in (there, stream)]
        for hub in hubs:
            url = f"/api/internal/notifications/{receipt['id']}"
            traced = (await hub.http.get(url, headers=hub.headers())).json()
            assert ("tests", 1, 1) == (
                traced["accepted"]["service"],
                traced["dispatched"]["websocket"],
                traced["dispatched"]["sse"],
            )
            assert {"answered": 2, "known": 2} == traced["nodes"]


async def test_a_second_node_of_one_name_does_not_start(hubs: list[RunningHub], tmp_path: Path) -> None:
    """It is told so in one line, and the first goes on."""
    settings = msgspec.structs.replace(hubs[0].settings, data_dir=tmp_path / "again")
    with pytest.raises(SettingsError, match="HUB_NODE: a node with the name one runs already"):
        async with open_hub(settings):
            pass
    assert 202 == (await hubs[0].publish()).status_code


async def test_a_node_that_is_cut_off_sends_its_clients_away(tmp_path: Path) -> None:
    """Not ready at once; after HUB_ISOLATION clients are told to come back, and nobody is let in until NATS is back."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    try:
        async with run_hubs(tmp_path, "one", server=server, isolation_s=1.0, append_deadline_s=1.0) as (hub,):
            async with hub.websocket() as client:
                server.kill()
                async with asyncio.timeout(DEADLINE_S):
                    while 503 != (await hub.http.get("/health/ready")).status_code:
                        await asyncio.sleep(0.02)
                assert 1012 == await client.wait_closed()
            refused = await hub.http.get("/poll", headers={"authorization": f"Bearer {hub.token()}"})
            assert (503, "draining") == (refused.status_code, refused.json()["code"])
            assert 503 == (await hub.publish()).status_code
            await server.start()
            async with asyncio.timeout(DEADLINE_S):
                while 200 != (await hub.http.get("/health/ready")).status_code:
                    await asyncio.sleep(0.05)
                while hub.hub.connections.isolated:
                    await asyncio.sleep(0.05)
            async with hub.websocket() as client:
                assert 202 == (await hub.publish()).status_code
                await client.frame()
    finally:
        server.stop()
