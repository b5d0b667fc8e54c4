"""What the hub knows of users is the same at every node: what they read, mute and may not have any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_hubs import DEADLINE_S, run_hubs
from tests.harness import USER, RunningHub, WebSocket


@pytest.fixture
async def hubs(tmp_path: Path) -> AsyncIterator[list[RunningHub]]:
    """Two hubs that know each other."""
    async with run_hubs(tmp_path, "one", "two") as running:
        yield running


async def ask(hub: RunningHub, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Return what a node responds to its user."""
    response = await hub.http.request(method, path, json=body, headers={"authorization": f"Bearer {hub.token()}"})
    assert 200 == response.status_code, response.text
    found: dict[str, Any] = response.json()
    return found


async def wait_inbox(hub: RunningHub, expected: Mapping[str, tuple[bool, bool]]) -> None:
    """Wait until a node's inbox of the user says this of read and archived, by message."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            pages = [await ask(hub, "GET", f"/api/inbox?archived={each}") for each in ("false", "true")]
            shown = {
                each["message"]: (each["read"], each["archived"]) for page in pages for each in page["notifications"]
            }
            unread = sum(flags == (False, False) for flags in expected.values())
            if (expected, unread) == (shown, pages[0]["unread"]):
                return
            await asyncio.sleep(0.02)


async def wait_type(client: WebSocket, kind: str) -> dict[str, Any]:
    """Return the next frame, which is of this type."""
    frame = await client.frame()
    assert kind == frame["type"], frame
    return frame


async def test_what_a_user_does_at_one_node_is_known_at_the_other(
    hubs: list[RunningHub], caplog: pytest.LogCaptureFixture
) -> None:
    """Inbox, preferences and erasure: one start of two hubs shows all of it, and no node has anything to report."""
    for check in (check_inbox, check_preferences, check_erasure):
        await check(hubs)
    assert [] == [record.message for record in caplog.records if record.levelname == "ERROR"]


async def check_inbox(hubs: list[RunningHub]) -> None:
    """A change reaches the devices at both nodes with one cursor, and changes at both at one time agree in the end."""
    first, second = hubs
    async with first.websocket() as here, second.websocket() as there:
        ids = {}
        for message in ("a", "b", "c"):
            ids[message] = (await first.publish(message=message)).json()["id"]
            assert [message] * 2 == [(await client.frame())["message"] for client in (here, there)]
        await ask(second, "POST", "/api/inbox", {"read": [ids["a"]]})
        frames = [await wait_type(client, "inbox") for client in (here, there)]
        assert ([ids["a"]], 2) == (frames[0]["read"], frames[0]["unread_count"])
        assert frames[0] == frames[1]
        changes: list[tuple[RunningHub, dict[str, object]]] = [
            (first, {"archive": [ids["b"]]}),
            (second, {"read": [ids["b"], ids["c"]]}),
            (first, {"read_until": (await ask(first, "GET", "/api/inbox"))["cursor"]}),
            (second, {"archive": [ids["b"]]}),
        ]
        await asyncio.gather(*(ask(hub, "POST", "/api/inbox", change) for hub, change in changes))
    for hub in hubs:
        await wait_inbox(hub, {"a": (True, False), "b": (True, True), "c": (True, False)})


async def check_preferences(hubs: list[RunningHub]) -> None:
    """A type that a user mutes at one node reaches no device at the other, which is told so."""
    first, second = hubs
    async with second.websocket() as there:
        await ask(first, "PUT", "/api/preferences", {"muted": ["stock_alert"]})
        assert ["stock_alert"] == (await wait_type(there, "preferences"))["muted"]
        await first.publish(message="muted")
        await first.publish(type="order_created", message="wanted")
        assert "wanted" == (await there.frame())["message"]
    assert ["stock_alert"] == (await ask(second, "GET", "/api/preferences"))["muted"]


async def check_erasure(hubs: list[RunningHub]) -> None:
    """A page that is open at the other node is told what has gone; the inbox is empty there, and nothing is muted."""
    first, second = hubs
    async with second.websocket() as there:
        receipt = (await first.post("/api/internal/forget", {"user_id": USER})).json()
        removed = (await wait_type(there, "inbox"))["removed"]
        assert receipt["records"] >= len(removed) >= 5, (receipt, removed)
        assert 4000 == await there.wait_closed()
    for hub in hubs:
        await wait_inbox(hub, {})
        assert [] == (await ask(hub, "GET", "/api/preferences"))["muted"]
    async with second.websocket() as there:
        await first.publish(message="after")
        assert "after" == (await there.frame())["message"]
