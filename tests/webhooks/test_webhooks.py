"""Webhooks of a running hub, to endpoints that fail, hang, redirect and lie."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks import Webhook

from hub.bounds import Bounds
from hub.deadlines.deadline import DEADLINES
from hub.log.port import Change
from hub.webhooks.record import draft_changes
from tests.deadlines.stage import SECRET, Stage, publish
from tests.harness import DEADLINE_S, USER, RunningHub
from tests.operator_lines import Lines, check_lines
from tests.outbound.endpoint import Received, open_endpoint, respond_with

#: What an operator finds in the log.
WEBHOOK_EVENTS = {"webhook_failed", "webhook_dead", "deadline_unreadable"}
QUICK = Bounds(webhook_look_s=0.02, outbound_timeout_s=0.4, webhook_count_s=0.02)


async def hang(received: Received, writer: asyncio.StreamWriter) -> None:
    """Respond nothing."""
    await asyncio.Event().wait()


async def list_webhooks(hub: RunningHub, state: str) -> list[dict[str, Any]]:
    """Return what an operator sees."""
    response = await hub.http.get("/api/internal/webhooks", params={"state": state}, headers=hub.headers())
    assert 200 == response.status_code, response.text
    found: list[dict[str, Any]] = response.json()["webhooks"]
    return found


async def wait_state(hub: RunningHub, state: str, attempts: int = 0) -> dict[str, Any]:
    """Return the only webhook of this state, once it was tried this often and is not being tried."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for found in await list_webhooks(hub, state):
                outcomes = [each["outcome"] for each in found["last_attempts"]]
                if found["attempts"] >= attempts and "started" not in outcomes:
                    return found
            await asyncio.sleep(0.02)


async def test_endpoint_that_fails(stage: Stage) -> None:
    """Whatever an endpoint does, one webhook is sent again under one id with one body until it is taken."""
    async with open_endpoint(respond_with(200)) as elsewhere:
        behaviours = [
            respond_with(500),
            respond_with(302, b"", f"Location: http://127.0.0.1:{elsewhere.port}/"),
            hang,
            respond_with(404, b"x" * 100_000),
            respond_with(429, b"", "Retry-After: 30"),
        ]
        stage.endpoint.respond = behaviours[0]
        async with stage.run(bounds=QUICK) as hub:
            await publish(hub, within=10)
            stage.pass_time(11.0)
            for number, _ in enumerate(behaviours, 1):
                await wait_state(hub, "waiting", number)
                stage.endpoint.respond = [*behaviours, respond_with(204)][number]
                stage.pass_time(3600.0)
            await stage.endpoint.wait_requests(6)
            await hub.wait_until(lambda: hub.hub.metrics.webhook_attempts["tests", "delivered"] == 1)
            assert [] == await list_webhooks(hub, "waiting")
        assert 0 == elsewhere.connections
    requests = stage.endpoint.requests
    assert (1, 1) == (len({each.fields["webhook-id"] for each in requests}), len({each.body for each in requests}))
    # Each attempt was made when it was due, and none before.
    assert 6 == len(requests) == len({each.fields["webhook-timestamp"] for each in requests})


