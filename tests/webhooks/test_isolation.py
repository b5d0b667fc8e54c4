"""Several services: what one's endpoint does is nothing to another's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hub.bounds import Bounds
from tests.attacks.identity import write_keys
from tests.deadlines.stage import SECRET, Stage
from tests.harness import ACCOUNT, RunningHub
from tests.outbound.endpoint import Received, open_endpoint, respond_with

#: An attempt that gets no response lasts longer than the test.
BOUNDS = Bounds(webhook_look_s=0.02, outbound_timeout_s=600.0, webhook_claim_s=700.0)
DEAD, ALIVE = 40, 20


async def publish(hub: RunningHub, key: str, number: int) -> None:
    """Publish a batch of one service's, with deadlines."""
    item = {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT, "user_id": "u"}
    items = [{**item, "confirm": {"within_seconds": 10, "by": "read"}}] * number
    headers = {"authorization": f"Bearer {key}"}
    response = await hub.post("/api/internal/notify/batch", {"notifications": items}, headers=headers)
    assert all("receipt" in result for result in response.json()["results"]), response.text


@pytest.mark.parametrize("shares_host", [False, True], ids=["own host", "same host"])
async def test_dead_endpoint_delays_nobody_elses(tmp_path: Path, shares_host: bool) -> None:
    """While one endpoint responds to nothing, another service's webhooks all come, on the same host, too."""
    taken: list[Received] = []
    dead_has_come = asyncio.Event()

    async def respond(received: Received, writer: asyncio.StreamWriter) -> None:
        if received.target == "/dead":
            dead_has_come.set()
            await asyncio.Event().wait()
        taken.append(received)
        await respond_with(204, keep=True)(received, writer)

    async with open_endpoint(respond) as one, open_endpoint(respond) as other:
        ports = {"dead": one.port, "alive": one.port if shares_host else other.port}
        webhooks = {
            name: {"url": f"http://127.0.0.1:{port}/{name}", "secret": SECRET, "allow_private": True}
            for name, port in ports.items()
        }
        path = tmp_path / "services.json"
        keys = write_keys(path, {name: {"webhook": webhook} for name, webhook in webhooks.items()})
        stage = Stage(tmp_path, one)
        async with stage.run(bounds=BOUNDS, service_keys_file=path) as hub:
            await publish(hub, keys["dead"], DEAD)
            stage.pass_time(11.0)
            await dead_has_come.wait()
            await publish(hub, keys["alive"], ALIVE)
            stage.pass_time(11.0)
            await hub.wait_until(lambda: len(taken) == ALIVE)
            assert {"/alive"} == {received.target for received in taken}
            # Every attempt to the dead one is still under way, and there are not more than it may have.
            attempts = [received for received in (*one.requests, *other.requests) if received.target == "/dead"]
            assert 1 <= len(attempts) <= BOUNDS.webhook_attempts
            assert 0 == sum(
                hub.hub.metrics.webhook_attempts["dead", outcome] for outcome in ("delivered", "failed", "dead")
            )
