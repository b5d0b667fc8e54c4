"""`/api/inbox` over real sockets: what a user gets, what a change does, and who is told of it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import FakeClock
from tests.harness import ACCOUNT, USER, Frame, RunningHub, run_hub

COLLEAGUE = "00000000272"
ORIGIN = "https://app.avelarcompany.com.br"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub that keeps inboxes, as hubs do."""
    async with run_hub(tmp_path) as running:
        yield running


async def get(hub: RunningHub, user_id: str = USER, account_id: str = ACCOUNT, **query: object) -> httpx.Response:
    """Ask for a page of an inbox."""
    params = {name: str(value) for name, value in query.items()}
    return await hub.http.get("/api/inbox", params=params, headers=_bearer(hub, user_id, account_id))


async def change(hub: RunningHub, body: object, user_id: str = USER, account_id: str = ACCOUNT) -> httpx.Response:
    """Change an inbox."""
    return await hub.http.post("/api/inbox", json=body, headers=_bearer(hub, user_id, account_id))


def _bearer(hub: RunningHub, user_id: str, account_id: str) -> dict[str, str]:
    return {"authorization": f"Bearer {hub.token(user_id, account_id)}"}


async def publish(hub: RunningHub, title: str, **fields: Any) -> str:
    """Publish and return the id."""
    identifier: str = (await hub.publish(title=title, **fields)).json()["id"]
    return identifier


def titles(page: httpx.Response) -> list[str]:
    """Return the titles of a page."""
    return [item["title"] for item in page.json()["notifications"]]


class TestPage:
    async def test_newest_first_as_delivered_with_what_was_read(self, hub: RunningHub) -> None:
        """All that was for the user is there as the frames were, whether the user was connected or not."""
        async with hub.websocket() as websocket:
            await publish(hub, "mine")
            await publish(hub, "the account's", account_id=ACCOUNT)
            await publish(hub, "everybody's", everyone=True)
            await publish(hub, "a colleague's", user_id=COLLEAGUE, account_id=ACCOUNT)
            frames = await websocket.frames(3)
        page = (await get(hub)).json()
        assert [{**frame, "read": False, "archived": False} for frame in reversed(frames)] == page["notifications"]
        assert (3, False, None) == (page["unread"], page["more"], page["next"])
        assert ["cart_updated"] == page["unlisted"]
        assert hub.hub.log.head == int(page["cursor"].rpartition("-")[2], 36)

    async def test_an_empty_inbox(self, hub: RunningHub) -> None:
        """A new user's is empty, and says where to go on."""
        page = await get(hub)
        assert (200, [], 0, False, None) == (page.status_code, *list(page.json().values())[:4])
        assert "no-store" == page.headers["cache-control"]

    async def test_pages_bring_everything_once(self, hub: RunningHub) -> None:
        """Page after page, each the notifications before the last one of the page before."""
        expected = [f"n{number}" for number in range(7)]
        for title in expected:
            await publish(hub, title)
        found: list[str] = []
        page = await get(hub, limit=3)
        while (following := page.json()["next"]) is not None:
            found += titles(page)
            page = await get(hub, limit=3, before=following)
        found += titles(page)
        assert expected[::-1] == found

    async def test_by_type_and_unread_and_archived(self, hub: RunningHub) -> None:
        """Each filter shows what it says, and archived ones are in no other listing."""
        first = await publish(hub, "first")
        second = await publish(hub, "second", type="order_created", data={})
        third = await publish(hub, "third")
        assert 200 == (await change(hub, {"read": [first], "archive": [third]})).status_code
        assert ["second", "first"] == titles(await get(hub))
        assert ["second"] == titles(await get(hub, unread="true"))
        assert ["second"] == titles(await get(hub, type="order_created"))
        assert [] == titles(await get(hub, type="no_such_type"))
        archived = (await get(hub, archived="true")).json()
        assert [(third, False, True)] == [(i["id"], i["read"], i["archived"]) for i in archived["notifications"]]
        assert 1 == archived["unread"]
        assert second != third

    async def test_what_has_expired_is_neither_shown_nor_counted(self, tmp_path: Path) -> None:
        """From its moment on it is gone, as for a replay."""
        clock = FakeClock()
        async with run_hub(tmp_path, now=clock) as hub:
            token = hub.token(iat=clock(), exp=clock() + 3600)
            for ttl_s in (10, 20, None):
                await publish(hub, f"{ttl_s}", **({} if ttl_s is None else {"ttl_seconds": ttl_s}))
            headers = {"authorization": f"Bearer {token}"}
            seen = []
            for _ in range(3):
                page = await hub.http.get("/api/inbox", headers=headers)
                seen.append((titles(page), page.json()["unread"]))
                clock.now_s += 10
        assert [(["None", "20", "10"], 3), (["None", "20"], 2), (["None"], 1)] == seen

    async def test_a_type_whose_policy_says_no_is_not_an_item(self, hub: RunningHub) -> None:
        """It is delivered as ever, and not in the inbox, shown or counted."""
        kind = next(tag for tag, policy in _policies().items() if not policy.inbox)
        async with hub.websocket() as websocket:
            await hub.publish(type=kind, title="not an item", data={})
            assert "not an item" == (await websocket.frame())["title"]
        page = (await get(hub)).json()
        assert ([], 0) == (page["notifications"], page["unread"])

    async def test_a_muted_type_is_shown_and_not_counted(self, hub: RunningHub) -> None:
        """Muting is not deleting: it is there for those who look."""
        await publish(hub, "muted")
        muted = await hub.http.put(
            "/api/preferences", json={"muted": ["stock_alert"]}, headers=_bearer(hub, USER, ACCOUNT)
        )
        assert 200 == muted.status_code
        page = await get(hub)
        assert (["muted"], 0) == (titles(page), page.json()["unread"])

    async def test_is_counted_exactly_to_999(self, hub: RunningHub) -> None:
        """From 1,000 on it says that there are more."""
        notification = {"type": "stock_alert", "title": "t", "message": "m", "user_id": USER, "account_id": ACCOUNT}
        await hub.post("/api/internal/notify/batch", {"notifications": [notification] * 999})
        assert (999, False) == _count(await get(hub))
        last = await publish(hub, "one more")
        assert (999, True) == _count(await get(hub))
        assert (999, False) == _count(await change(hub, {"read": [last]}))
        assert (999, True) == _count(await change(hub, {"unread": [last]}))
        cursor = (await get(hub)).json()["cursor"]
        assert (0, False) == _count(await change(hub, {"read_until": cursor}))

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ({"limit": "0"}, "limit"),
            ({"limit": "101"}, "limit"),
            ({"limit": "many"}, "limit"),
            ({"unread": "yes"}, "unread"),
            ({"archived": "1"}, "archived"),
            ({"type": "x" * 65}, "type"),
            ({"before": "x"}, "before"),
            ({"before": "aaaaaaaaaa-1"}, "before"),
        ],
    )
    async def test_a_query_that_means_nothing_is_refused(
        self, hub: RunningHub, query: dict[str, str], field: str
    ) -> None:
        """The problem names the parameter."""
        refused = await get(hub, **query)
        assert (400, field) == (refused.status_code, refused.json()["field"])
        assert "x" * 65 not in refused.text


