"""`/api/preferences`: what a user mutes reaches no connection of that user, and everybody else gets it as before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from contracts import avelarsys
from tests.harness import ACCOUNT, USER, EventStream, RunningHub, WebSocket, run_hub

COLLEAGUE = "00000000272"
PATH = "/api/preferences"


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with the types of AvelarSys."""
    async with run_hub(tmp_path) as running:
        yield running


async def ask(hub: RunningHub, method: str = "GET", *, user: str = USER, headers: Any = None, **body: Any) -> Any:
    """Send one request of a user, and return the response."""
    sent = {"authorization": f"Bearer {hub.token(user)}", **(headers or {})}
    return await hub.http.request(method, PATH, headers=sent, json=body or None)


async def mute(hub: RunningHub, *kinds: str, user: str = USER) -> None:
    """Let a user mute these types and no others."""
    response = await ask(hub, "PUT", user=user, muted=list(kinds))
    assert (200, sorted(kinds)) == (response.status_code, sorted(response.json()["muted"])), response.text


async def publish(hub: RunningHub, title: str, kind: str = "stock_alert", **targets: Any) -> httpx.Response:
    """Publish one notification, to the user unless it is told."""
    return await hub.publish(title=title, type=kind, **targets)


async def poll(hub: RunningHub, cursor: str, **query: str) -> Any:
    """Return the page after a cursor."""
    bearer = {"authorization": f"Bearer {hub.token()}"}
    return (await hub.http.get("/poll", params={"cursor": cursor, **query}, headers=bearer)).json()


async def test_everything_is_wanted_at_first(hub: RunningHub) -> None:
    """A user who never said anything has muted nothing, and sees every type with its policy."""
    said = (await ask(hub)).json()
    assert [] == said["muted"]
    assert {"type": "order_created", "mandatory": True, "muted": False} in said["types"]
    assert {"type": "cart_updated", "mandatory": False, "muted": False} in said["types"]
    assert [*hub.hub.delivery.preferences._policies] == [each["type"] for each in said["types"]]


async def test_muted_type_reaches_no_connection_of_the_user(hub: RunningHub) -> None:
    """Over every transport, in every tab, open or opened later, whatever the target; others get it, and are counted."""
    start = (await publish(hub, "start")).json()["cursor"]
    async with AsyncExitStack() as stack:
        tabs: list[WebSocket | EventStream] = [
            await stack.enter_async_context(hub.websocket()),
            await stack.enter_async_context(hub.websocket(subprotocols=())),
            await stack.enter_async_context(hub.events()),
        ]
        theirs = await stack.enter_async_context(hub.websocket(hub.token(COLLEAGUE)))
        await mute(hub, "cart_updated")
        # The first tab speaks hub.v1, and is told.
        told = await tabs[0].frame()
        assert ("preferences", ["cart_updated"]) == (told["type"], told["muted"])
        tabs.append(await stack.enter_async_context(hub.events()))
        tabs.append(await stack.enter_async_context(hub.websocket(cursor=start)))
        assert "preferences" == (await tabs[4].frame())["type"]
        counts = [
            (await publish(hub, "a", "cart_updated")).json()["connections"],
            (await publish(hub, "b", "cart_updated", account_id=ACCOUNT)).json()["connections"],
            (await publish(hub, "c", "cart_updated", everyone=True)).json()["connections"],
            (await publish(hub, "end", everyone=True)).json()["connections"],
        ]
        assert [0, 1, 1, 6] == counts
        assert ["end"] * 5 == [(await tab.frame())["title"] for tab in tabs]
        assert ["b", "c", "end"] == [frame["title"] for frame in await theirs.frames(3)]
    page = await poll(hub, start)
    assert (["end"], "replayed") == ([frame["title"] for frame in page["frames"]], page["resume"])
    stream = await hub.http.get(
        "/streams/me", params={"offset": start}, headers={"authorization": f"Bearer {hub.token()}"}
    )
    assert ["end"] == [frame["title"] for frame in stream.json()]


