"""Signals from the request to the client, against a running hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.attacks.identity import write_keys
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, WebSocket, run_hub

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER_ACCOUNT = "98765432000110"
ORDERS = "orders:updated"
SIGNAL: dict[str, Any] = {"type": ORDERS, "data": {"id": 7, "action": "updated"}, "account_id": ACCOUNT}
KEYS: dict[str, dict[str, object]] = {
    "full": {"everyone": True, "operations": ["publish", "observe", "stats"]},
    "bound": {"accounts": [OTHER_ACCOUNT]},
    "typed": {"types": ["order_created"]},
    "reader": {"operations": ["stats"]},
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningHub]:
    """Run a hub."""
    folder: Path = tmp_path_factory.mktemp("signals")
    keys = write_keys(folder / "services.json", KEYS)
    async with run_hub(folder, service_keys_file=folder / "services.json") as running:
        running.key = keys["full"]
        running.keys = keys  # type: ignore[attr-defined]  # for the tests of rights
        yield running


async def send(hub: RunningHub, **changes: Any) -> httpx.Response:
    """Send a signal."""
    return await hub.post("/api/internal/signal", {**SIGNAL, **changes})


async def listen(hub: RunningHub, signals: str, *, subprotocols: tuple[str, ...] = ("hub.v1",)) -> WebSocket:
    """Connect over WebSocket, and ask for these."""
    connection = await connect(
        f"{hub.ws_url}/ws?token={hub.token()}&signals={signals}",
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        compression=None,
    )
    client = WebSocket(connection)
    client.hello = await client.frame()
    return client


async def test_signal_reaches_who_asked(hub: RunningHub) -> None:
    """Over both transports a signal arrives as declared, without title, id and cursor, only where it was asked for."""
    client = await listen(hub, f"{ORDERS},customers:updated")
    assert ["customers:updated", ORDERS] == client.hello["data"]["signals"]
    headers = {"authorization": f"Bearer {hub.token()}"}
    async with hub.websocket() as silent, hub.http.stream("GET", f"/sse?signals={ORDERS}", headers=headers) as stream:
        lines = stream.aiter_lines()
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 3)
        head = hub.hub.log.head
        receipt = await send(hub)
        assert (202, {"ephemeral": True, "connections": 2}) == (receipt.status_code, receipt.json())
        frame = await client.frame()
        assert ["type", "data", "timestamp", "missed"] == list(frame)
        assert (ORDERS, SIGNAL["data"], 0) == (frame["type"], frame["data"], frame["missed"])
        async with asyncio.timeout(DEADLINE_S):
            while ORDERS not in (line := await anext(lines)) or '"missed"' not in line:
                assert not line.startswith("id:") or "missed" not in line
        assert head == hub.hub.log.head
        await hub.publish(title="next")
        assert "next" == (await silent.frame())["title"]
    await client.connection.close()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_polls_have_none(hub: RunningHub) -> None:
    """A page of `/poll` has notifications alone: a signal is for who is connected."""
    async with hub.websocket() as client:
        start = client.hello["data"]["cursor"]
    await send(hub)
    answer = await hub.http.get(
        "/poll", params={"cursor": start, "signals": ORDERS}, headers={"authorization": f"Bearer {hub.token()}"}
    )
    assert (200, []) == (answer.status_code, answer.json()["frames"])


async def test_listen_replaces_what_was_asked_for(hub: RunningHub) -> None:
    """With `listen` a connected client asks for other signals, also for none; an unknown type is no fault."""
    client = await listen(hub, "products:updated")
    (subscriber,) = hub.hub.subscribers.everyone()
    for wanted in ([ORDERS, "invented:later"], []):
        await client.connection.send(f'{{"type":"listen","signals":{str(wanted).replace(chr(39), chr(34))}}}')
        await hub.wait_until(lambda wanted=wanted: subscriber.signals == frozenset(wanted))  # type: ignore[misc]
        assert len(wanted) // 2 == (await send(hub)).json()["connections"]
    assert ORDERS == (await client.frame())["type"]
    await client.connection.close()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


@pytest.mark.parametrize("said", ['{"type":"listen"}', '{"type":"listen","signals":["A"]}', '{"type":"listen","x":1}'])
async def test_malformed_listen_ends_the_connection(hub: RunningHub, said: str) -> None:
    """What is not a message of hub.v1 ends the connection, as for every other message."""
    client = await listen(hub, ORDERS)
    await client.connection.send(said)
    assert 1008 == await client.wait_closed()


async def test_deployed_frontends_get_none(hub: RunningHub) -> None:
    """A WebSocket without hub.v1 gets no signal, whatever its query says: it would show it as a message."""
    client = await listen(hub, ORDERS, subprotocols=())
    assert "signals" not in client.hello["data"]
    assert 0 == (await send(hub)).json()["connections"]
    await client.connection.close()
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


@pytest.mark.parametrize(
    "signals", ["Orders", "a b", "x" * 65, ",".join(f"t{n}" for n in range(65)), "orders%0aupdated"]
)
async def test_bad_query(hub: RunningHub, signals: str) -> None:
    """What is not a list of types is a 400 that names the parameter, over SSE; over WebSocket it closes with 1008."""
    answer = await hub.http.get(f"/sse?signals={signals}", headers={"authorization": f"Bearer {hub.token()}"})
    assert (400, "signals") == (answer.status_code, answer.json()["field"])


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"type": "cart_updated"}, 400, "$.type"),
        ({"type": "nonsense"}, 400, "$.type"),
        ({"type": "gap"}, 400, "$.type"),
        ({"title": "t"}, 400, "$.title"),
        ({"data": [1]}, 400, "$.data"),
        ({"data": {"id": 2**60}}, 400, "$.data.id"),
        ({"account_id": None}, 400, None),
        ({"account_id": "a\nb"}, 400, "$.account_id"),
        ({"everyone": True}, 400, "$.everyone"),
        ({"collapse_key": ""}, 400, "$.collapse_key"),
    ],
)
async def test_refused(hub: RunningHub, changes: dict[str, Any], status: int, field: str | None) -> None:
    """What is not a signal is refused by its field, as a publish would be, and nobody gets it."""
    answer = await send(hub, **changes)
    assert (status, field) == (answer.status_code, answer.json().get("field"))


@pytest.mark.parametrize("service", ["bound", "typed", "reader"])
async def test_rights(hub: RunningHub, service: str) -> None:
    """A key sends signals of its types to its accounts, and only with the operation `publish`."""
    keys: dict[str, str] = hub.keys  # type: ignore[attr-defined]
    headers = {**hub.headers(), "authorization": f"Bearer {keys[service]}"}
    answer = await hub.http.post("/api/internal/signal", json=SIGNAL, headers=headers)
    assert (403, "forbidden") == (answer.status_code, answer.json()["code"])


async def test_a_signal_is_not_published(hub: RunningHub) -> None:
    """The type of a signal is unknown to a publish, which is told where it goes."""
    answer = await hub.publish(type=ORDERS)
    assert (400, "unknown_type") == (answer.status_code, answer.json()["code"])
    assert "/api/internal/signal" in answer.json()["detail"]


async def test_shape_is_warned_of(hub: RunningHub) -> None:
    """Data of another shape than declared is passed on with a warning, as a notification's."""
    answer = await send(hub, data={"action": 7})
    assert ["$.data.action"] == [warning["field"] for warning in answer.json()["warnings"]]


async def test_signal_needs_no_disk(tmp_path: Path) -> None:
    """A hub whose log cannot be written still sends signals."""
    async with run_hub(tmp_path) as running:
        client = await listen(running, ORDERS)
        await running.hub.log.close()
        assert 1 == (await send(running)).json()["connections"]
        assert ORDERS == (await client.frame())["type"]
        await client.connection.close()


async def test_user_target(hub: RunningHub) -> None:
    """A signal to one user of the account reaches that user's connections alone."""
    client = await listen(hub, ORDERS)
    assert 0 == (await send(hub, user_id="somebody-else")).json()["connections"]
    assert 1 == (await send(hub, user_id=USER, data={"id": 1})).json()["connections"]
    assert {"id": 1} == (await client.frame())["data"]
    await client.connection.close()
