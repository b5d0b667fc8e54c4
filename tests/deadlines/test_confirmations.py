"""Confirmations of a running hub: what users confirm, and what a service's webhook is told otherwise."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from hub.deadlines.deadline import DEADLINES
from tests.deadlines.stage import Stage, confirmed, publish, settle, token
from tests.harness import ACCOUNT, USER, RunningHub, run_hub


async def test_nobody_connected(stage: Stage) -> None:
    """A notification that no client acknowledges is reported after its deadline and not before, once."""
    async with stage.run() as hub:
        receipt = await publish(hub)
        assert "warnings" not in receipt
        stage.pass_time(59.0)
        other = await publish(hub, within=10)
        stage.pass_time(2.0)
        (told,) = await stage.wait_webhooks(1)
        assert ("notification.unconfirmed", receipt["id"]) == (told["type"], told["data"]["notification"]["id"])
        assert (ACCOUNT, USER, "delivered", 60) == tuple(
            told["data"][name] for name in ("account_id", "user_id", "by", "within_seconds")
        )
        assert "Faltam peças" == told["data"]["notification"]["message"]
        stage.pass_time(10.0)
        told = (await stage.wait_webhooks(2))[1]
        assert other["id"] == told["data"]["notification"]["id"]


async def test_acknowledged(stage: Stage) -> None:
    """A client's `ack` confirms what it was handed, and the service is told of it."""
    async with stage.run() as hub:
        async with hub.websocket(token(hub)) as client:
            receipt = await publish(hub)
            frame = await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": frame["cursor"]}))
            (told,) = await stage.wait_webhooks(1)
            assert ("notification.confirmed", receipt["id"]) == (told["type"], told["data"]["notification"]["id"])
            assert told["data"]["confirmed_at"].startswith("2025-10-09")
        assert [] == await hub.hub.log.list_state(DEADLINES, limit=1)
        stage.pass_time(120.0)
        await publish(hub, within=10)
        stage.pass_time(11.0)
        assert ["notification.confirmed", "notification.unconfirmed"] == [
            body["type"] for body in await stage.wait_webhooks(2)
        ]


async def test_greeting(stage: Stage) -> None:
    """A client of hub.v1 is told what the hub can, and no other client is."""
    async with stage.run() as hub:
        async with hub.websocket(token(hub)) as client:
            assert "ack" in client.hello["data"]["features"]
        async with hub.websocket(token(hub), subprotocols=()) as client:
            assert "features" not in client.hello["data"]


class TestForgedAcknowledgements:
    async def test_websocket(self, stage: Stage) -> None:
        """A cursor that a connection was never handed, or of another log, confirms nothing and ends nothing."""
        async with stage.run() as hub, hub.websocket(token(hub, "another")) as other:
            await publish(hub, user_id="another")
            epoch, _, position = (await other.frame())["cursor"].rpartition("-")
            forged = [f"{epoch}-{'z' * 8}", f"{'a' * len(epoch)}-{position}", "not a cursor", f"{epoch}-0", ""]
            acks = [json.dumps({"type": "ack", "cursor": cursor}) for cursor in forged]
            async with hub.websocket(token(hub), cursor=f"{epoch}-0") as client:
                for text in acks:
                    await client.connection.send(text)
                receipt = await publish(hub)
                assert receipt["cursor"] == (await client.frame())["cursor"]
                for text in acks:
                    await client.connection.send(text)
                await settle(hub, client)
            assert [] == await confirmed(stage, hub)

    async def test_flood(self, stage: Stage) -> None:
        """A client that acknowledges far more often than it should is closed as for any flood, and makes no record."""
        async with stage.run() as hub, hub.websocket(token(hub)) as client:
            await hub.publish()
            text = json.dumps({"type": "ack", "cursor": (await client.frame())["cursor"]})
            head = hub.hub.log.head
            with contextlib.suppress(ConnectionClosed):
                for _ in range(1000):
                    await client.connection.send(text)
            assert await client.wait_closed() in {1006, 1008}
            assert head == hub.hub.log.head

    async def test_another_user(self, stage: Stage) -> None:
        """A user's acknowledgement confirms nothing of another user, whose position is lower."""
        async with stage.run() as hub, hub.websocket(token(hub, "another")) as client:
            await publish(hub)
            receipt = await publish(hub, user_id="another")
            await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
            await settle(hub, client, "another")
            assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_connection_that_began_later(self, stage: Stage) -> None:
        """A client that connects without a cursor has got nothing of what came before, whatever it acknowledges."""
        async with stage.run() as hub:
            await publish(hub)
            async with hub.websocket(token(hub)) as client:
                receipt = await publish(hub)
                await client.frame()
                await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
                await settle(hub, client)
                assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_return_of_a_client_that_began_later(self, stage: Stage) -> None:
        """Nor does it get it by coming back with the cursor of its greeting."""
        async with stage.run() as hub:
            await publish(hub)
            async with hub.websocket(token(hub)) as client:
                cursor = client.hello["data"]["cursor"]
            async with hub.websocket(token(hub), cursor=cursor):
                assert [] == await confirmed(stage, hub)

    async def test_without_hub_v1(self, stage: Stage) -> None:
        """A deployed frontend that sends something confirms nothing."""
        async with stage.run() as hub, hub.websocket(token(hub), subprotocols=()) as client:
            receipt = await publish(hub)
            await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
            assert [] == await confirmed(stage, hub)