async def test_cursor_goes_on_and_what_was_muted_never_comes_back(hub: RunningHub) -> None:
    """A muted notification is passed over for good: unmuted, the user gets what comes from then on."""
    async with hub.websocket() as tab:
        await mute(hub, "cart_updated")
        await tab.frame()
        await publish(hub, "muted", "cart_updated")
        await publish(hub, "seen")
        seen = await tab.frame()
    await mute(hub)
    await publish(hub, "after", "cart_updated")
    async with hub.websocket(cursor=quote(seen["cursor"])) as tab:
        frames = await tab.frames(2)
    assert [("preferences", []), ("cart_updated", "after")] == [
        (frames[0]["type"], frames[0]["muted"]),
        (frames[1]["type"], frames[1]["title"]),
    ]


async def test_frame_is_for_those_who_know_it(hub: RunningHub) -> None:
    """Only clients that speak hub.v1 get `preferences`, live and in a replay; a hub says that it can by a feature."""
    start = (await publish(hub, "start")).json()["cursor"]
    async with hub.websocket() as new, hub.websocket(subprotocols=()) as old:
        assert "preferences" in new.hello["data"]["features"]
        assert "features" not in old.hello["data"]
        await mute(hub, "stock_alert", "cart_updated")
        told = await new.frame()
        assert {"type": "preferences", "muted": ["cart_updated", "stock_alert"]}.items() <= told.items()
        await mute(hub)
        await publish(hub, "end")
        assert "end" == (await old.frame())["title"]
        assert ([], "end") == ((await new.frame())["muted"], (await new.frame())["title"])
    assert ["end"] == [frame["title"] for frame in (await poll(hub, start))["frames"]]
    frames = (await poll(hub, start, protocol="hub.v1"))["frames"]
    assert ["preferences", "preferences", "stock_alert"] == [frame["type"] for frame in frames]
    assert told in frames