class TestChange:
    async def test_reaches_every_device_that_knows_it(self, hub: RunningHub) -> None:
        """hub.v1 over WebSocket and SSE get one control frame with a cursor; all others never see a thing of it."""
        identifier = await publish(hub, "read it")
        start = (await get(hub)).json()["cursor"]
        async with (
            hub.websocket() as phone,
            hub.events(protocol="hub.v1") as desktop,
            hub.websocket(subprotocols=()) as old_hook,
            hub.events() as plain,
            hub.websocket(hub.token(COLLEAGUE)) as colleague,
        ):
            for client in (phone, desktop):
                assert "inbox" in client.hello["data"]["features"]
            assert not {"features"} & {*old_hook.hello["data"], *plain.hello["data"]}
            counted = (await change(hub, {"read": [identifier]})).json()
            await publish(hub, "afterwards", account_id=ACCOUNT)
            expected = {
                "type": "inbox",
                "read": [identifier],
                "unread": [],
                "archived": [],
                "unread_count": 0,
                "cursor": counted["cursor"],
            }
            for client in (phone, desktop):
                told, later = await client.frames(2)
                assert (expected, "afterwards") == (told, later["title"])
            for client in (old_hook, plain, colleague):
                assert "afterwards" == (await client.frame())["title"]
        # And on return: at the same place, with the same cursor.
        async with hub.websocket(cursor=start) as phone, hub.events(cursor=start, protocol="hub.v1") as desktop:
            for client in (phone, desktop):
                told, later = await client.frames(2)
                assert (expected, "afterwards") == (told, later["title"])
        async with hub.events(cursor=start) as plain:
            assert "afterwards" == (await plain.frame())["title"]
        assert ["inbox", "stock_alert"] == [frame["type"] for frame in await _poll(hub, start, protocol="hub.v1")]
        assert ["stock_alert"] == [frame["type"] for frame in await _poll(hub, start)]
        assert ["stock_alert"] == [frame["type"] for frame in await _poll(hub, start, protocol="other")]
        stream = await hub.http.get("/streams/me", params={"offset": start}, headers=_bearer(hub, USER, ACCOUNT))
        assert ["afterwards"] == [frame["title"] for frame in stream.json()]

    async def test_the_same_change_once_more_is_none(self, hub: RunningHub) -> None:
        """It is idempotent: nothing further is in the log."""
        identifier = await publish(hub, "n")
        cursor = (await get(hub)).json()["cursor"]
        for body in ({"read": [identifier]}, {"read_until": cursor}, {"archive": [identifier] * 3}, {}):
            first = await change(hub, body)
            head = hub.hub.log.head
            again = await change(hub, body)
            assert (200, 200, head) == (first.status_code, again.status_code, hub.hub.log.head)
            assert first.json()["unread"] == again.json()["unread"]

    async def test_read_all_is_one_record_however_many_they_are(self, hub: RunningHub) -> None:
        """A watermark: one frame, one row."""
        notification = {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT}
        await hub.post("/api/internal/notify/batch", {"notifications": [notification] * 500})
        head, cursor = hub.hub.log.head, (await get(hub)).json()["cursor"]
        async with hub.websocket() as websocket:
            assert 0 == (await change(hub, {"read_until": cursor})).json()["unread"]
            told = await websocket.frame()
        assert (head + 1, cursor, []) == (hub.hub.log.head, told["read_until"], told["read"])
        assert 500 == (await get(hub, COLLEAGUE)).json()["unread"]

    async def test_what_is_unread_again_below_the_watermark(self, hub: RunningHub) -> None:
        """It counts, until it is read, or everything is, with whichever cursor behind it."""
        first, second = await publish(hub, "first"), await publish(hub, "second")
        between = (await hub.publish(title="third")).json()["cursor"]
        await change(hub, {"read_until": (await get(hub)).json()["cursor"]})
        assert 2 == (await change(hub, {"unread": [first, second]})).json()["unread"]
        assert ["second", "first"] == titles(await get(hub, unread="true"))
        assert 1 == (await change(hub, {"read": [first]})).json()["unread"]
        # Older than the watermark, and newer than what is unread.
        assert 0 == (await change(hub, {"read_until": between})).json()["unread"]
        assert [True] * 3 == [item["read"] for item in (await get(hub)).json()["notifications"]]

    async def test_parallel_changes_are_one_after_the_other(self, hub: RunningHub) -> None:
        """Each begins with what the one before left, so none is lost and each count is right."""
        ids = [await publish(hub, f"n{number}") for number in range(12)]
        counted = await asyncio.gather(*(change(hub, {"read": [identifier]}) for identifier in ids))
        assert list(range(12)) == sorted(answer.json()["unread"] for answer in counted)
        assert 0 == (await get(hub)).json()["unread"]

    async def test_somebody_elses_and_unknown_ids_are_refused(self, hub: RunningHub) -> None:
        """The problem names the list and the index, and nothing of the request is done."""
        mine = await publish(hub, "mine")
        others = [
            await publish(hub, "a colleague's", user_id=COLLEAGUE, account_id=ACCOUNT),
            await publish(hub, "another account's", account_id="98765432000110"),
            await publish(hub, "a namesake's", user_id=USER, account_id="98765432000110"),
            "5f0c4f5e-8a4e-4a53-9f0e-0d5e3d1c7a11",
        ]
        for other in others:
            for name in ("read", "unread", "archive"):
                refused = await change(hub, {name: [mine, other]})
                problem = refused.json()
                assert (422, "unknown_notification", f"$.{name}[1]") == (
                    refused.status_code,
                    problem["code"],
                    problem["field"],
                )
                assert other not in refused.text
        assert [False] == [item["read"] for item in (await get(hub)).json()["notifications"]]

    async def test_the_hubs_own_records_are_nobodys_notifications(self, hub: RunningHub) -> None:
        """Neither a revocation nor an earlier change can be named."""
        identifier = await publish(hub, "n")
        await change(hub, {"read": [identifier]})
        path = hub.settings.data_dir / "log.sqlite3"
        connection = sqlite3.connect(path)
        ids = [row[0] for row in connection.execute("SELECT id FROM record WHERE control <> 0")]
        connection.close()
        assert ids
        for each in ids:
            assert 422 == (await change(hub, {"read": [each]})).status_code

    @pytest.mark.parametrize(
        ("body", "status", "field"),
        [
            ({"read": ["x"] * 10_000}, 400, "$.read"),
            ({"read": ["x"] * 600, "archive": ["x"] * 600}, 400, "$"),
            ({"read": [""]}, 400, "$.read[0]"),
            ({"read": ["x" * 65]}, 400, "$.read[0]"),
            ({"read": [1]}, 400, "$.read[0]"),
            ({"read": "x"}, 400, "$.read"),
            ({"readUntil": "x"}, 400, None),
            ({"read_until": "x"}, 400, "$.read_until"),
            ({"read_until": "aaaaaaaaaa-1"}, 400, "$.read_until"),
            ([], 400, None),
        ],
        ids=[
            "10,000",
            "1,200 in two lists",
            "empty",
            "long",
            "number",
            "text",
            "unknown",
            "word",
            "another log",
            "list",
        ],
    )
    async def test_a_body_that_means_nothing_is_refused(
        self, hub: RunningHub, body: object, status: int, field: str | None
    ) -> None:
        """With a problem that names the field, and nothing of the log's is told."""
        refused = await change(hub, body)
        assert status == refused.status_code, refused.text
        assert field is None or field == refused.json()["field"]

    async def test_a_cursor_beyond_the_log_reads_nothing_that_is_still_to_come(self, hub: RunningHub) -> None:
        """Nobody marks as read what was never shown."""
        cursor = (await hub.publish()).json()["cursor"]
        epoch = cursor.partition("-")[0]
        assert 400 == (await change(hub, {"read_until": f"{epoch}-zzzz"})).status_code

    async def test_a_page_of_another_origin_may_not(self, hub: RunningHub) -> None:
        """Origins are checked as those of connections are, and a page of an allowed one may read and change."""
        for origin, status in ((ORIGIN, 200), ("https://evil.example.com", 403)):
            headers = {**_bearer(hub, USER, ACCOUNT), "origin": origin}
            assert status == (await hub.http.get("/api/inbox", headers=headers)).status_code
            assert status == (await hub.http.post("/api/inbox", json={}, headers=headers)).status_code
        asked = {"origin": ORIGIN, "access-control-request-method": "POST"}
        preflight = await hub.http.options("/api/inbox", headers=asked)
        assert "POST" in preflight.headers["access-control-allow-methods"]


