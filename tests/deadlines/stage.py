"""A hub whose clocks a test sets, with a service whose endpoint is the tests' own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from hub.bounds import Bounds
from hub.deadlines.deadline import DEADLINES
from hub.webhooks.webhook import due_owner
from tests.fakes import NOW_S, FakeClock
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, WebSocket, run_hub
from tests.outbound.endpoint import Endpoint

__all__ = ["BOUNDS", "SECRET", "Stage", "confirmed", "publish", "settle", "token"]

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BOTH = ["notification.unconfirmed", "notification.confirmed"]
#: What looks often, since the clocks of these tests are set by hand.
BOUNDS = Bounds(webhook_look_s=0.02)


class Stage:
    """A hub whose clocks stand still, and its service's endpoint."""

    def __init__(self, folder: Path, endpoint: Endpoint) -> None:
        self.folder = folder
        self.endpoint = endpoint
        self.wall = FakeClock()
        self.monotonic = FakeClock(1000.0)
        self.events = BOTH

    def pass_time(self, seconds: float) -> None:
        """Let time pass, for every clock."""
        self.wall.now_s += seconds
        self.monotonic.now_s += seconds

    def settings(self) -> dict[str, Any]:
        """Return what a hub with these clocks and this endpoint is run with."""
        url = f"http://127.0.0.1:{self.endpoint.port}/hooks"
        webhook: dict[str, object] = {"url": url, "secret": SECRET, "events": self.events, "allow_private": True}
        return {
            "now": self.wall,
            "monotonic": self.monotonic,
            "webhook": webhook,
            "bounds": BOUNDS,
            "jwt_secret": "s" * 64,
            "jwt_max_lifetime_s": 31_536_000,
        }

    @contextlib.asynccontextmanager
    async def run(self, **changes: Any) -> AsyncIterator[RunningHub]:
        """Run the hub; a later run goes on with the same log."""
        async with run_hub(self.folder, **{**self.settings(), **changes}) as hub:
            yield hub

    async def wait_webhooks(self, number: int) -> list[dict[str, Any]]:
        """Return the bodies of what came, whose signatures are verified."""
        bodies = []
        for received in await self.endpoint.wait_requests(number):
            # The time stands still here, so only the signature is looked at.
            fields = received.fields
            moment = datetime.fromtimestamp(int(fields["webhook-timestamp"]), UTC)
            signed = Webhook(SECRET).sign(fields["webhook-id"], moment, received.body.decode())
            assert signed == fields["webhook-signature"]
            bodies.append(json.loads(received.body))
        return bodies


def token(hub: RunningHub, user: str = USER) -> str:
    """Return a token for the time of these tests' clocks."""
    return hub.token(user, iat=NOW_S, exp=NOW_S + 30 * 86_400)


async def publish(hub: RunningHub, by: str = "delivered", within: int = 60, **fields: Any) -> dict[str, Any]:
    """Publish with a deadline; return the receipt."""
    named: dict[str, Any] = {"account_id": ACCOUNT} if fields.keys() & {"user_id", "user_ids"} else {}
    response = await hub.publish(confirm={"within_seconds": within, "by": by}, **named, **fields)
    assert 202 == response.status_code, response.text
    receipt: dict[str, Any] = response.json()
    return receipt


async def settle(hub: RunningHub, client: WebSocket, user: str = USER) -> None:
    """Return when the hub has read everything that a client has sent."""
    await client.connection.send(json.dumps({"type": "auth", "token": token(hub, user)}))
    while (await client.frame())["type"] != "auth_accepted":
        pass


async def confirmed(stage: Stage, hub: RunningHub) -> list[str]:
    """Return the ids whose confirmation the service was told of, after every deadline has ended."""
    await hub.wait_until(lambda: not hub.hub.deadlines._acknowledged)
    stage.pass_time(3600.0)
    async with asyncio.timeout(DEADLINE_S):
        for owner in (DEADLINES, due_owner("tests")):
            while await hub.hub.log.list_state(owner, limit=1):
                await asyncio.sleep(0.01)
    bodies = await stage.wait_webhooks(0)
    return [body["data"]["notification"]["id"] for body in bodies if body["type"] == "notification.confirmed"]
