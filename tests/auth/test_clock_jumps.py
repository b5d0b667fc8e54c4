"""A hub whose clock jumps ahead and comes back, with a restart in between or without: nobody gets access by it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from hub.auth.grant import token_digest
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

AHEAD_S = 30 * 86_400.0
SECRET = "Zx9-k2Lq7Vt4Wm1Rb8Ny5Hc3Jd6Pf0Gs"

Step = Callable[[RunningHub], Awaitable[None]]


async def jump(folder: Path, before: Step, ahead: Step, after: Step, *, restart: bool) -> None:
    """Run the steps in a hub whose clock is right, a month ahead, and right again."""
    shift_s = 0.0

    def now() -> float:
        return time.time() + shift_s

    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(run_hub(folder, now=now, jwt_secret=SECRET))
        for step, ahead_s in ((before, 0.0), (ahead, AHEAD_S), (after, 0.0)):
            shift_s = ahead_s
            if restart and step is not before:
                await stack.aclose()
                hub = await stack.enter_async_context(run_hub(folder, now=now, jwt_secret=SECRET))
            await step(hub)


async def status(hub: RunningHub, token: str) -> int:
    """Return what the hub answers to a client that polls with this token."""
    return (await hub.http.get("/poll", params={"token": token})).status_code


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("named", ["user", "account", "token"])
async def test_a_revocation_outlives_a_jump_ahead_and_back(tmp_path: Path, named: str, restart: bool) -> None:
    """A token that was revoked is refused when the clock is back, whatever the hub did while it was ahead."""
    token = ""

    async def revoke(hub: RunningHub) -> None:
        nonlocal token
        token = hub.token(ttl_s=6 * 86_400)
        assert 200 == await status(hub, token)
        body = {
            "user": {"user_id": USER, "account_id": ACCOUNT},
            "account": {"account_id": ACCOUNT},
            "token": {"token": token_digest(token)},
        }[named]
        answer = await hub.post("/api/internal/disconnect", {**body, "revoke": True})
        assert answer.json()["revoked"]
        assert 401 == await status(hub, token)

    async def go_on(hub: RunningHub) -> None:
        assert 401 == await status(hub, token)
        # What else is revoked while the clock is ahead must not push this one out.
        other = {"user_id": "somebody", "account_id": ACCOUNT, "revoke": True}
        assert 200 == (await hub.post("/api/internal/disconnect", other)).status_code
        assert 202 == (await hub.publish()).status_code

    async def come_back(hub: RunningHub) -> None:
        assert 401 == await status(hub, token)

    await jump(tmp_path, revoke, go_on, come_back, restart=restart)


@pytest.mark.parametrize("restart", [False, True])
async def test_an_idempotency_key_outlives_a_jump_ahead_and_back(tmp_path: Path, restart: bool) -> None:
    """A publish that is repeated while the clock is ahead, or when it is back, makes no second notification."""
    first = ""

    async def publish(hub: RunningHub) -> None:
        nonlocal first
        first = (await hub.publish(headers={"idempotency-key": "order-1"})).json()["id"]

    async def repeat(hub: RunningHub) -> None:
        again = (await hub.publish(headers={"idempotency-key": "order-1"})).json()
        assert (first, True) == (again["id"], again["duplicate"])

    await jump(tmp_path, publish, repeat, repeat, restart=restart)


async def test_a_ticket_does_not_come_back_with_the_clock(tmp_path: Path) -> None:
    """A ticket that ended because the clock was ahead, or was used then, is worth nothing when it is back."""
    ticket = ""

    async def ask(hub: RunningHub) -> None:
        nonlocal ticket
        answer = await hub.http.post("/api/ticket", headers={"authorization": f"Bearer {hub.token(ttl_s=6 * 86_400)}"})
        ticket = answer.json()["ticket"]

    async def use(hub: RunningHub) -> None:
        assert 401 == await status(hub, ticket)

    await jump(tmp_path, ask, use, use, restart=False)