class TestOff:
    async def test_a_hub_without_inboxes_says_so_and_writes_nothing(self, tmp_path: Path) -> None:
        """404 with a code of its own, no word in the greeting, and nothing in the log's index."""
        async with run_hub(tmp_path, inbox=False) as hub:
            await publish(hub, "n")
            for answer in (await get(hub), await change(hub, {})):
                assert (404, "inbox_off") == (answer.status_code, answer.json()["code"])
            assert 401 == (await hub.http.get("/api/inbox")).status_code
            async with hub.websocket() as websocket:
                assert "inbox" not in websocket.hello["data"].get("features", [])
        connection = sqlite3.connect(tmp_path / "data" / "log.sqlite3")
        assert [(None, None)] == connection.execute("SELECT digest, expires_ms FROM target").fetchall()
        connection.close()

    async def test_what_came_while_it_was_off_is_in_the_inbox_later(self, tmp_path: Path) -> None:
        """It is found by its record: shown, counted, and changed like all else."""
        async with run_hub(tmp_path / "hub", inbox=False) as hub:
            identifier = await publish(hub, "old")
            await publish(hub, "old and over", ttl_seconds=1)
        async with run_hub(tmp_path / "hub", jwt_secret=hub.settings.jwt_secret) as hub:
            await publish(hub, "new")
            async with asyncio.timeout(10):
                while "old and over" in titles(page := await get(hub)):
                    await asyncio.sleep(0.1)
            assert (["new", "old"], 2) == (titles(page), page.json()["unread"])
            assert 1 == (await change(hub, {"read": [identifier]})).json()["unread"]
            assert ["old"] == titles(await get(hub, before=(await get(hub, limit=1)).json()["next"]))


def _policies() -> dict[str, Any]:
    from hub.publish.registry import load_type_registry

    return dict(load_type_registry(["contracts.avelarsys"]).policies)


def _count(answer: httpx.Response) -> tuple[int, bool]:
    body = answer.json()
    return body["unread"], body["more"]


async def _poll(hub: RunningHub, cursor: str, **query: str) -> list[Frame]:
    page = await hub.http.get("/poll", params={"cursor": cursor, **query}, headers=_bearer(hub, USER, ACCOUNT))
    frames: list[Frame] = page.json()["frames"]
    return frames
