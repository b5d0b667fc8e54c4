"""`collapse_key`: of several notifications of one type, key and targets a client that returns gets the newest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness import ACCOUNT, USER, RunningHub, run_hub

COLLEAGUE = "00000000272"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with the types of AvelarSys."""
    async with run_hub(tmp_path) as running:
        yield running


async def publish(hub: RunningHub, title: str, key: str | None = "PED-7", **fields: Any) -> Any:
    """Publish an order's update, and return the receipt."""
    response = await hub.publish(type="order_updated", title=title, collapse_key=key, **fields)
    assert 202 == response.status_code, response.text
    return response.json()


async def ask(hub: RunningHub, path: str, **params: str) -> Any:
    """Return what the user gets at this path."""
    response = await hub.http.get(path, params=params, headers={"authorization": f"Bearer {hub.token()}"})
    assert 200 == response.status_code, response.text
    return response.json()


async def test_who_is_there_gets_both_and_who_returns_gets_the_newest(hub: RunningHub) -> None:
    """Live connections get every one; a replay, a poll, Durable Streams and the inbox have the newest, in its place."""
    start = (await publish(hub, "start", None))["cursor"]
    async with hub.websocket() as live, hub.events() as stream:
        for title in ("processing", "shipped"):
            await publish(hub, title)
        await publish(hub, "other", "PED-8")
        await publish(hub, "delivered")
        titles = ["processing", "shipped", "other", "delivered"]
        frames = await live.frames(4)
        assert titles == [frame["title"] for frame in frames] == [frame["title"] for frame in await stream.frames(4)]
    # The client tells from the frame which ones it no longer shows.
    ids = [frame["collapse_id"] for frame in frames]
    assert ids[0] == ids[1] == ids[3] != ids[2]
    newest = ["other", "delivered"]
    async with hub.websocket(cursor=quote(start)) as back:
        assert newest == [frame["title"] for frame in await back.frames(2)]
    page = await ask(hub, "/poll", cursor=start)
    assert newest == [frame["title"] for frame in page["frames"]]
    assert newest == [frame["title"] for frame in await ask(hub, "/streams/me", offset=start)]
    inbox = await ask(hub, "/api/inbox")
    assert ([*reversed(newest), "start"], 3) == ([each["title"] for each in inbox["notifications"]], inbox["unread"])


async def test_client_that_was_live_returns_without_a_duplicate(hub: RunningHub) -> None:
    """A cursor of a superseded one is as good as any: what came after it comes, and nothing a second time."""
    async with hub.websocket() as live:
        await publish(hub, "first")
        seen = (await live.frame())["cursor"]
    await publish(hub, "second")
    await publish(hub, "third")
    async with hub.websocket(cursor=quote(seen)) as back:
        assert "replayed" == back.hello["data"]["resume"]
        third = await back.frame()
        await publish(hub, "end", None)
        assert ("third", "end") == (third["title"], (await back.frame())["title"])
    page = await ask(hub, "/poll", cursor=third["cursor"])
    assert ["end"] == [frame["title"] for frame in page["frames"]]


async def test_type_and_targets_are_part_of_what_collapses(hub: RunningHub) -> None:
    """The same key of another type, or for other users, is another thing; the order of users does not matter."""
    start = (await publish(hub, "start", None))["cursor"]
    await publish(hub, "mine")
    await publish(hub, "the account's", account_id=ACCOUNT)
    await hub.publish(type="stock_alert", title="alert", collapse_key="PED-7")
    await publish(hub, "both's", user_ids=[USER, COLLEAGUE], account_id=ACCOUNT)
    await publish(hub, "both's again", user_ids=[COLLEAGUE, USER], account_id=ACCOUNT)
    page = await ask(hub, "/poll", cursor=start)
    assert ["mine", "the account's", "alert", "both's again"] == [frame["title"] for frame in page["frames"]]
    assert 4 == len({frame["collapse_id"] for frame in page["frames"]})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "order_created", "collapse_key": "a"}, "leave the key out, or write `collapse = True`"),
        ({"type": "order_updated", "collapse_key": ""}, "length"),
        ({"type": "order_updated", "collapse_key": "x" * 201}, "length"),
        ({"type": "order_updated", "collapse_key": 7}, "str"),
    ],
    ids=["type", "empty", "long", "number"],
)
async def test_key_that_cannot_be_used_is_refused(hub: RunningHub, fields: dict[str, Any], words: str) -> None:
    """A type whose policy has no `collapse` takes no key; the response names the field and the way out."""
    response = await hub.publish(**fields)
    problem = response.json()
    assert (400, "invalid_field", "$.collapse_key") == (response.status_code, problem["code"], problem["field"])
    assert words in problem["detail"]
    batch = {"notifications": [{"title": "t", "message": "m", "everyone": True, **fields}]}
    (result,) = (await hub.post("/api/internal/notify/batch", batch)).json()["results"]
    assert "$.notifications[0].collapse_key" == result["problem"]["field"]


async def test_batch_and_repeat(hub: RunningHub) -> None:
    """The notifications of a batch collapse in their order; a repeat under an Idempotency-Key changes nothing."""
    start = (await publish(hub, "start", None))["cursor"]
    item = {"type": "order_updated", "message": "m", "user_id": USER, "account_id": ACCOUNT, "collapse_key": "k"}
    batch = {"notifications": [{**item, "title": title} for title in ("a", "b")]}
    key = {"idempotency-key": "once"}
    await hub.post("/api/internal/notify/batch", batch, headers=key)
    await publish(hub, "c", "k")
    again = await hub.post("/api/internal/notify/batch", batch, headers=key)
    assert [True, True] == [result["receipt"]["duplicate"] for result in again.json()["results"]]
    assert ["c"] == [frame["title"] for frame in (await ask(hub, "/poll", cursor=start))["frames"]]
    changed = await hub.publish(type="order_updated", title="d", collapse_key="k", headers={"idempotency-key": "two"})
    other = await hub.publish(type="order_updated", title="d", collapse_key="l", headers={"idempotency-key": "two"})
    assert (202, 422) == (changed.status_code, other.status_code)


async def test_trace_and_explanation_say_so(hub: RunningHub) -> None:
    """A trace says which one took its place; an explanation whose place a publish would take."""
    first = await publish(hub, "first")
    asked = {"type": "order_updated", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
    said = (await hub.post("/api/internal/explain", {**asked, "collapse_key": "PED-7"})).json()
    assert first["cursor"] == said["supersedes"]
    assert "supersedes" not in (await hub.post("/api/internal/explain", {**asked, "collapse_key": "new"})).json()
    assert "supersedes" not in (await hub.post("/api/internal/explain", asked)).json()
    second = await publish(hub, "second")
    traces = [
        (await hub.http.get(f"/api/internal/notifications/{each['id']}", headers=hub.headers())).json()
        for each in (first, second)
    ]
    assert {"by": second["cursor"]} == traces[0]["superseded"]
    assert "superseded" not in traces[1]


async def test_what_was_superseded_can_still_be_marked(hub: RunningHub) -> None:
    """A bell that shows an older one marks it as read without an error, and the count stays what it is."""
    first, second = await publish(hub, "first"), await publish(hub, "second")
    bearer = {"authorization": f"Bearer {hub.token()}"}
    marked = await hub.http.post("/api/inbox", json={"read": [first["id"]]}, headers=bearer)
    assert (200, 1) == (marked.status_code, marked.json()["unread"])
    marked = await hub.http.post("/api/inbox", json={"read": [second["id"]]}, headers=bearer)
    assert 0 == marked.json()["unread"]
