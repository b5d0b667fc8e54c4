"""Deadlines of notifications whose place newer ones have taken: what counts is the newest."""

from __future__ import annotations

import json
from typing import Any

from tests.deadlines.stage import Stage, confirmed, publish, settle, token
from tests.harness import USER, RunningHub

ORDER: dict[str, Any] = {"type": "profile_updated", "title": "t", "user_id": USER, "collapse_key": "order-1"}


async def publish_twice(
    hub: RunningHub, stage: Stage, second: dict[str, Any] | None, *, by: str = "delivered"
) -> tuple[str, str, str]:
    """Publish one, and 30 s later a newer one in its place; return their ids and the cursor of the newer one."""
    older = await publish(hub, within=60, by=by, message="older", **ORDER)
    stage.pass_time(30.0)
    if second is None:
        newer = (await hub.publish(message="newer", account_id="12345678000190", **ORDER)).json()
    else:
        newer = await publish(hub, **{"message": "newer", **ORDER, **second})
    return older["id"], newer["id"], newer["cursor"]


async def read(hub: RunningHub, identifier: str) -> None:
    """Mark as read."""
    headers = {"authorization": f"Bearer {token(hub)}"}
    response = await hub.http.post("/api/inbox", json={"read": [identifier]}, headers=headers)
    assert 200 == response.status_code, response.text


async def test_newer_one_is_confirmed(stage: Stage) -> None:
    """Who has confirmed the newest has confirmed what it stands for, each with its own event; nothing is escalated."""
    async with stage.run() as hub, hub.websocket(token(hub)) as client:
        older, newer, cursor = await publish_twice(hub, stage, {"within": 60, "by": "delivered"})
        await client.frames(2)
        await client.connection.send(json.dumps({"type": "ack", "cursor": cursor}))
        await settle(hub, client)
        assert {older, newer} == set(await confirmed(stage, hub))
    assert 2 == len(stage.endpoint.requests)


async def test_newer_one_is_confirmed_in_its_own_way(stage: Stage) -> None:
    """Where the older one was to be read and the newest only to arrive, its arrival is enough for both."""
    async with stage.run() as hub, hub.websocket(token(hub)) as client:
        older, newer, cursor = await publish_twice(hub, stage, {"within": 60, "by": "delivered"}, by="read")
        await client.frames(2)
        await client.connection.send(json.dumps({"type": "ack", "cursor": cursor}))
        await settle(hub, client)
        assert {older, newer} == set(await confirmed(stage, hub))


async def test_newer_one_without_a_deadline_is_confirmed(stage: Stage) -> None:
    """It does so where nothing was to be confirmed of it, too."""
    async with stage.run() as hub, hub.websocket(token(hub)) as client:
        older, _, cursor = await publish_twice(hub, stage, None)
        await client.frames(2)
        await client.connection.send(json.dumps({"type": "ack", "cursor": cursor}))
        await settle(hub, client)
        assert [older] == await confirmed(stage, hub)
    assert 1 == len(stage.endpoint.requests)


async def test_newer_one_is_read(stage: Stage) -> None:
    """Reading the newest confirms the older one."""
    async with stage.run() as hub:
        older, newer, _ = await publish_twice(hub, stage, {"within": 60, "by": "read"})
        await read(hub, newer)
        assert {older, newer} == set(await confirmed(stage, hub))


async def test_newer_one_without_a_deadline_is_read(stage: Stage) -> None:
    """It does so where nothing was to be confirmed of the newest, too."""
    async with stage.run() as hub:
        older, newer, _ = await publish_twice(hub, stage, None)
        await read(hub, newer)
        assert [older] == await confirmed(stage, hub)


async def test_older_one_is_read(stage: Stage) -> None:
    """A device that still shows the older one has confirmed that one, and not the newest."""
    async with stage.run() as hub:
        older, newer, _ = await publish_twice(hub, stage, {"within": 60, "by": "read"})
        await read(hub, older)
        assert [older] == await confirmed(stage, hub)
        (told,) = [body for body in await stage.wait_webhooks(2) if body["type"] == "notification.unconfirmed"]
    assert (newer, True) == (told["data"]["notification"]["id"], "superseded" not in told["data"])


async def test_neither_is_confirmed(stage: Stage) -> None:
    """The service is told once, of the newest, at the earliest deadline; a trace of each tells of it."""
    async with stage.run() as hub:
        older, newer, _ = await publish_twice(hub, stage, {"within": 60, "by": "delivered"})
        stage.pass_time(29.0)
        assert [] == stage.endpoint.requests
        stage.pass_time(2.0)
        (told,) = await stage.wait_webhooks(1)
        data = told["data"]
        assert ("newer", [older]) == (data["notification"]["message"], data["superseded"])
        assert [] == await confirmed(stage, hub)
        traces = [
            (await hub.http.get(f"/api/internal/notifications/{each}", headers=hub.headers())).json()
            for each in (older, newer)
        ]
    assert 1 == len(stage.endpoint.requests)
    assert [1, 1] == [len(each["escalated"]) for each in traces]
    assert 1 == len({webhook["id"] for each in traces for webhook in each["webhooks"]})


async def test_newer_one_without_a_deadline(stage: Stage) -> None:
    """An update without a deadline does not put the older one's off, and is what the service is told of."""
    async with stage.run() as hub:
        older, newer, _ = await publish_twice(hub, stage, None)
        stage.pass_time(31.0)
        (told,) = await stage.wait_webhooks(1)
    data = told["data"]
    assert (newer, [older], 60) == (data["notification"]["id"], data["superseded"], data["within_seconds"])


async def test_many_updates_do_not_put_it_off(stage: Stage) -> None:
    """A notification that is replaced every 20 s is escalated after the first deadline all the same."""
    async with stage.run() as hub:
        ids = []
        for _ in range(3):
            ids.append((await publish(hub, within=60, message="m", **ORDER))["id"])
            stage.pass_time(20.0)
        stage.pass_time(1.0)
        (told,) = await stage.wait_webhooks(1)
        assert (ids[2], set(ids[:2])) == (told["data"]["notification"]["id"], set(told["data"]["superseded"]))
        assert [] == await confirmed(stage, hub)
    assert 1 == len(stage.endpoint.requests)


async def test_client_that_was_never_handed_the_older_one(stage: Stage) -> None:
    """A client that comes back got nothing that was superseded, so a cursor between both confirms neither."""
    async with stage.run() as hub:
        start = (await hub.publish()).json()["cursor"]
        older = await publish(hub, within=60, message="older", **ORDER)
        between = (await hub.publish()).json()["cursor"]
        newer = await publish(hub, within=60, message="newer", **ORDER)
        async with hub.websocket(token(hub), cursor=start) as client:
            await client.frames(2)
            await client.connection.send(json.dumps({"type": "ack", "cursor": between}))
            await settle(hub, client)
            assert [] == await confirmed(stage, hub)
        (told,) = await stage.wait_webhooks(1)
    assert (newer["id"], [older["id"]]) == (told["data"]["notification"]["id"], told["data"]["superseded"])
