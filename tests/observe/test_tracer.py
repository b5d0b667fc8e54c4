"""What `GET /api/internal/notifications/{id}` says, against a running hub."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from hub.bounds import Bounds
from tests.attacks.identity import write_keys
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

OTHER_ACCOUNT = "98765432000110"
KEYS: dict[str, dict[str, object]] = {
    "full": {"everyone": True, "operations": ["publish", "observe", "observe_ids"]},
    "masked": {"operations": ["observe"]},
    "bound": {"accounts": [ACCOUNT], "operations": ["observe"]},
}
#: What no hub of this version records; never answered as if it had not happened.
NEVER = {"pushed", "acknowledged", "read", "escalated", "webhooks"}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """Run a hub."""
    async with run_hub(tmp_path) as running:
        yield running


async def trace(hub: RunningHub, receipt: dict[str, Any], *, searched: bool = True) -> Any:
    """Return the trace of what this receipt is of."""
    params = {} if searched else {"cursor": receipt["cursor"]}
    answer = await hub.http.get(f"/api/internal/notifications/{receipt['id']}", params=params, headers=hub.headers())
    assert 200 == answer.status_code, answer.text
    return answer.json()


async def publish(hub: RunningHub, **fields: Any) -> dict[str, Any]:
    """Publish, and return the receipt once it was dispatched."""
    answer = await hub.publish(**fields)
    assert 202 == answer.status_code, answer.text
    head = hub.hub.log.head
    await hub.wait_until(lambda: hub.hub.delivery.progress.position >= head)
    receipt: dict[str, Any] = answer.json()
    return receipt


def unknown(told: Any) -> set[str]:
    """Return the steps that the trace says nothing about."""
    return {each["step"] for each in told["unknown"]}


async def test_live_and_replayed(hub: RunningHub) -> None:
    """A trace counts the live connections by transport, those that resumed, and the pages of a poll."""
    async with hub.websocket() as websocket, hub.websocket(), hub.events():
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 3)
        start = websocket.hello["data"]["cursor"]
        receipt = await publish(hub)
        await websocket.frame()
    async with hub.websocket(cursor=start) as again:
        await again.frame()
    polled = await hub.http.get("/poll", params={"cursor": start}, headers={"authorization": f"Bearer {hub.token()}"})
    assert 1 == len(polled.json()["frames"])
    for searched in (True, False):
        told = await trace(hub, receipt, searched=searched)
        assert {"websocket": 2, "sse": 1, "durable_streams": 0, "deferred": 0, "expired": False} == told["dispatched"]
        assert {"connections": 1, "polls": 1} == told["replayed"]
        assert ("tests", receipt["cursor"], 1) == (
            told["accepted"]["service"],
            told["stored"]["cursor"],
            told["stored"]["position"],
        )
        assert told["accepted"]["at"] <= told["stored"]["at"]
        assert [{"kind": "user", "account_id": ACCOUNT, "user_id": USER}] == told["targets"]
        assert NEVER == unknown(told)


async def test_nobody_was_there(hub: RunningHub) -> None:
    """That nobody was connected is told as such, and not as unknown."""
    told = await trace(hub, await publish(hub))
    assert {"websocket": 0, "sse": 0, "durable_streams": 0, "deferred": 0, "expired": False} == told["dispatched"]
    assert {"connections": 0, "polls": 0} == told["replayed"]


async def test_batch(hub: RunningHub) -> None:
    """Each notification of a batch has its own trace."""
    batch = [{"type": "stock_alert", "title": str(n), "message": "m", "account_id": ACCOUNT} for n in range(3)]
    answer = await hub.post("/api/internal/notify/batch", {"notifications": batch})
    receipts = [result["receipt"] for result in answer.json()["results"]]
    assert [1, 2, 3] == [(await trace(hub, receipt))["stored"]["position"] for receipt in receipts]


async def test_expired(tmp_path: Path) -> None:
    """A notification past its time is found, and said to be expired."""
    now_s = [1_790_000_000.0]
    async with run_hub(tmp_path, now=lambda: now_s[0]) as hub:
        receipt = await publish(hub, ttl_seconds=60)
        assert not (await trace(hub, receipt))["expired"]
        now_s[0] += 61
        told = await trace(hub, receipt)
    assert (True, "2026-09-21T14:14:20.000Z") == (told["expired"], told["expires_at"])


async def test_restart(tmp_path: Path) -> None:
    """After a restart the log's part is told, and the rest is said to be unknown; a later replay counts."""
    async with run_hub(tmp_path) as hub, hub.websocket() as client:
        start = client.hello["data"]["cursor"]
        receipt = await publish(hub)
    async with run_hub(tmp_path) as hub:
        told = await trace(hub, receipt)
        assert ({"accepted", "dispatched"} | NEVER, 1) == (unknown(told), told["stored"]["position"])
        assert not {"accepted", "dispatched"} & told.keys()
        assert {"connections": 0, "polls": 0} == told["replayed"]
        async with hub.websocket(cursor=start) as client:
            await client.frame()
        assert {"connections": 1, "polls": 0} == (await trace(hub, receipt))["replayed"]