class TestOtherTransports:
    async def test_return_with_a_cursor(self, stage: Stage) -> None:
        """A client that comes back with a cursor has got everything up to it."""
        async with stage.run() as hub:
            async with hub.websocket(token(hub)) as client:
                receipt = await publish(hub)
                cursor = (await client.frame())["cursor"]
            async with hub.websocket(token(hub), cursor=cursor):
                (told,) = await stage.wait_webhooks(1)
                assert ("notification.confirmed", receipt["id"]) == (told["type"], told["data"]["notification"]["id"])

    async def test_return_after_a_restart(self, stage: Stage) -> None:
        """Also to a hub that was restarted meanwhile, which remembers no connection."""
        async with stage.run() as hub, hub.websocket(token(hub)) as client:
            receipt = await publish(hub)
            cursor = (await client.frame())["cursor"]
        async with stage.run() as hub, hub.events(token(hub), last_event_id=cursor):
            assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_event_stream(self, stage: Stage) -> None:
        """A client of an event stream acknowledges with a request of its own."""
        async with stage.run() as hub, hub.events(token(hub)) as stream:
            receipt = await publish(hub)
            await stream.frame()
            assert 204 == (await ack(hub, receipt["cursor"])).status_code
            assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_forged_requests(self, stage: Stage) -> None:
        """A request that acknowledges what no client of this user was handed confirms nothing."""
        async with stage.run() as hub:
            receipt = await publish(hub)
            epoch, _, _ = receipt["cursor"].rpartition("-")
            for cursor in (receipt["cursor"], f"{epoch}-{'z' * 8}", f"{'a' * len(epoch)}-1"):
                assert 204 == (await ack(hub, cursor)).status_code
                assert 204 == (await ack(hub, cursor, user="another")).status_code
            async with hub.events(token(hub)):
                assert 204 == (await ack(hub, receipt["cursor"])).status_code
            assert [] == await confirmed(stage, hub)

    async def test_poll(self, stage: Stage) -> None:
        """A client that polls acknowledges by the cursor of its next request, and not by being sent a page."""
        async with stage.run() as hub:
            headers = {"authorization": f"Bearer {token(hub)}"}
            first = (await hub.http.get("/poll", headers=headers)).json()
            receipt = await publish(hub)
            page = (await hub.http.get("/poll", params={"cursor": first["cursor"]}, headers=headers)).json()
            assert [receipt["id"]] == [frame["id"] for frame in page["frames"]]
            assert 0 == hub.hub.metrics.confirmations.total()
            await hub.http.get("/poll", params={"cursor": page["cursor"]}, headers=headers)
            assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_unusable_requests(self, stage: Stage) -> None:
        """A request that is not one is refused with a problem."""
        async with stage.run() as hub:
            headers = {"authorization": f"Bearer {token(hub)}", "content-type": "application/json"}
            for content in (b"{}", b'{"cursor":1}', b'{"cursor":"no"}', b'{"cursor":"a-1","more":1}', b"{", b""):
                response = await hub.http.post("/api/ack", content=content, headers=headers)
                assert (400, "application/problem+json") == (response.status_code, response.headers["content-type"])
            assert 401 == (await hub.http.post("/api/ack", json={"cursor": "a-1"})).status_code


async def ack(hub: RunningHub, cursor: str, user: str = USER) -> Any:
    """Acknowledge over HTTP."""
    headers = {"authorization": f"Bearer {token(hub, user)}"}
    return await hub.http.post("/api/ack", json={"cursor": cursor}, headers=headers)


