"""Polling: what the streams would have carried, page by page, for whoever cannot keep one open."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from hub.delivery import page_reader as pages
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

OTHER_USER = "00000000272"
OTHER_ACCOUNT = "98765432000110"
ORIGIN = "https://app.avelarcompany.com.br"


async def poll(
    hub: RunningHub, cursor: str | None = None, *, token: str | None = None, **headers: str
) -> httpx.Response:
    """Ask once, as a client with this cursor."""
    params = {"cursor": cursor} if cursor else {}
    sent = {"authorization": f"Bearer {token or hub.token()}", **headers}
    return await hub.http.get("/poll", params=params, headers=sent)


async def read(hub: RunningHub, cursor: str | None = None, *, token: str | None = None) -> dict[str, Any]:
    """Return the page after this cursor."""
    answer = await poll(hub, cursor, token=token)
    assert 200 == answer.status_code
    page: dict[str, Any] = answer.json()
    return page


async def test_the_first_page_is_the_head_alone(hub: RunningHub) -> None:
    """Without a cursor nothing old comes, only where to go on from."""
    receipt = (await hub.publish()).json()
    assert {"frames": [], "cursor": receipt["cursor"], "resume": "live"} == await read(hub)


async def test_a_page_carries_the_bytes_of_the_stream(hub: RunningHub) -> None:
    """Each frame is byte for byte what a WebSocket carries, and the page's cursor is the last one's."""
    head = (await read(hub))["cursor"]
    async with hub.websocket() as websocket:
        await hub.publish(data={"productId": 7, "unknown": {"kept": "çã"}})
        text = str(await websocket.connection.recv())
    answer = await poll(hub, head)
    cursor = msgspec.json.decode(text)["cursor"]
    assert f'{{"frames":[{text}],"cursor":"{cursor}","resume":"replayed"}}' == answer.text
    assert ("application/json", "no-store") == (answer.headers["content-type"], answer.headers["cache-control"])


async def test_an_empty_page_moves_the_cursor(hub: RunningHub) -> None:
    """What was for others is behind the client all the same, so retention is no gap later."""
    head = (await read(hub))["cursor"]
    receipt = (await hub.publish(user_id=OTHER_USER, account_id=ACCOUNT)).json()
    assert {"frames": [], "cursor": receipt["cursor"], "resume": "replayed"} == await read(hub, head)


async def test_only_the_addressed_get_it(hub: RunningHub) -> None:
    """The same targets as for a connection: the user, the account, everyone; nobody else's."""
    head = (await read(hub))["cursor"]
    await hub.publish(title="user", user_id=USER, account_id=ACCOUNT)
    await hub.publish(title="account", account_id=ACCOUNT)
    await hub.publish(title="everyone", everyone=True)
    expected = {
        hub.token(): ["user", "account", "everyone"],
        hub.token(OTHER_USER): ["account", "everyone"],
        hub.token(USER, OTHER_ACCOUNT): ["everyone"],
    }
    for token, titles in expected.items():
        assert titles == [frame["title"] for frame in (await read(hub, head, token=token))["frames"]]


async def test_pages_are_bounded_and_leave_nothing_out(hub: RunningHub) -> None:
    """More than a page holds comes in several, in order, each once."""
    head = (await read(hub))["cursor"]
    count = 2 * pages.PAGE_RECORDS + 7
    batch = [
        {"type": "stock_alert", "title": str(number), "message": "m", "user_id": USER, "account_id": ACCOUNT}
        for number in range(count)
    ]
    assert 202 == (await hub.post("/api/internal/notify/batch", {"notifications": batch})).status_code
    titles: list[str] = []
    sizes: list[int] = []
    cursor = head
    while not sizes or sizes[-1]:
        page = await read(hub, cursor)
        titles += [frame["title"] for frame in page["frames"]]
        sizes.append(len(page["frames"]))
        cursor = page["cursor"]
    assert [str(number) for number in range(count)] == titles
    assert max(sizes) <= pages.PAGE_RECORDS
    assert len(sizes) == 4


async def test_a_page_is_bounded_in_bytes(hub: RunningHub) -> None:
    """Large notifications end a page early, never inside one, and none is skipped."""
    head = (await read(hub))["cursor"]
    for number in range(24):
        assert 202 == (await hub.publish(title=str(number), data={"padding": "x" * 20_000})).status_code
    titles: list[str] = []
    cursor = head
    while frames := (page := await read(hub, cursor))["frames"]:
        assert pages.PAGE_BYTES // 20_200 >= len(frames)
        titles += [frame["title"] for frame in frames]
        cursor = page["cursor"]
    assert [str(number) for number in range(24)] == titles


