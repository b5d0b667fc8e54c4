"""People without an account, let in by a setting: each gets what names them, over every transport, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from contracts.closing import CloseCode
from hub.directory.demo import create_demo_directory
from hub.target import EVERYONE, WITHOUT_ACCOUNT, account_target, subscriber_targets, user_target
from tests.attacks.identity import write_keys
from tests.harness import RunningHub, run_hub

#: Two customers without an account, and users of the demo directory: with an account, and its super_admin.
ANA, BIA = "cliente-1", "cliente-2"
BUYER, HOME = "00000000001", "00000000000101"
SUPPORT = "00000000007"
VIRTUAL = "00000000-0000-0000-0000-000000000000"
KEYS: dict[str, dict[str, object]] = {
    "key": {"everyone": True, "operations": ["publish", "disconnect", "observe"]},
    "bound": {"accounts": [HOME], "operations": ["publish", "observe", "disconnect"]},
}


async def execute(folder: Path, statement: str) -> None:
    """Change the directory."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / 'directory.db'}")
    try:
        async with engine.begin() as connection:
            await connection.execute(sqlalchemy.text(statement))
    finally:
        await engine.dispose()


async def make_directory(folder: Path) -> str:
    """Make a directory with both customers; return its URL."""
    await create_demo_directory(folder / "directory.db")
    for user_id in (ANA, BIA):
        await execute(folder, f"INSERT INTO users VALUES ('{user_id}', NULL, 'USER', true, 'x')")
    return f"sqlite+aiosqlite:///{folder / 'directory.db'}"


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """A key that reaches everybody, and one that is bound to an account."""
    return write_keys(tmp_path / "services.json", KEYS)


