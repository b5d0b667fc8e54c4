"""`POST /api/internal/forget`: who may erase whom, and what a hub holds of the person afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.identity import write_keys
from tests.harness import ACCOUNT, USER, RunningHub, run_hub

OTHER_ACCOUNT = "98765432000110"
COLLEAGUE = "00000000272"
KEYS: dict[str, dict[str, object]] = {
    "all": {"everyone": True, "operations": ["publish", "forget"]},
    "bound": {"accounts": [ACCOUNT], "operations": ["forget"]},
    "publisher": {"operations": ["publish"]},
}

STALE = {"type": "inbox", "read": [], "unread": [], "archived": [], "stale": True}


@pytest.fixture
async def keys(tmp_path: Path) -> dict[str, str]:
    """Keys that may and may not."""
    return write_keys(tmp_path / "services.json", KEYS)


@pytest.fixture
async def hub(tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[RunningHub]:
    """A hub that knows the keys."""
    async with run_hub(tmp_path, service_keys_file=tmp_path / "services.json") as hub:
        hub.key = keys["all"]
        yield hub


async def test_a_person_is_erased(hub: RunningHub) -> None:
    """What was the user's alone goes, with what was read; the account's stays, and the connection ends."""
    mine = (await hub.publish(title="mine")).json()
    await hub.publish(title="ours", user_id=None, user_ids=[USER, COLLEAGUE], account_id=ACCOUNT)
    await hub.publish(title="the account's", account_id=ACCOUNT)
    bearer = {"authorization": f"Bearer {hub.token()}"}
    await hub.http.post("/api/inbox", json={"read": [mine["id"]]}, headers=bearer)
    async with hub.websocket() as mine_now, hub.websocket(hub.token(COLLEAGUE)) as colleague:
        answer = await hub.post("/api/internal/forget", {"user_id": USER, "account_id": ACCOUNT})
        assert 4000 == await mine_now.wait_closed()
        await hub.publish(title="afterwards", account_id=ACCOUNT)
        assert "afterwards" == (await colleague.frame())["title"]
    expected = {"records": 2, "shared": 1, "states": 1, "idempotency_keys": 0, "connections": 1, "final": True}
    assert (200, expected) == (answer.status_code, answer.json())
    for user_id, titles in ((USER, ["the account's"]), (COLLEAGUE, ["ours", "the account's"])):
        headers = {"authorization": f"Bearer {hub.token(user_id)}"}
        first = f"{mine['cursor'].partition('-')[0]}-0"
        page = (await hub.http.get("/poll", params={"cursor": first}, headers=headers)).json()
        assert [*titles, "afterwards"] == [frame["title"] for frame in page["frames"]]
        inbox = (await hub.http.get("/api/inbox", headers=headers)).json()
        assert [*titles, "afterwards"][::-1] == [item["title"] for item in inbox["notifications"]]
        async with hub.websocket(hub.token(user_id), cursor=first) as websocket:
            assert STALE == await websocket.frame()
            assert ("replayed", titles[0]) == (websocket.hello["data"]["resume"], (await websocket.frame())["title"])
    again = await hub.post("/api/internal/forget", {"user_id": USER, "account_id": ACCOUNT})
    assert {**expected, "records": 0, "shared": 0, "states": 0, "connections": 0} == again.json()


async def test_the_record_of_it_names_nobody_and_a_restart_reads_it(tmp_path: Path, keys: dict[str, str]) -> None:
    """It is a control record, so the next life meets it, and starts."""
    for title in ("first", "second"):
        async with run_hub(tmp_path, service_keys_file=tmp_path / "services.json") as hub:
            hub.key = keys["all"]
            await hub.publish(title=title)
            assert 1 == (await hub.post("/api/internal/forget", {"user_id": USER})).json()["records"]
    content = b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())
    assert (2, 0) == (content.count(b'{"type":"erasure"'), content.count(USER.encode()))


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        ("bound", {"user_id": USER, "account_id": ACCOUNT}, 200, ""),
        ("bound", {"user_id": USER, "account_id": OTHER_ACCOUNT}, 403, "forbidden"),
        ("bound", {"user_id": USER}, 403, "key_limited_to_accounts"),
        ("publisher", {"user_id": USER}, 403, "forbidden"),
        ("all", {"account_id": ACCOUNT}, 400, "invalid_field"),
        ("all", {"user_id": ""}, 400, "invalid_field"),
        ("all", {"user_id": USER, "everyone": True}, 400, "invalid_field"),
    ],
    ids=["own account", "another's", "all accounts", "no such right", "no user", "empty", "unknown"],
)
async def test_who_may_erase_whom(
    hub: RunningHub, keys: dict[str, str], key: str, body: dict[str, Any], status: int, code: str
) -> None:
    """Only a key with the operation, within its accounts; and what is not meant is refused."""
    hub.key = keys[key]
    answer = await hub.post("/api/internal/forget", body)
    assert (status, code) == (answer.status_code, answer.json().get("code", ""))


async def test_a_replay_that_is_under_way_ends(hub: RunningHub) -> None:
    """What a slow connection has not got yet is not kept for it."""
    first = (await hub.publish(title="x" * 200)).json()["cursor"]
    notification = {"type": "stock_alert", "title": "t", "message": "m" * 900, "user_id": USER, "account_id": ACCOUNT}
    for _ in range(5):
        await hub.post("/api/internal/notify/batch", {"notifications": [notification] * 60})
    epoch = first.partition("-")[0]
    # The client does not read, so its own closing would wait.
    async with hub.websocket(cursor=f"{epoch}-0", close_timeout=0.1), asyncio.timeout(10):
        answer = await hub.post("/api/internal/forget", {"user_id": USER})
        assert 301 == answer.json()["records"]
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


async def test_an_open_page_is_told_what_has_gone(hub: RunningHub) -> None:
    """Before its connection ends, by id; of other users nothing is said."""
    mine = [(await hub.publish(title=str(number))).json()["id"] for number in range(3)]
    ours = (await hub.publish(user_id=None, user_ids=[USER, COLLEAGUE], account_id=ACCOUNT)).json()["id"]
    await hub.publish(account_id=ACCOUNT)
    async with hub.websocket() as page, hub.websocket(hub.token(COLLEAGUE)) as colleague, hub.events() as old:
        await hub.post("/api/internal/forget", {"user_id": USER, "account_id": ACCOUNT})
        told = {"type": "inbox", "read": [], "unread": [], "archived": [], "removed": [*mine, ours], "stale": True}
        assert told == await page.frame()
        assert 4000 == await page.wait_closed()
        assert ["closing"] == [frame["type"] for frame in await old.wait_closed()]
        await hub.publish(title="afterwards", account_id=ACCOUNT)
        assert "afterwards" == (await colleague.frame())["title"]


async def test_a_client_that_comes_back_later_fetches_its_inbox_again(tmp_path: Path, keys: dict[str, str]) -> None:
    """Over each transport, also after a restart; one from after the erasure, or without hub.v1, is told nothing."""
    more: dict[str, Any] = {"service_keys_file": tmp_path / "services.json"}
    titles = ["after"]
    before = after = ""
    for life in range(2):
        async with run_hub(tmp_path, **more) as hub:
            hub.key, more["jwt_secret"] = keys["all"], hub.settings.jwt_secret
            if life == 0:
                before = (await hub.publish(title="erased")).json()["cursor"]
                assert 1 == (await hub.post("/api/internal/forget", {"user_id": USER})).json()["records"]
                after = (await hub.publish(title="after")).json()["cursor"]
            await _come_back(hub, before, [STALE, *titles])
            titles.append("now")
            await _come_back(hub, after, titles[1:])
            titles.append("now")
            async with hub.websocket(cursor=before, subprotocols=[]) as old:
                assert "after" == (await old.frame())["title"]


async def _come_back(hub: RunningHub, cursor: str, expected: list[Any]) -> None:
    """Come back with a cursor over each transport, and get these frames, then the one that is published now."""
    params = {"cursor": cursor, "token": hub.token(), "protocol": "hub.v1"}
    assert expected == _show((await hub.http.get("/poll", params=params)).json()["frames"])
    async with hub.websocket(cursor=cursor) as socket, hub.events(cursor=cursor, protocol="hub.v1") as events:
        await hub.publish(title="now")
        for client in (socket, events):
            assert [*expected, "now"] == _show(await client.frames(len(expected) + 1))


def _show(frames: list[Any]) -> list[Any]:
    return [frame if frame["type"] == "inbox" else frame["title"] for frame in frames]


async def test_what_the_user_had_muted_is_forgotten_at_once(hub: RunningHub) -> None:
    """Also where the hub holds it in memory: the user who comes back has muted nothing."""
    bearer = {"authorization": f"Bearer {hub.token()}"}
    await hub.http.put("/api/preferences", json={"muted": ["stock_alert"]}, headers=bearer)
    assert 1 == (await hub.post("/api/internal/forget", {"user_id": USER})).json()["states"]
    assert [] == (await hub.http.get("/api/preferences", headers=bearer)).json()["muted"]
    async with hub.websocket() as websocket:
        await hub.publish(title="heard")
        assert "heard" == (await websocket.frame())["title"]
