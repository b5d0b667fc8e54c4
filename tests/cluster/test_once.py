"""What a cluster does once: webhooks, deadlines and Web Push, at whichever node the publish and the client are."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.bounds import Bounds
from hub.deadlines.deadline import DEADLINES
from hub.webhooks.webhook import due_owner
from tests.cluster.test_hubs import DEADLINE_S, run_hubs
from tests.deadlines.stage import BOUNDS, Stage, publish, settle, token
from tests.harness import RunningHub
from tests.outbound.endpoint import open_endpoint, respond_with
from tests.push.browser import AUTHORITY, open_push_service
from tests.push.harness import make_push_settings, push_of, subscribe

QUICK: dict[str, Any] = {"node_beacon_s": 0.1, "node_presence_s": 0.2, "node_name_s": 0.1, "lease_look_s": 0.1}


@contextlib.asynccontextmanager
async def run_stage(folder: Path) -> AsyncIterator[tuple[Stage, list[RunningHub]]]:
    """Run two hubs whose clocks a test sets, with a service whose endpoint is the tests' own."""
    async with open_endpoint(respond_with(200)) as endpoint:
        stage = Stage(folder, endpoint)
        changes = {**stage.settings(), "bounds": Bounds(**QUICK, webhook_look_s=BOUNDS.webhook_look_s)}
        async with run_hubs(folder, "one", "two", **changes) as hubs:
            yield stage, hubs


async def wait_ended(hubs: list[RunningHub]) -> None:
    """Return once no node has a deadline or a webhook that is still open."""
    async with asyncio.timeout(DEADLINE_S):
        for hub in hubs:
            for owner in (DEADLINES, due_owner("tests")):
                while await hub.hub.log.list_state(owner, limit=1):
                    await asyncio.sleep(0.02)


async def test_a_deadline_has_one_outcome_and_one_webhook(tmp_path: Path) -> None:
    """Both nodes find that it is over, and one tells; what a client acknowledges at the other node is confirmed."""
    async with run_stage(tmp_path) as (stage, hubs):
        first, second = hubs
        async with second.websocket(token(second)) as client:
            lost = await publish(first)
            await client.frame()
            stage.pass_time(61.0)
            await stage.endpoint.wait_requests(1)
            await wait_ended(hubs)
            taken = await publish(first)
            cursor = (await client.frame())["cursor"]
            await client.connection.send(json.dumps({"type": "ack", "cursor": cursor}))
            await settle(second, client)
            await stage.endpoint.wait_requests(2)
            await wait_ended(hubs)
    told = [json.loads(each.body) for each in stage.endpoint.requests]
    assert [("notification.unconfirmed", lost["id"]), ("notification.confirmed", taken["id"])] == [
        (each["type"], each["data"]["notification"]["id"]) for each in told
    ]


@pytest.mark.parametrize("how", ["event stream", "return", "poll"])
async def test_an_acknowledgement_counts_at_whichever_node_it_comes(tmp_path: Path, how: str) -> None:
    """A proxy sends each request anywhere: what one node handed over, a client acknowledges at the other."""
    async with run_stage(tmp_path) as (stage, hubs):
        first, second = hubs
        headers = {"authorization": f"Bearer {token(second)}"}
        before = (await second.http.get("/poll", headers=headers)).json()["cursor"]
        if how == "event stream":
            async with first.events(token(first)) as stream:
                await publish(second)
                cursor = (await stream.frame())["cursor"]
                response = await second.http.post("/api/ack", json={"cursor": cursor}, headers=headers)
                assert 204 == response.status_code
        elif how == "return":
            async with first.websocket(token(first)) as client:
                await publish(second)
                cursor = (await client.frame())["cursor"]
            async with second.websocket(token(second), cursor=cursor):
                pass
        else:
            await publish(second)
            page = (await first.http.get("/poll", params={"cursor": before}, headers=headers)).json()
            while not page["frames"]:
                page = (await first.http.get("/poll", params={"cursor": before}, headers=headers)).json()
            await second.http.get("/poll", params={"cursor": page["cursor"]}, headers=headers)
        (told,) = await stage.wait_webhooks(1)
        assert "notification.confirmed" == told["type"]


async def test_one_node_pushes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser that subscribed at one node gets one message of a notification published at the other.

    What its user reads at a node that does not push is not pushed any more.
    """
    trusted = tmp_path / "authority.pem"
    trusted.write_bytes(AUTHORITY.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    async with open_push_service() as service:
        changes = make_push_settings(tmp_path, **QUICK)
        async with run_hubs(tmp_path, "one", "two", **changes) as hubs:
            for number, (there, here) in enumerate((hubs, hubs[::-1]), start=1):
                if number == 1:
                    await subscribe(there, service.subscribe())
                assert 202 == (await here.publish(type="order_created")).status_code
                outcomes: Counter[str] = Counter()
                async with asyncio.timeout(DEADLINE_S):
                    while sum(outcomes.values()) < number:
                        await asyncio.sleep(0.02)
                        outcomes = Counter()
                        for hub in hubs:
                            outcomes.update(hub.hub.metrics.push)
                assert {"sent": number} == dict(outcomes)
            assert 2 == len(service.endpoint.requests)
            service.retry_after, service.status_of = "1", lambda _: 503
            receipt = (await hubs[0].publish(type="order_created")).json()
            async with asyncio.timeout(DEADLINE_S):
                while not any(len(push_of(hub).pusher.waiting) for hub in hubs):
                    await asyncio.sleep(0.02)
            (other,) = [hub for hub in hubs if not len(push_of(hub).pusher.waiting)]
            response = await other.http.post(
                "/api/inbox", json={"read": [receipt["id"]]}, headers={"authorization": f"Bearer {other.token()}"}
            )
            assert 200 == response.status_code
            async with asyncio.timeout(DEADLINE_S):
                while not any(hub.hub.metrics.push["read"] for hub in hubs):
                    await asyncio.sleep(0.02)
            assert 2 == sum(hub.hub.metrics.push["sent"] for hub in hubs)
