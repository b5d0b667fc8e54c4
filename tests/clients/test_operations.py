"""The Python clients against a real hub, operation by operation."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from contracts.avelarsys import ListChange, OrderCreated, OrderData, OrdersUpdated, ProfileUpdated
from contracts.policy import Confirm
from contracts.request import DisconnectRequest, ForgetRequest
from notification_hub import Addressed, AsyncHub, Hub, HubRefused, Readiness
from tests.clients.conftest import Client, MakeClient, alert
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

DOCUMENT = json.loads((Path(__file__).parents[2] / "openapi/openapi.json").read_text(encoding="utf-8"))

#: What each operation is in the clients; None: none for a service.
METHODS = {
    "publishNotification": "notify",
    "publishBatch": "notify_batch",
    "sendSignal": "signal",
    "readStats": "stats",
    "disconnect": "disconnect",
    "forgetUser": "forget",
    "explainNotification": "explain",
    "traceNotification": "trace",
    "issueTicket": "ticket",
    "checkReady": "health",
    "checkLive": "live",
    "getInbox": None,
    "changeInbox": None,
    "getPreferences": None,
    "setPreferences": None,
    "acknowledge": None,
    "getPushKey": None,
    "subscribeToPush": None,
    "unsubscribeFromPush": None,
    "observe": None,
    "findConnections": None,
    "getPushFigures": None,
    "listWebhooks": None,
    "repeatWebhook": None,
    "reportRelay": None,
    "openWebSocket": None,
    "openEventStream": None,
    "pollFrames": None,
    "readStream": None,
    "readMetrics": None,
    "showHub": None,
    "showConsole": None,
    "readConsoleScript": None,
    "readConsoleStyle": None,
    "showSchema": None,
    "readOpenApi": None,
    "readOpenApi30": None,
    "readAsyncApi": None,
    "readFramesSchema": None,
}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """Run a hub."""
    async with run_hub(tmp_path) as running:
        yield running


@pytest.fixture
async def client(hub: RunningHub, open_client: MakeClient) -> AsyncIterator[Client]:
    """Open a client of the hub."""
    async with open_client(hub.url, key=hub.key) as opened:
        yield opened


@pytest.mark.parametrize("kind", [Hub, AsyncHub])
def test_every_operation_is_covered(kind: type[Hub | AsyncHub]) -> None:
    """Each operation of the document is a method of both clients, or is named as none for a service."""
    operations = {operation["operationId"] for path in DOCUMENT["paths"].values() for operation in path.values()}
    assert operations == METHODS.keys()
    assert [] == [method for method in METHODS.values() if method and not callable(getattr(kind, method, None))]


def test_both_clients_have_the_same_methods() -> None:
    """`AsyncHub` has the methods of `Hub`, with the same arguments and the same text, and no others."""

    def describe(kind: type[Hub | AsyncHub]) -> dict[str, tuple[object, str | None]]:
        public = [(name, getattr(kind, name)) for name in dir(kind) if not name.startswith("_")]
        return {
            name: (inspect.signature(member).parameters if callable(member) else None, member.__doc__)
            for name, member in public
        }

    assert describe(Hub) == describe(AsyncHub)
    assert inspect.signature(Hub) == inspect.signature(AsyncHub)


def test_readiness_is_the_documents() -> None:
    """The one wire model that contracts does not hold has the fields of the document."""
    document = DOCUMENT["components"]["schemas"]["Readiness"]
    assert list(Readiness.__struct_fields__) == list(document["properties"])
    # A hub alone has none.
    assert set(document["properties"]) - {"cluster"} == set(document["required"])


async def test_notify(hub: RunningHub, client: Client) -> None:
    """What is published arrives as it was, with the receipt's id."""
    order = OrderData(order_id=7, order_code="PED-7", items=[{"sku": "A"}], total="R$ 10,00")
    async with hub.websocket() as listener:
        receipt = await client.notify(
            OrderCreated(title="Novo pedido", message="PED-7", data=order), user_id=USER, account_id=ACCOUNT, ttl_s=60
        )
        frame = await listener.frame()
    data = {"orderId": 7, "orderCode": "PED-7", "items": [{"sku": "A"}], "total": "R$ 10,00"}
    assert ("order_created", data, receipt.id) == (frame["type"], frame["data"], frame["id"])
    assert (False, 1) == (receipt.duplicate, receipt.connections)