async def test_counts_of_old_ones_are_unknown(tmp_path: Path) -> None:
    """A notification whose counts gave way to newer ones is told from the log alone, and never as if nothing was."""
    async with run_hub(tmp_path, bounds=Bounds(counted_notifications=2)) as hub:
        receipts = [await publish(hub, title=str(number)) for number in range(4)]
        traces = [await trace(hub, receipt) for receipt in receipts]
    assert [{"accepted", "dispatched", "replayed"} | NEVER] * 2 + [NEVER] * 2 == list(map(unknown, traces))
    assert [1, 2, 3, 4] == [told["stored"]["position"] for told in traces]


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[tuple[RunningHub, dict[str, str]]]:
    """Run a hub whose keys have several rights."""
    keys = write_keys(tmp_path / "services.json", KEYS)
    async with run_hub(tmp_path, service_keys_file=tmp_path / "services.json") as running:
        running.key = keys["full"]
        yield running, keys


async def test_tenants(guarded: tuple[RunningHub, dict[str, str]]) -> None:
    """A bound key finds what is for its account alone; everything else is as if it were not there."""
    hub, keys = guarded
    targets: Iterable[tuple[dict[str, Any], int]] = [
        ({"account_id": ACCOUNT}, 200),
        ({"account_id": ACCOUNT, "user_id": USER}, 200),
        ({"account_id": OTHER_ACCOUNT}, 404),
        ({"account_id": OTHER_ACCOUNT, "user_id": USER}, 404),
        ({"everyone": True}, 404),
    ]
    receipts = [(await publish(hub, **target), status) for target, status in targets]
    hub.key = keys["bound"]
    unheard = await hub.http.get(f"/api/internal/notifications/{uuid.uuid4()}", headers=hub.headers())
    for receipt, status in receipts:
        for params in ({}, {"cursor": receipt["cursor"]}):
            path = f"/api/internal/notifications/{receipt['id']}"
            answer = await hub.http.get(path, params=params, headers=hub.headers())
            assert status == answer.status_code
            if status == 404:
                assert unheard.json() == answer.json()


async def test_ids_are_masked(guarded: tuple[RunningHub, dict[str, str]]) -> None:
    """A key without `observe_ids` reads no id of a person or a company."""
    hub, keys = guarded
    receipt = await publish(hub)
    hub.key = keys["masked"]
    told = await trace(hub, receipt)
    assert [{"kind": "user", "account_id": "*" * 12 + "90", "user_id": "*" * 9 + "91"}] == told["targets"]
    assert USER not in str(told)
    assert ACCOUNT not in str(told)


@pytest.mark.parametrize("identifier", ["-", "x" * 129, "%00", "%ff", "%E2%80%AE", "'%20OR%201=1"])
async def test_id_of_nothing(hub: RunningHub, identifier: str) -> None:
    """An id that no notification has is 404, whatever it looks like."""
    await publish(hub)
    answer = await hub.http.get(f"/api/internal/notifications/{identifier}", headers=hub.headers())
    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("query", "status"), [("cursor=nonsense", 400), ("cursor=a&cursor=b", 400), ("cursor=aaaaaaaaaa-1", 200)]
)
async def test_cursor(hub: RunningHub, query: str, status: int) -> None:
    """What is not one cursor is a 400; a cursor of another epoch is no help, and the log is searched."""
    receipt = await publish(hub)
    path = f"/api/internal/notifications/{receipt['id']}?{query}"
    assert status == (await hub.http.get(path, headers=hub.headers())).status_code


async def test_cursor_of_another(hub: RunningHub) -> None:
    """A cursor where another notification stands finds nothing."""
    first, second = await publish(hub), await publish(hub)
    params = {"cursor": second["cursor"]}
    answer = await hub.http.get(f"/api/internal/notifications/{first['id']}", params=params, headers=hub.headers())
    assert 404 == answer.status_code


async def test_revocation_is_no_notification(hub: RunningHub) -> None:
    """The hub's own records are not found, wherever they are looked for."""
    await hub.post("/api/internal/disconnect", {"user_id": USER, "revoke": True})
    assert 1 == hub.hub.log.head
    for at in (None, 1):
        assert await hub.hub.log.find("", at=at) is None