@pytest.mark.parametrize("cursor", ["aaaaaaaaaa-1", "ahead"])
async def test_a_cursor_the_log_cannot_serve_is_a_gap(hub: RunningHub, cursor: str) -> None:
    """The gap is announced by the frame that the streams have for it, and the client goes on from the head."""
    head = (await read(hub))["cursor"]
    page = await read(hub, f"{head.partition('-')[0]}-zzz" if cursor == "ahead" else cursor)
    assert ("gap", head, ["gap"]) == (page["resume"], page["cursor"], [frame["type"] for frame in page["frames"]])
    assert head == page["frames"][0]["data"]["cursor"]


async def test_what_was_missed_on_a_stream_comes_by_polling_and_back(hub: RunningHub) -> None:
    """One cursor over all three transports."""
    async with hub.websocket() as websocket:
        await hub.publish(title="1")
        cursor = (await websocket.frame())["cursor"]
    await hub.publish(title="2")
    page = await read(hub, cursor)
    await hub.publish(title="3")
    async with hub.events(last_event_id=page["cursor"]) as events:
        assert "3" == (await events.frame())["title"]
    assert ["2"] == [frame["title"] for frame in page["frames"]]


async def test_an_expired_notification_is_not_in_a_page(tmp_path: Path) -> None:
    """What expired meanwhile is nobody's any more."""
    clock = [time.time()]
    async with run_hub(tmp_path, now=lambda: clock[0]) as hub:
        head = (await read(hub))["cursor"]
        await hub.publish(title="short", ttl_seconds=60)
        await hub.publish(title="long", ttl_seconds=600)
        clock[0] += 61
        assert ["long"] == [frame["title"] for frame in (await read(hub, head))["frames"]]


async def test_polling_while_others_publish_misses_nothing(hub: RunningHub) -> None:
    """Whatever the moment of each request, the pages in sequence are the log in sequence."""
    page = await read(hub)
    cursor = page["cursor"]
    seen: list[str] = []

    async def publish() -> None:
        for start in range(0, 60, 3):
            await asyncio.gather(*(hub.publish(title=str(start + step)) for step in range(3)))

    publishing = asyncio.create_task(publish())
    while not publishing.done() or page["frames"]:
        page = await read(hub, cursor)
        seen += [frame["cursor"] for frame in page["frames"]]
        cursor = page["cursor"]
    await publishing
    assert 60 == len(seen)
    assert sorted(seen, key=lambda text: int(text.partition("-")[2], 36)) == seen


async def test_refusals_are_those_of_the_streams(hub: RunningHub) -> None:
    """The same admission: problems with a code, the allowed origins, GET alone."""
    for credentials, status, code in [
        ({}, 401, "unauthenticated"),
        ({"authorization": f"Bearer {hub.token(ttl_s=-1)}"}, 401, "token_expired"),
        ({"authorization": f"Bearer {hub.token()}", "origin": "https://evil.example"}, 403, "origin_not_allowed"),
    ]:
        answer = await hub.http.get("/poll", headers=credentials)
        assert (status, code) == (answer.status_code, answer.json()["code"])
    answer = await hub.http.post("/poll", headers={"authorization": f"Bearer {hub.token()}"})
    assert (405, "GET, HEAD, OPTIONS") == (answer.status_code, answer.headers["allow"])


async def test_an_allowed_page_may_read_the_answer(hub: RunningHub) -> None:
    """Pages of an allowed origin read the answer and when to come back; a preflight says so."""
    answer = await poll(hub, origin=ORIGIN)
    assert ORIGIN == answer.headers["access-control-allow-origin"]
    assert "retry-after" == answer.headers["access-control-expose-headers"]
    preflight = await hub.http.options("/poll", headers={"origin": ORIGIN, "access-control-request-method": "GET"})
    assert (204, b"") == (preflight.status_code, preflight.content)


async def test_a_draining_hub_sends_pollers_away(hub: RunningHub) -> None:
    """A page is new work too: 503, with the time to come back."""
    hub.hub.connections.draining = True
    answer = await poll(hub)
    assert (503, "draining") == (answer.status_code, answer.json()["code"])
    assert "retry-after" in answer.headers


async def test_pages_are_counted(hub: RunningHub) -> None:
    """Operators see who depends on the last resort, and what it delivered."""
    head = (await read(hub))["cursor"]
    await hub.publish()
    await read(hub, head)
    await read(hub, "aaaaaaaaaa-1")
    text = (await hub.http.get("/metrics", headers=hub.headers())).text
    for line in (
        'hub_polls_total{result="live"} 1.0',
        'hub_polls_total{result="replayed"} 1.0',
        'hub_polls_total{result="gap"} 1.0',
        'hub_deliveries_total{transport="poll"} 1.0',
    ):
        assert line in text