async def test_link(hub: RunningHub, client: Client) -> None:
    """The link of a notification arrives as a browser would write it, and a bad one is refused by its field."""
    async with hub.websocket() as listener:
        await client.notify(ProfileUpdated(title="Perfil", message="m", link="/a/../perfil"), account_id=ACCOUNT)
        assert "/perfil" == (await listener.frame())["link"]
    with pytest.raises(HubRefused) as refusal:
        await client.notify(ProfileUpdated(title="Perfil", message="m", link="//evil"), account_id=ACCOUNT)
    assert "$.link" == refusal.value.field


async def test_signal(hub: RunningHub, client: Client) -> None:
    """A signal reaches who asked for its type, and its receipt says that it is not kept."""
    query = f"{hub.ws_url}/ws?token={hub.token()}&signals=orders:updated"
    async with connect(query, subprotocols=[Subprotocol("hub.v1")]) as connection:
        await connection.recv()
        changed = OrdersUpdated(data=ListChange(id=7, action="updated"))
        receipt = await client.call("signal", changed, account_id=ACCOUNT, collapse_key="7")
        frame = json.loads(await connection.recv())
    assert (True, 1) == (receipt.ephemeral, receipt.connections)
    assert ("orders:updated", {"id": 7, "action": "updated"}) == (frame["type"], frame["data"])


async def test_enqueue(hub: RunningHub, client: Client) -> None:
    """What is queued arrives, in order."""
    async with hub.websocket() as listener:
        for number in range(5):
            assert client.hub.enqueue(alert(f"Aviso {number}"), user_ids=[USER], account_id=ACCOUNT)
        assert [f"Aviso {number}" for number in range(5)] == [frame["title"] for frame in await listener.frames(5)]
        assert await client.call("flush")


async def test_repeat_is_no_second_notification(hub: RunningHub, client: Client) -> None:
    """The same key and notification get the first receipt again, marked."""
    said = ProfileUpdated(title="Perfil", message="Uma vez")
    receipts = [await client.notify(said, account_id=ACCOUNT, idempotency_key="once") for _ in range(2)]
    assert [False, True] == [receipt.duplicate for receipt in receipts]
    assert receipts[0].id == receipts[1].id


async def test_batch(client: Client) -> None:
    """Each notification of a batch has its own receipt or problem."""
    batch = [Addressed(alert(), account_id=ACCOUNT), Addressed(alert()), Addressed(alert(), everyone=True)]
    results = await client.call("notify_batch", batch)
    codes = [getattr(result.problem, "code", "stored") for result in results]
    assert ["stored", "no_target", "stored"] == codes


async def test_refusal(client: Client) -> None:
    """A refusal says the code and the field."""
    wrong = OrderCreated(title="a", message="b", data=OrderData(order_id=2**53))
    with pytest.raises(HubRefused) as caught:
        await client.notify(wrong, account_id=ACCOUNT)
    assert ("invalid_field", "$.data.orderId") == (caught.value.code, caught.value.field)