class TestRead:
    @pytest.mark.parametrize("by", ["read", "delivered"])
    async def test_read_in_the_inbox(self, stage: Stage, by: str) -> None:
        """What a user marks as read is confirmed, also where it had to be delivered alone; an `ack` is not reading."""
        async with stage.run() as hub, hub.websocket(token(hub)) as client:
            receipt, other = await publish(hub, by=by), await publish(hub, by="read")
            headers = {"authorization": f"Bearer {token(hub)}"}
            response = await hub.http.post("/api/inbox", json={"read": [receipt["id"]]}, headers=headers)
            assert 200 == response.status_code
            await client.connection.send(json.dumps({"type": "ack", "cursor": other["cursor"]}))
            await settle(hub, client)
            assert [receipt["id"]] == await confirmed(stage, hub)

    async def test_read_until(self, stage: Stage) -> None:
        """So is what is marked by a watermark, once."""
        async with stage.run() as hub:
            receipts = [await publish(hub, by="read") for _ in range(3)]
            headers = {"authorization": f"Bearer {token(hub)}"}
            for _ in range(2):
                body = {"read_until": receipts[1]["cursor"]}
                await hub.http.post("/api/inbox", json=body, headers=headers)
            assert {receipts[0]["id"], receipts[1]["id"]} == set(await confirmed(stage, hub))
        assert 3 == len(stage.endpoint.requests)

    async def test_hub_without_inbox(self, stage: Stage) -> None:
        """A hub that keeps no inbox awaits no reading, and says so."""
        async with stage.run(inbox=False) as hub:
            receipt = await publish(hub, by="read")
            assert ["$.confirm.by"] == [warning["field"] for warning in receipt["warnings"]]
            assert [] == await confirmed(stage, hub)
        assert [] == stage.endpoint.requests


class TestUsers:
    async def test_each_confirms_for_himself(self, stage: Stage) -> None:
        """Of several users each one has a deadline of his own."""
        async with stage.run() as hub, hub.websocket(token(hub, "one")) as client:
            receipt = await publish(hub, user_ids=["one", "two", "three"])
            await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
            await stage.wait_webhooks(1)
            stage.pass_time(61.0)
            told = [(body["type"], body["data"]["user_id"]) for body in await stage.wait_webhooks(3)]
        assert ("notification.confirmed", "one") == told[0]
        assert {("notification.unconfirmed", "two"), ("notification.unconfirmed", "three")} == set(told[1:])
        assert 3 == len({request.fields["webhook-id"] for request in stage.endpoint.requests})

    async def test_only_what_the_service_asks_for(self, stage: Stage) -> None:
        """A service that lists no `notification.confirmed` is not told of it."""
        stage.events = ["notification.unconfirmed"]
        async with stage.run() as hub, hub.websocket(token(hub)) as client:
            receipt = await publish(hub)
            await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
            await hub.wait_until(lambda: hub.hub.metrics.confirmations["acknowledged"] == 1)
            assert [] == await confirmed(stage, hub)


class TestRestart:
    async def test_deadline_survives(self, stage: Stage) -> None:
        """A deadline that ends while no hub runs is reported by the next one; one that has not ended goes on."""
        async with stage.run() as hub:
            first, second = await publish(hub, within=60), await publish(hub, within=600)
        stage.pass_time(100.0)
        async with stage.run() as hub:
            (told,) = await stage.wait_webhooks(1)
            assert first["id"] == told["data"]["notification"]["id"]
            stage.pass_time(501.0)
            told = (await stage.wait_webhooks(2))[1]
            assert second["id"] == told["data"]["notification"]["id"]

    async def test_confirmation_survives(self, stage: Stage) -> None:
        """What was confirmed before a restart is not reported after it."""
        stage.events = ["notification.unconfirmed"]
        async with stage.run() as hub, hub.websocket(token(hub)) as client:
            receipt = await publish(hub)
            await client.frame()
            await client.connection.send(json.dumps({"type": "ack", "cursor": receipt["cursor"]}))
            await hub.wait_until(lambda: hub.hub.metrics.confirmations["acknowledged"] == 1)
        stage.pass_time(3600.0)
        async with stage.run() as hub:
            assert [] == await confirmed(stage, hub)
        assert [] == stage.endpoint.requests

    @pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
    async def test_clock_jumps(self, stage: Stage, jump_s: float) -> None:
        """A wall clock that jumps neither ends a deadline of a running hub early nor puts it off."""
        async with stage.run() as hub:
            receipt, earlier = await publish(hub, within=60), await publish(hub, within=50)
            stage.wall.now_s += jump_s
            stage.pass_time(51.0)
            (told,) = await stage.wait_webhooks(1)
            assert earlier["id"] == told["data"]["notification"]["id"]
            stage.pass_time(10.0)
            told = (await stage.wait_webhooks(2))[1]
            assert receipt["id"] == told["data"]["notification"]["id"]

    async def test_earlier_deadline_where_the_clock_is_put_right(self, stage: Stage) -> None:
        """A hub that started while its clock was behind reports an earlier deadline once the clock is right."""
        async with stage.run() as hub:
            receipt = await publish(hub, within=60)
        stage.wall.now_s -= 86_400.0
        async with stage.run():
            stage.pass_time(61.0)
            stage.wall.now_s += 86_400.0
            (told,) = await stage.wait_webhooks(1)
            assert receipt["id"] == told["data"]["notification"]["id"]

    async def test_earlier_deadline_after_a_clock_was_set_back(self, stage: Stage) -> None:
        """A deadline of an earlier hub is not put off by a wall clock that is set back."""
        async with stage.run() as hub:
            receipt = await publish(hub, within=60)
        async with stage.run():
            stage.wall.now_s -= 86_400.0
            stage.pass_time(61.0)
            (told,) = await stage.wait_webhooks(1)
            assert receipt["id"] == told["data"]["notification"]["id"]