async def test_it_is_remembered_over_a_restart(tmp_path: Path) -> None:
    """What users muted holds in the next life of the hub, on any device; also of many users."""
    secret = "s" * 32
    users = [f"{number:011}" for number in range(1, 40)]
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        await asyncio.gather(*(mute(hub, "stock_alert", user=user) for user in users))
        await mute(hub, user=users[0])
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        assert 38 == len(hub.hub.subscribers.mutes)
        async with hub.websocket(hub.token(users[0])) as kept, hub.websocket(hub.token(users[1])) as muted:
            await publish(hub, "alert", account_id=ACCOUNT)
            await publish(hub, "end", "order_created", account_id=ACCOUNT)
            assert ["alert", "end"] == [frame["title"] for frame in await kept.frames(2)]
            assert "end" == (await muted.frame())["title"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"muted": ["cart_updated", "order_created"]}, 422, "mandatory_type", "$.muted[1]"),
        ({"muted": ["nothing_known"]}, 400, "unknown_type", "$.muted[0]"),
        # A signal is asked for, and a control frame is the hub's own.
        ({"muted": ["orders:updated"]}, 400, "unknown_type", "$.muted[0]"),
        ({"muted": ["heartbeat"]}, 400, "unknown_type", "$.muted[0]"),
        ({"muted": ["x" * 65]}, 400, "invalid_field", "$.muted[0]"),
        ({"muted": ["x"] * 1_001}, 400, "invalid_field", "$.muted"),
        ({"muted": "cart_updated"}, 400, "invalid_field", "$.muted"),
        ({"muted": [], "unmuted": []}, 400, "invalid_field", "$.unmuted"),
        ({"mute": []}, 400, "invalid_field", "$.mute"),
    ],
)
async def test_what_cannot_be_muted_changes_nothing(
    hub: RunningHub, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    """A request that cannot be carried out as a whole is refused, names the place, and leaves everything as it was."""
    await mute(hub, "profile_updated")
    response = await ask(hub, "PUT", **body)
    problem = response.json()
    assert (status, code) == (response.status_code, problem["code"])
    assert field == problem.get("field") or code == "invalid_field"
    assert ["profile_updated"] == (await ask(hub)).json()["muted"]


async def test_body_of_a_user_is_small(hub: RunningHub) -> None:
    """A user's request is bounded far below what a service may send."""
    response = await ask(hub, "PUT", muted=["y" * 70_000])
    assert (413, "body_too_large") == (response.status_code, response.json()["code"])


async def test_same_again_is_stored_once(hub: RunningHub) -> None:
    """A repeat, in another order or doubled, changes nothing and takes nothing of the log."""
    await mute(hub, "cart_updated", "stock_alert")
    head = hub.hub.log.head
    again = await ask(hub, "PUT", muted=["stock_alert", "cart_updated", "stock_alert"])
    assert (200, head) == (again.status_code, hub.hub.log.head)


async def test_pages_of_allowed_origins_may_ask(hub: RunningHub) -> None:
    """A browser's preflight for PUT is granted to an allowed origin; another origin gets nothing."""
    good, bad = "https://app.avelarcompany.com.br", "https://evil.example"
    asked = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization, content-type"}
    preflight = await hub.http.options(PATH, headers={"origin": good, **asked})
    assert 204 == preflight.status_code
    assert "PUT" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"]
    changed = await ask(hub, "PUT", muted=["cart_updated"], headers={"origin": good})
    assert (200, good) == (changed.status_code, changed.headers["access-control-allow-origin"])
    refused = await ask(hub, "PUT", muted=[], headers={"origin": bad})
    assert (403, "origin_not_allowed") == (refused.status_code, refused.json()["code"])
    assert ["cart_updated"] == (await ask(hub)).json()["muted"]


async def test_explanation_says_that_a_user_has_muted_the_type(hub: RunningHub) -> None:
    """`muted` is the reason why a named user would not get it; others of the account would, and are counted."""
    await mute(hub, "cart_updated")
    asked = {"type": "cart_updated", "title": "t", "message": "m", "account_id": ACCOUNT}
    async with hub.websocket(), hub.websocket(hub.token(COLLEAGUE)):
        response = await hub.post("/api/internal/explain", {**asked, "explain_user_id": USER})
        theirs = await hub.post("/api/internal/explain", {**asked, "explain_user_id": COLLEAGUE})
    said = response.json()
    assert ("no", ["muted"]) == (said["user"]["delivery"], [reason["code"] for reason in said["user"]["reasons"]])
    assert (1, 1) == (said["users"], said["connections"]["total"])
    assert "now" == theirs.json()["user"]["delivery"]


async def test_type_that_becomes_mandatory_is_delivered_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that changes with a deployment goes before what users muted under the old one."""
    secret = "s" * 32
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        await mute(hub, "stock_alert", "cart_updated")
    monkeypatch.setattr(avelarsys.StockAlert, "mandatory", True)
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        assert ["cart_updated"] == (await ask(hub)).json()["muted"]
        async with hub.websocket() as tab:
            await publish(hub, "alert")
            assert "alert" == (await tab.frame())["title"]


async def test_users_of_other_accounts_are_not_concerned(tmp_path: Path) -> None:
    """A user id means nothing without its account: the same id in another account has preferences of its own."""
    async with run_hub(tmp_path) as hub:
        await mute(hub, "stock_alert")
        twin = {"authorization": f"Bearer {hub.token(USER, '99999999000199')}"}
        assert [] == (await hub.http.get(PATH, headers=twin)).json()["muted"]
        async with hub.websocket(hub.token(USER, "99999999000199")) as tab:
            await publish(hub, "all", everyone=True)
            assert "all" == (await tab.frame())["title"]


async def test_muted_stay_in_the_inbox_and_are_not_counted(hub: RunningHub) -> None:
    """What a user has muted is listed and does not count as unread; unmuted, it counts again."""
    await publish(hub, "wanted", "order_created")
    await publish(hub, "muted")
    await mute(hub, "stock_alert")
    bearer = {"authorization": f"Bearer {hub.token()}"}
    inbox = (await hub.http.get("/api/inbox", headers=bearer)).json()
    assert (["muted", "wanted"], 1) == ([each["title"] for each in inbox["notifications"]], inbox["unread"])
    await mute(hub)
    assert 2 == (await hub.http.get("/api/inbox", headers=bearer)).json()["unread"]