@pytest.fixture
async def hub(tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[RunningHub]:
    """A hub that lets people without an account in, with a directory."""
    url = await make_directory(tmp_path)
    settings: dict[str, Any] = {"people_without_account": True, "service_keys_file": tmp_path / "services.json"}
    async with run_hub(tmp_path, directory_url=url, directory_ttl_s=0.1, **settings) as hub:
        hub.key = keys["key"]
        yield hub


@pytest.fixture(params=["with a directory", "without"])
async def either(request: pytest.FixtureRequest, tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[RunningHub]:
    """The same hub with and without a directory."""
    url = await make_directory(tmp_path) if request.param == "with a directory" else "off"
    settings: dict[str, Any] = {"people_without_account": True, "service_keys_file": tmp_path / "services.json"}
    async with run_hub(tmp_path, directory_url=url, **settings) as hub:
        hub.key = keys["key"]
        yield hub


async def send(hub: RunningHub, title: str, **target: Any) -> httpx.Response:
    """Publish."""
    return await hub.publish(title=title, **target)


async def test_each_gets_what_names_them_and_nothing_else(either: RunningHub) -> None:
    """Over WebSocket, SSE and polling, live and replayed; others get nothing of theirs."""
    hub = either
    everybody = {
        "ana": (ANA, None, "user"),
        "bia": (BIA, None, "user"),
        "buyer": (BUYER, HOME, "user"),
        "support": (SUPPORT, None, "super_admin"),
    }
    tokens = {name: hub.token(user, account, role=role) for name, (user, account, role) in everybody.items()}
    heads = {}
    for name, token in tokens.items():
        page = await hub.http.get("/poll", headers={"authorization": f"Bearer {token}"})
        assert 200 == page.status_code, name
        heads[name] = page.json()["cursor"]
    async with AsyncExitStack() as stack:
        live = {name: await stack.enter_async_context(hub.websocket(token)) for name, token in tokens.items()}
        streams = {name: await stack.enter_async_context(hub.events(token)) for name, token in tokens.items()}
        sent: list[tuple[str, dict[str, Any]]] = [
            ("ana", {"user_id": ANA, "account_id": WITHOUT_ACCOUNT}),
            ("bia", {"user_id": BIA, "account_id": WITHOUT_ACCOUNT}),
            ("home", {"account_id": HOME}),
            ("virtual", {"account_id": VIRTUAL}),
            ("everyone", {"everyone": True}),
            ("end", {"user_ids": [ANA, BIA], "account_id": WITHOUT_ACCOUNT}),
            ("end", {"user_id": BUYER, "account_id": HOME}),
            ("end", {"user_id": SUPPORT, "account_id": VIRTUAL}),
        ]
        for title, target in sent:
            assert 202 == (await send(hub, title, **target)).status_code, title
        expected = {
            "ana": ["ana", "end"],
            "bia": ["bia", "end"],
            "buyer": ["home", "everyone", "end"],
            "support": ["virtual", "everyone", "end"],
        }
        for name, titles in expected.items():
            assert titles == [frame["title"] for frame in await live[name].frames(len(titles))], name
            assert titles == [frame["title"] for frame in await streams[name].frames(len(titles))], name
            headers = {"authorization": f"Bearer {tokens[name]}"}
            page = await hub.http.get("/poll", params={"cursor": heads[name]}, headers=headers)
            assert titles == [frame["title"] for frame in page.json()["frames"]], name
            async with hub.websocket(tokens[name], cursor=heads[name]) as replayed:
                assert titles == [frame["title"] for frame in await replayed.frames(len(titles))], name
        assert 8 == len(hub.hub.subscribers)
        assert 8 == hub.hub.subscribers.count_all().connections
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    assert [] == hub.hub.subscribers.everyone()


async def test_without_the_setting_they_are_refused(tmp_path: Path) -> None:
    """As before: with and without a directory, on every transport."""
    for url in ("off", await make_directory(tmp_path)):
        async with run_hub(tmp_path / ("off" if url == "off" else "on"), directory_url=url) as hub:
            headers = {"authorization": f"Bearer {hub.token(ANA, None)}"}
            for path in ("/sse", "/poll"):
                refused = await hub.http.get(path, headers=headers)
                assert (403, "user_not_allowed") == (refused.status_code, refused.json()["code"])


async def test_the_directory_finds_them_by_their_id_alone(hub: RunningHub) -> None:
    """A publish with `user_id` alone reaches a person without an account as it reaches any other user."""
    async with hub.websocket(hub.token(ANA, None)) as ana:
        assert 1 == (await send(hub, "one", user_id=ANA)).json()["connections"]
        assert "one" == (await ana.frame())["title"]
        assert (422, "unknown_target") == refused(await send(hub, "two", user_id=ANA, account_id=HOME))
        assert (422, "unknown_target") == refused(await send(hub, "two", user_id=BUYER, account_id=WITHOUT_ACCOUNT))


async def test_all_of_them_cannot_be_addressed_at_once(either: RunningHub) -> None:
    """They have nothing in common: what stands in for their account is not one."""
    assert (400, "no_target") == refused(await send(either, "all", account_id=WITHOUT_ACCOUNT))
    batch = {"notifications": [{"type": "stock_alert", "title": "t", "message": "m", "account_id": WITHOUT_ACCOUNT}]}
    answer = (await either.post("/api/internal/notify/batch", batch)).json()["results"][0]
    assert "no_target" == answer["problem"]["code"]


async def test_a_bound_key_does_not_reach_them(hub: RunningHub, keys: dict[str, str]) -> None:
    """Nor does it learn that they exist: the response is the one for somebody who does not."""
    hub.key = keys["bound"]
    nobody = await send(hub, "one", user_id="cliente-9")
    person = await send(hub, "one", user_id=ANA)
    assert (422, nobody.json()["detail"]) == (person.status_code, person.json()["detail"])
    assert (403, "forbidden") == refused(await send(hub, "one", user_id=ANA, account_id=WITHOUT_ACCOUNT))
    body = {"user_id": ANA, "account_id": WITHOUT_ACCOUNT}
    assert (403, "forbidden") == refused(await hub.post("/api/internal/disconnect", body))


async def test_no_token_makes_a_user_another_person(hub: RunningHub) -> None:
    """A claim of an account, the stand-in's included, must be what the directory says."""
    for user, account in [(BUYER, WITHOUT_ACCOUNT), (ANA, HOME), (ANA, VIRTUAL), ("cliente-9", None)]:
        answer = await hub.http.get("/poll", headers={"authorization": f"Bearer {hub.token(user, account)}"})
        assert (403, "user_not_allowed") == refused(answer), (user, account)
    # The role is the directory's: a claim of super_admin opens no virtual account.
    async with hub.websocket(hub.token(ANA, None, role="super_admin")) as ana:
        await send(hub, "virtual", account_id=VIRTUAL)
        await send(hub, "own", user_id=ANA)
        assert "own" == (await ana.frame())["title"]


async def test_an_account_ends_the_connection(hub: RunningHub, tmp_path: Path) -> None:
    """A person who gets an account while connected comes back as its user; nothing for the account came before."""
    async with hub.websocket(hub.token(ANA, None)) as ana:
        await execute(tmp_path, f"UPDATE users SET account_id = '{HOME}' WHERE id = '{ANA}'")
        closed = await ana.wait_closed()
        assert closed == CloseCode.NOT_ALLOWED
    async with hub.websocket(hub.token(ANA, None)) as ana:
        await send(hub, "home", account_id=HOME)
        assert "home" == (await ana.frame())["title"]


async def test_an_operator_disconnects_them_by_name(hub: RunningHub) -> None:
    """A person by id; with the stand-in as the account all of them; each time nobody else."""
    async with (
        hub.websocket(hub.token(ANA, None)) as ana,
        hub.websocket(hub.token(BIA, None)) as bia,
        hub.websocket(hub.token(BUYER, HOME)) as buyer,
    ):
        assert {"closed": 1, "revoked": False} == (await hub.post("/api/internal/disconnect", {"user_id": ANA})).json()
        await ana.wait_closed()
        body = {"account_id": WITHOUT_ACCOUNT}
        assert {"closed": 1, "revoked": False} == (await hub.post("/api/internal/disconnect", body)).json()
        await bia.wait_closed()
        await send(hub, "still there", user_id=BUYER)
        assert "still there" == (await buyer.frame())["title"]


async def test_the_limit_for_each_user_holds(tmp_path: Path) -> None:
    """The stand-in is not a user: many people may be connected, each as often as any user."""
    async with (
        run_hub(tmp_path, people_without_account=True, max_connections_per_user=1) as hub,
        hub.websocket(hub.token(BIA, None)) as bia,
        hub.websocket(hub.token(ANA, None)) as first,
        hub.websocket(hub.token(ANA, None)),
    ):
        await first.wait_closed()
        await send(hub, "bia", user_id=BIA, account_id=WITHOUT_ACCOUNT)
        assert "bia" == (await bia.frame())["title"]


def test_their_targets_are_their_own_alone() -> None:
    """The one rule on which live delivery, replay and polling rest."""
    assert (user_target(WITHOUT_ACCOUNT, ANA),) == subscriber_targets(WITHOUT_ACCOUNT, ANA)
    assert (user_target(HOME, ANA), account_target(HOME), EVERYONE) == subscriber_targets(HOME, ANA)


def refused(response: httpx.Response) -> tuple[int, str]:
    """Return the status and the code of a refusal."""
    return response.status_code, response.json().get("code", "")