class TestRequests:
    async def test_refused(self, stage: Stage) -> None:
        """A deadline that cannot be, or that is for an account or everyone, is refused by the name of its field."""
        fine = {"within_seconds": 60, "by": "read"}
        cases: list[tuple[dict[str, Any], str]] = [
            ({"confirm": {**fine, "within_seconds": 9}}, "$.confirm.within_seconds"),
            ({"confirm": {**fine, "within_seconds": 604_801}}, "$.confirm.within_seconds"),
            ({"confirm": {**fine, "by": "seen"}}, "$.confirm.by"),
            ({"confirm": {"within_seconds": 60}}, "$.confirm.by"),
            ({"confirm": {"by": "read"}}, "$.confirm.within_seconds"),
            ({"confirm": {**fine, "url": "https://x"}}, "$.confirm.url"),
            ({"confirm": True}, "$.confirm"),
            ({"confirm": fine, "account_id": ACCOUNT}, "$.confirm"),
            ({"confirm": fine, "everyone": True}, "$.confirm"),
            ({"confirm": fine, "ttl_seconds": 59}, "$.confirm.within_seconds"),
        ]
        async with stage.run() as hub:
            for fields, field in cases:
                response = await hub.publish(**fields)
                assert (400, field) == (response.status_code, response.json()["field"]), response.text
                item = {"type": "stock_alert", "title": "t", "message": "m", "user_ids": [USER], **fields}
                if fields.keys() & {"account_id", "everyone"}:
                    del item["user_ids"]
                batch = await hub.post("/api/internal/notify/batch", {"notifications": [item]})
                assert batch.json()["results"][0]["problem"]["field"].startswith("$.notifications[0]")

    async def test_service_without_webhook(self, tmp_path: Path) -> None:
        """A service that nobody tells is warned in its receipt."""
        async with run_hub(tmp_path) as hub:
            receipt = await publish(hub)
        assert ["$.confirm"] == [warning["field"] for warning in receipt["warnings"]]

    async def test_repeat_with_idempotency_key(self, stage: Stage) -> None:
        """A publish that is repeated under its key has one deadline."""
        async with stage.run() as hub:
            body = {"confirm": {"within_seconds": 60, "by": "delivered"}}
            for _ in range(3):
                await hub.publish(headers={"idempotency-key": "one"}, **body)
            stage.pass_time(61.0)
            await stage.wait_webhooks(1)
            assert [] == await confirmed(stage, hub)
        assert 1 == len(stage.endpoint.requests)

    async def test_batch(self, stage: Stage) -> None:
        """Each notification of a batch has its own deadline."""
        async with stage.run() as hub:
            item = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
            deadlines = [{**item, "confirm": {"within_seconds": 60 * n, "by": "delivered"}} for n in (1, 2)]
            await hub.post("/api/internal/notify/batch", {"notifications": [*deadlines, item]})
            stage.pass_time(61.0)
            await stage.wait_webhooks(1)
            stage.pass_time(60.0)
            assert [60, 120] == [body["data"]["within_seconds"] for body in await stage.wait_webhooks(2)]