async def test_warnings(hub: RunningHub, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A receipt names what was passed on in another shape; of what is queued the log says so, once for each field."""
    data = OrderData(items='[{"sku":"A"}]')  # type: ignore[arg-type]  # the point of it
    odd = OrderCreated(title="a", message="b", data=data)
    async with hub.websocket() as listener:
        receipt = await client.notify(odd, account_id=ACCOUNT)
        assert isinstance(receipt.warnings, list)
        assert ["$.data.items"] == [warning.field for warning in receipt.warnings or ()]
        for _ in range(2):
            assert client.hub.enqueue(odd, account_id=ACCOUNT)
        assert await client.call("flush")
        assert ['[{"sku":"A"}]'] * 3 == [frame["data"]["items"] for frame in await listener.frames(3)]
    lines = [record.getMessage() for record in caplog.records if record.name == "notification_hub"]
    assert ["order_created: $.data.items is not as declared: Expected `array | null`, got `str`"] == lines


async def test_stats(hub: RunningHub, client: Client) -> None:
    """The statistics count a connection."""
    async with hub.websocket():
        stats = await client.call("stats")
    assert (1, {ACCOUNT: 1}) == (stats.total_connections, stats.connections_by_account)


async def test_ticket(hub: RunningHub, client: Client) -> None:
    """A user's token becomes a ticket that opens one connection."""
    ticket = await client.call("ticket", hub.token())
    async with hub.websocket(ticket.ticket) as listener:
        assert listener.hello["data"]["resume"] == "live"


async def test_disconnect(hub: RunningHub, client: Client) -> None:
    """A user's connections can be closed, and one token refused."""
    token = hub.token()
    async with hub.websocket(token) as listener:
        assert 1 == (await client.call("disconnect", DisconnectRequest(user_id=USER, account_id=ACCOUNT))).closed
        assert 4502 == await listener.wait_closed()
    digest = hashlib.sha256(token.encode()).hexdigest()
    assert (await client.call("disconnect", DisconnectRequest(token=digest, revoke=True))).revoked


async def test_forget(client: Client) -> None:
    """What the hub has of a user can be erased, and is counted."""
    await client.notify(alert(), user_id=USER, account_id=ACCOUNT)
    said = await client.call("forget", ForgetRequest(user_id=USER, account_id=ACCOUNT))
    assert (1, 0, True) == (said.records, said.connections, said.final)


async def test_explain(hub: RunningHub, client: Client) -> None:
    """What a publish would do is told, and nothing is published."""
    said = await client.call(
        "explain", alert(), user_id=USER, account_id=ACCOUNT, explain_user_id=USER, explain_account_id=ACCOUNT
    )
    assert (True, 1, 0) == (said.accepted, said.target_count, hub.hub.log.head)
    assert "on_return" == said.user.delivery
    assert "no_target" == (await client.call("explain", alert())).refusal.code


async def test_trace(client: Client) -> None:
    """What became of a notification is told by its id, with its cursor or without."""
    receipt = await client.notify(alert(), user_id=USER, account_id=ACCOUNT)
    for cursor in (None, receipt.cursor):
        trace = await client.call("trace", receipt.id, cursor=cursor)
        assert (receipt.id, receipt.cursor, 1) == (trace.id, trace.stored.cursor, trace.stored.position)


async def test_confirm(hub: RunningHub, client: Client) -> None:
    """A deadline is set by a call, in a batch and of what is queued; a service that nobody tells is warned."""
    confirm = Confirm(within_seconds=3600, by="delivered")
    receipt = await client.notify(alert(), user_id=USER, account_id=ACCOUNT, confirm=confirm)
    assert ["$.confirm"] == [warning.field for warning in receipt.warnings or ()]
    read = Addressed(alert(), user_id=USER, account_id=ACCOUNT, confirm=Confirm(within_seconds=60, by="read"))
    (batched,) = await client.call("notify_batch", [read])
    async with hub.websocket() as listener:
        assert client.hub.enqueue(alert("queued"), user_id=USER, account_id=ACCOUNT, confirm=confirm)
        queued = await listener.frame()
    traces = [await client.call("trace", each) for each in (receipt.id, batched.receipt.id, queued["id"])]
    assert [["delivered"], ["read"], ["delivered"]] == [[each.by for each in trace.awaited] for trace in traces]
    with pytest.raises(HubRefused) as caught:
        await client.notify(alert(), account_id=ACCOUNT, confirm=confirm)
    assert "$.confirm" == caught.value.field


async def test_health(client: Client) -> None:
    """A hub at work is live and ready."""
    assert await client.call("live") is True
    assert (await client.call("health")).ready