async def test_dead_letter(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """After a day it is a dead letter, which an operator sees and repeats; lines and metrics say so, without ids."""
    caplog.set_level(logging.INFO, logger="hub")
    stage.endpoint.respond = respond_with(503)
    async with stage.run(bounds=QUICK) as hub:
        receipt = await publish(hub, within=10)
        stage.pass_time(11.0)
        await wait_state(hub, "waiting", 1)
        stage.pass_time(90_000.0)
        dead = await wait_state(hub, "dead")
        assert (receipt["id"], USER, "tests") == (dead["notification_id"], dead["user"]["user_id"], dead["service"])
        await hub.wait_until(lambda: hub.hub.metrics.webhooks.get(("tests", "dead")) == 1)
        metrics = (await hub.http.get("/metrics", headers=hub.headers())).text
        assert 'hub_webhooks{service="tests",state="dead"} 1.0' in metrics
        assert 'hub_webhook_attempts_total{outcome="dead",service="tests"} 1.0' in metrics
        stage.endpoint.respond = respond_with(200)
        path = f"/api/internal/webhooks/{dead['id']}/repeat"
        assert 202 == (await hub.post(path, {})).status_code
        await hub.wait_until(lambda: hub.hub.metrics.webhook_attempts["tests", "delivered"] == 1)
        assert 404 == (await hub.post(path, {})).status_code
        assert 404 == (await hub.post("/api/internal/webhooks/msg_none/repeat", {})).status_code
        await hub.wait_until(lambda: hub.hub.metrics.webhooks.get(("tests", "dead")) == 0)
    check_lines(Lines(caplog), WEBHOOK_EVENTS - {"deadline_unreadable"}, ids=[USER])
    assert "/hooks" not in caplog.text
    assert str(stage.endpoint.port) not in caplog.text


async def test_unreadable_deadline(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    """A deadline that another version wrote is passed over, with a line, and holds no other up."""
    async with stage.run(bounds=QUICK) as hub:
        odd = (Change(DEADLINES, f"{round(stage.wall.now_s * 1000):015d}odd", b'{"future":1}'),)
        await hub.hub.log.append([draft_changes(odd, key="odd")])
        receipt = await publish(hub, within=10)
        stage.pass_time(11.0)
        (told,) = await stage.wait_webhooks(1)
        assert receipt["id"] == told["data"]["notification"]["id"]
    check_lines(Lines(caplog), ["deadline_unreadable"], ids=[USER])


async def test_endpoint_that_is_gone(stage: Stage) -> None:
    """410 makes it a dead letter at once."""
    stage.endpoint.respond = respond_with(410)
    async with stage.run(bounds=QUICK) as hub:
        await publish(hub, within=10)
        stage.pass_time(11.0)
        assert 1 == (await wait_state(hub, "dead"))["attempts"]


async def test_attempt_that_a_hub_did_not_end(stage: Stage) -> None:
    """What a hub was trying when it ended is tried again by the next one, after a minute, under the same id."""
    stage.endpoint.respond = hang
    bounds = msgspec.structs.replace(QUICK, outbound_timeout_s=60.0)
    async with stage.run(bounds=bounds) as hub:
        await publish(hub, within=10)
        stage.pass_time(11.0)
        await stage.endpoint.wait_requests(1)
    stage.endpoint.respond = respond_with(204)
    async with stage.run(bounds=bounds) as hub:
        (waiting,) = await list_webhooks(hub, "waiting")
        assert ["started"] == [each["outcome"] for each in waiting["last_attempts"]]
        stage.pass_time(59.0)
        assert 1 == len(stage.endpoint.requests)
        stage.pass_time(2.0)
        first, second = await stage.endpoint.wait_requests(2)
    assert (first.fields["webhook-id"], first.body) == (second.fields["webhook-id"], second.body)


async def test_claimed_by_another_node_since(stage: Stage) -> None:
    """A webhook that is not due any more when it is looked at costs the log no record."""
    stage.endpoint.respond = respond_with(500)
    async with stage.run(bounds=QUICK) as hub:
        await publish(hub, within=10)
        stage.pass_time(11.0)
        async with asyncio.timeout(DEADLINE_S):
            # The attempt has ended, so nothing else is written.
            while "500" != (waiting := await wait_state(hub, "waiting", 1))["last_attempts"][-1]["outcome"]:
                await asyncio.sleep(0.01)
        head = hub.hub.log.head
        assert await hub.hub.webhooks._senders["tests"]._claim(waiting["id"], 1) is None
        assert head == hub.hub.log.head


async def test_private_address(stage: Stage) -> None:
    """A name that leads to this machine is not connected to where private addresses are not allowed."""
    async with stage.run(bounds=QUICK) as hub:
        # What the key file cannot show before the name is resolved.
        sender = hub.hub.webhooks._senders["tests"]
        client = hub.hub.webhooks._clients["tests"]
        client._allow_private = False
        client._connector._allow_private = False
        sender._endpoint = msgspec.structs.replace(sender._endpoint, url=f"https://localhost:{stage.endpoint.port}/")
        await publish(hub, within=10)
        stage.pass_time(11.0)
        waiting = await wait_state(hub, "waiting", 1)
        assert ["address"] == [each["outcome"] for each in waiting["last_attempts"]]
    assert 0 == stage.endpoint.connections


async def test_trace(stage: Stage) -> None:
    """`hub trace` has what was awaited, who confirmed and who did not, and each attempt of the webhook."""
    stage.endpoint.respond = respond_with(500)
    async with stage.run(bounds=QUICK) as hub:
        receipt = await publish(hub, within=60, by="read", user_ids=["one", "two"])
        before = await trace(hub, receipt["id"])
        assert ["one", "two"] == sorted(each["user"]["user_id"] for each in before["awaited"])
        assert [[], [], [], []] == [before[step] for step in ("acknowledged", "read", "escalated", "webhooks")]
        token = hub.token("one", iat=stage.wall.now_s, exp=stage.wall.now_s + 86_400)
        headers = {"authorization": f"Bearer {token}"}
        await hub.http.post("/api/inbox", json={"read": [receipt["id"]]}, headers=headers)
        stage.pass_time(61.0)
        await wait_state(hub, "waiting", 1)
        after = await trace(hub, receipt["id"])
        assert ["one"] == [each["user"]["user_id"] for each in after["read"]]
        assert [("two", "read")] == [(each["user"]["user_id"], each["by"]) for each in after["escalated"]]
        outcomes = [[each["outcome"] for each in webhook["last_attempts"]] for webhook in after["webhooks"]]
        assert ["500"] in outcomes
        assert [] == [each["step"] for each in after["unknown"] if each["step"] in {"read", "escalated", "webhooks"}]
        plain = (await hub.publish()).json()
        unknown = {each["step"] for each in (await trace(hub, plain["id"]))["unknown"]}
        assert {"acknowledged", "read", "escalated", "webhooks"} <= unknown


async def trace(hub: RunningHub, notification_id: str) -> dict[str, Any]:
    """Return the trace of a notification."""
    response = await hub.http.get(f"/api/internal/notifications/{notification_id}", headers=hub.headers())
    found: dict[str, Any] = response.json()
    return found


async def test_replay_is_noticed(stage: Stage) -> None:
    """A request that is sent again later, or changed, does not verify: its time and body are signed."""
    async with stage.run() as hub:
        await publish(hub, within=10)
        stage.pass_time(11.0)
        (received,) = await stage.endpoint.wait_requests(1)
    fields, body = received.fields, received.body.decode()
    moment = datetime.fromtimestamp(int(fields["webhook-timestamp"]), UTC)
    signer = Webhook(SECRET)
    assert fields["webhook-signature"] == signer.sign(fields["webhook-id"], moment, body)
    later = datetime.fromtimestamp(int(fields["webhook-timestamp"]) + 1, UTC)
    for changed in (
        signer.sign(fields["webhook-id"], later, body),
        signer.sign("msg_other", moment, body),
        signer.sign(fields["webhook-id"], moment, body.replace("read", "x").replace("delivered", "y")),
        Webhook("whsec_" + "A" * 44).sign(fields["webhook-id"], moment, body),
    ):
        assert changed != fields["webhook-signature"]
    assert json.loads(body)["type"] == "notification.unconfirmed"
