"""Notifications reach whom they are meant for, over both transports, with one cursor."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

OTHER_USER = "00000000272"
OTHER_ACCOUNT = "98765432000110"


async def test_both_transports_carry_the_same_text(hub: RunningHub) -> None:
    """The data of the SSE event is, byte for byte, the text of the WebSocket frame; its id is the cursor."""
    async with hub.websocket() as websocket, hub.events() as events:
        await hub.publish(data={"productId": 7, "unknown": {"kept": "çã"}})

        text = await websocket.connection.recv()
        event = await events.event()

    assert text == event.data
    assert f'"cursor":"{event.id}"' in event.data
    assert '"data":{"productId":7,"unknown":{"kept":"çã"}}' in event.data


async def test_a_frame_has_what_the_frontends_in_the_field_read(hub: RunningHub) -> None:
    """A frame is one object with type, title, message, data and a UTC timestamp with milliseconds."""
    async with hub.websocket(subprotocols=()) as websocket:
        answer = await hub.publish(type="order_created", title="Pedido", message="Novo", data={"orderId": "9"})
        frame = await websocket.frame()

    assert ["type", "title", "message", "data", "timestamp", "id", "cursor"] == list(frame)
    assert ("order_created", "Pedido", "Novo", {"orderId": "9"}) == tuple(frame.values())[:4]
    assert frame["timestamp"].endswith("Z")
    assert len("2026-11-22T20:00:00.000Z") == len(frame["timestamp"])
    assert (answer.json()["id"], answer.json()["cursor"]) == (frame["id"], frame["cursor"])


async def test_the_first_frame_greets(hub: RunningHub) -> None:
    """The first frame is connection_established, with a title, a message and how the connection began."""
    async with hub.websocket(subprotocols=()) as old, hub.events() as events:
        for hello in (old.hello, events.hello):
            assert "connection_established" == hello["type"]
            assert hello["title"]
            assert hello["message"]
            assert "live" == hello["data"]["resume"]
            assert 30 == hello["data"]["heartbeatSeconds"]


async def test_only_the_addressed_get_it(hub: RunningHub) -> None:
    """A user's notification stays with the user, an account's with the account, everyone's reaches all."""
    async with (
        hub.websocket() as mine,
        hub.websocket(hub.token(OTHER_USER)) as colleague,
        hub.events(hub.token(USER, OTHER_ACCOUNT)) as stranger,
    ):
        await hub.publish(title="user", user_id=USER, account_id=ACCOUNT)
        await hub.publish(title="account", account_id=ACCOUNT)
        await hub.publish(title="users", user_ids=[OTHER_USER, USER], account_id=ACCOUNT)
        await hub.publish(title="everyone", everyone=True)

        assert ["user", "account", "users", "everyone"] == [frame["title"] for frame in await mine.frames(4)]
        assert ["account", "users", "everyone"] == [frame["title"] for frame in await colleague.frames(3)]
        assert ["everyone"] == [frame["title"] for frame in await stranger.frames(1)]


async def test_every_connection_of_a_user_gets_it(hub: RunningHub) -> None:
    """Three tabs, three copies, and the receipt counts them."""
    async with hub.websocket() as one, hub.websocket() as two, hub.events() as three:
        receipt = (await hub.publish()).json()
        frames = [await one.frame(), await two.frame(), await three.frame()]

    assert 3 == receipt["connections"]
    assert {receipt["id"]} == {frame["id"] for frame in frames}


async def test_what_was_missed_over_one_transport_comes_over_the_other(hub: RunningHub) -> None:
    """A client leaves WebSocket, goes on over SSE and comes back, and sees each notification once."""
    seen = []
    async with hub.websocket() as websocket:
        await hub.publish(title="1")
        seen.append(await websocket.frame())
    for title in ("2", "3", "4"):
        await hub.publish(title=title)
    async with hub.events(last_event_id=seen[-1]["cursor"]) as events:
        assert "replayed" == events.hello["data"]["resume"]
        seen += await events.frames(3)
        await hub.publish(title="5")
        seen.append(await events.frame())
        cursor = events.last_event_id
    await hub.publish(title="6")
    async with hub.websocket(cursor=cursor) as websocket:
        seen.append(await websocket.frame())

    assert ["1", "2", "3", "4", "5", "6"] == [frame["title"] for frame in seen]


