"""A hub with Web Push, and what a test does with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from hub.bounds import Bounds
from hub.push.opening import Push
from hub.push.vapid import make_key_file
from tests.harness import USER, RunningHub
from tests.push.browser import Browser

__all__ = ["OTHER", "SUBJECT", "ask", "make_push_settings", "push_of", "subscribe", "wait_outcomes"]

OTHER = "00000000272"
SUBJECT = "mailto:ops@example.com"


def make_push_settings(folder: Path, **bounds: Any) -> dict[str, Any]:
    """Return what turns Web Push on, with push services on this machine and without long waits."""
    key = folder / "push.pem"
    if not key.exists():
        make_key_file(key)
    return {
        "push_key_file": key,
        "push_subject": SUBJECT,
        "push_allow_private": True,
        "push_after_s": 0.0,
        "bounds": Bounds(**{"push_tick_s": 0.02, "push_backoff_base_s": 0.1, **bounds}),
    }


def push_of(hub: RunningHub) -> Push:
    """Return the hub's Web Push, for what no client can see."""
    assert hub.hub.push is not None
    return hub.hub.push


async def ask(hub: RunningHub, method: str, body: object = None, *, user_id: str = USER) -> httpx.Response:
    """Send a request of a user's to `/api/push`."""
    headers = {"authorization": f"Bearer {hub.token(user_id)}"}
    return await hub.http.request(method, "/api/push", json=body, headers=headers)


async def subscribe(hub: RunningHub, browser: Browser, *, user_id: str = USER) -> None:
    """Let a browser tell the hub of its subscription."""
    response = await ask(hub, "PUT", browser.subscription(), user_id=user_id)
    assert 204 == response.status_code, response.text


async def wait_outcomes(hub: RunningHub, **expected: int) -> None:
    """Wait until messages have ended like this, and no other way."""
    push = hub.hub.metrics.push
    await hub.wait_until(lambda: sum(push.values()) >= sum(expected.values()))
    assert expected == dict(push)