async def test_the_greeting_is_a_cursor_too(hub: RunningHub) -> None:
    """A client that got nothing but the greeting misses nothing of what came while it was away."""
    async with hub.websocket() as websocket:
        cursor = websocket.hello["data"]["cursor"]
    await hub.publish(title="missed")
    async with hub.websocket(cursor=cursor) as websocket:
        assert "missed" == (await websocket.frame())["title"]


async def test_an_event_source_that_got_nothing_yet_can_come_back(hub: RunningHub) -> None:
    """A browser sends back the last id it saw, so the first bytes of a stream bring one."""
    async with hub.http.stream("GET", "/sse", headers={"authorization": f"Bearer {hub.token()}"}) as answer:
        text = ""
        async with asyncio.timeout(DEADLINE_S):
            async for part in answer.aiter_text():
                text += part
                if "\nid: " in text:
                    break
    last_event_id = text.partition("\nid: ")[2].split()[0]
    await hub.publish(title="missed")
    async with hub.events(last_event_id=last_event_id) as events:
        assert "replayed" == events.hello["data"]["resume"]
        assert "missed" == (await events.frame())["title"]


async def test_last_event_id_wins_over_the_query(hub: RunningHub) -> None:
    """After a reconnect of EventSource its header is newer than the URL it was opened with."""
    old = (await hub.publish(title="1")).json()["cursor"]
    new = (await hub.publish(title="2")).json()["cursor"]
    await hub.publish(title="3")
    async with hub.events(cursor=old, last_event_id=new) as events:
        assert "3" == (await events.frame())["title"]


async def test_a_cursor_the_log_cannot_serve_is_a_gap(hub: RunningHub) -> None:
    """Another epoch, or beyond the head: told in the stream, and then live from the cursor that was told."""
    cursor = (await hub.publish()).json()["cursor"]
    foreign = "aaaaaaaaaa" + cursor[10:]
    for bad in (foreign, cursor[:11] + "zzzz"):
        async with hub.websocket(cursor=bad) as websocket:
            assert "gap" == websocket.hello["data"]["resume"]
            gap = await websocket.frame()
            assert "gap" == gap["type"]
            await hub.publish(title="after")
            assert "after" == (await websocket.frame())["title"]
        async with hub.websocket(cursor=gap["data"]["cursor"]) as websocket:
            assert "replayed" == websocket.hello["data"]["resume"]
            assert "after" == (await websocket.frame())["title"]


async def test_a_long_absence_is_replayed_in_order(hub: RunningHub) -> None:
    """Several pages of records, mixed with other people's, come in order, then the live ones."""
    cursor = (await hub.publish(title="0")).json()["cursor"]
    items = []
    for number in range(1, 901):
        user_id = USER if number % 2 else OTHER_USER
        items.append(
            {"type": "cart_updated", "title": str(number), "message": "m", "user_id": user_id, "account_id": ACCOUNT}
        )
    assert 202 == (await hub.post("/api/internal/notify/batch", {"notifications": items})).status_code
    async with hub.events(last_event_id=cursor) as events:
        frames = await events.frames(450)
        await hub.publish(title="live")
        assert "live" == (await events.frame())["title"]

    assert [str(number) for number in range(1, 901, 2)] == [frame["title"] for frame in frames]


async def test_an_expired_notification_is_not_replayed(tmp_path: Path) -> None:
    """A time to live ends a notification for those who were away, and is no gap."""
    skew = [0.0]
    async with run_hub(tmp_path, now=lambda: time.time() + skew[0]) as hub:
        cursor = (await hub.publish(title="1")).json()["cursor"]
        await hub.publish(title="short", ttl_seconds=5)
        await hub.publish(title="long", ttl_seconds=500)
        skew[0] = 60
        async with hub.websocket(hub.token(ttl_s=7200), cursor=cursor) as websocket:
            assert "replayed" == websocket.hello["data"]["resume"]
            assert "long" == (await websocket.frame())["title"]


async def test_concurrent_publishes_reach_everybody_in_the_same_order(hub: RunningHub) -> None:
    """What two connections see is the log's order, whoever published first."""
    async with hub.websocket() as websocket, hub.events() as events:
        receipts = await asyncio.gather(*(hub.publish(title=str(number)) for number in range(60)))
        over_websocket = [frame["cursor"] for frame in await websocket.frames(60)]
        over_sse = [frame["cursor"] for frame in await events.frames(60)]

    assert over_websocket == over_sse
    positions = [int(cursor[11:], 36) for cursor in over_websocket]
    assert sorted(positions) == positions
    assert {receipt.json()["cursor"] for receipt in receipts} == set(over_websocket)
