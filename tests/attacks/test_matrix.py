"""Tenant isolation as a generated matrix: every actor at every route with every spelling of an id.

The routes come from the running hub; one that has no row here turns the test red, so that nobody adds a
door without saying who may walk through it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from hub.directory.demo import DEMO_USERS, create_demo_directory
from hub.push.vapid import make_key_file
from hub.target import WITHOUT_ACCOUNT
from tests.attacks.identity import (
    ACCOUNT,
    HOSTILE_IDS,
    OTHER_ACCOUNT,
    OTHER_USER,
    USER,
    is_usable,
    write_keys,
)
from tests.harness import DEADLINE_S, EventStream, RunningHub, WebSocket, run_hub
from tests.push.browser import Browser

TYPE = "stock_alert"
EVERY_OPERATION = ["publish", "stats", "disconnect", "observe", "forget", "webhooks"]
KEYS: dict[str, dict[str, object]] = {
    "key": {"everyone": True, "operations": EVERY_OPERATION},
    "bound": {"accounts": [ACCOUNT], "operations": EVERY_OPERATION},
    "typed": {"types": ["order_created"]},
    "reader": {"operations": ["stats"]},
}

#: Which kind of door each route is. The first four stand before the framework.
DOORS = {
    ("GET", "/ws"): "user",
    ("GET", "/sse"): "user",
    ("GET", "/poll"): "user",
    ("GET", "/streams/me"): "user",
    ("POST", "/api/ticket"): "user only",
    ("GET", "/api/inbox"): "user",
    ("POST", "/api/inbox"): "user",
    ("GET", "/api/preferences"): "user",
    ("PUT", "/api/preferences"): "user",
    ("GET", "/api/push"): "user",
    ("PUT", "/api/push"): "user",
    ("DELETE", "/api/push"): "user",
    ("POST", "/api/ack"): "user",
    ("POST", "/api/internal/notify"): "publish",
    ("POST", "/api/internal/notify/batch"): "publish",
    ("POST", "/api/internal/signal"): "publish",
    ("GET", "/api/internal/ws-stats"): "stats",
    ("GET", "/metrics"): "stats",
    ("POST", "/api/internal/disconnect"): "disconnect",
    ("POST", "/api/internal/forget"): "forget",
    ("POST", "/api/internal/explain"): "explain",
    ("GET", "/api/internal/observe"): "observe",
    ("POST", "/api/internal/connections"): "find",
    ("GET", "/api/internal/notifications/{id}"): "trace",
    ("GET", "/api/internal/push"): "observe",
    ("GET", "/api/internal/webhooks"): "observe",
    ("POST", "/api/internal/webhooks/{id}/repeat"): "repeat",
    ("PUT", "/api/internal/relay"): "report",
    ("GET", "/health/live"): "open",
    ("GET", "/health/ready"): "open",
    ("GET", "/"): "open",
    ("GET", "/console"): "open",
    ("GET", "/console/console.js"): "open",
    ("GET", "/console/console.css"): "open",
    ("GET", "/schema"): "open",
    ("GET", "/schema/openapi.json"): "open",
    ("GET", "/schema/openapi-3.0.json"): "open",
    ("GET", "/schema/asyncapi.json"): "open",
    ("GET", "/schema/frames.json"): "open",
}
#: "own": only where the id is the key's own account; "ids": a good id decides nothing, a bad one is a 400.
ANSWERS = """
            nobody garbage foreign expired user twin person admin ticket key bound typed reader
open        ok     ok      ok      ok      ok   ok   ok     ok    ok     ok  ok    ok    ok
user        401    401     401     401     ok   ok   ok     ok    ok     401 401   401   401
user-only   401    401     401     401     ok   ok   ok     ok    401    401 401   401   401
publish     401    401     401     401     401  401  401    401   401    ids own   typed 403
stats       401    401     401     401     401  401  401    401   401    ok  403   403   ok
disconnect  401    401     401     401     401  401  401    401   401    ids own   403   403
forget      401    401     401     401     401  401  401    401   401    ids own   403   403
explain     401    401     401     401     401  401  401    401   401    ok  ok    403   403
observe     401    401     401     401     401  401  401    401   401    ok  403   403   403
report      401    401     401     401     401  401  401    401   401    ok  ok    ok    403
find        401    401     401     401     401  401  401    401   401    ids own   403   403
trace       401    401     401     401     401  401  401    401   401    404 404   403   403
repeat      401    401     401     401     401  401  401    401   401    404 403   403   403
"""
ACTORS = ANSWERS.split("\n")[1].split()
TABLE = {
    (row.split()[0].replace("-", " "), actor): answer
    for row in ANSWERS.strip().split("\n")[1:]
    for actor, answer in zip(ACTORS, row.split()[1:], strict=True)
}
SUCCESS = {
    "/ws": 101,
    "/console": 308,
    "/api/ticket": 201,
    "/api/ack": 204,
    "/api/internal/notify": 202,
    "/api/internal/notify/batch": 202,
    "/api/internal/signal": 202,
    "PUT /api/push": 204,
    "/api/internal/relay": 204,
    "DELETE /api/push": 204,
}


class Answer(NamedTuple):
    """What an actor got."""

    status: int
    code: str


class Participants:
    """The actors and how each presents itself."""

    def __init__(self, hub: RunningHub, keys: dict[str, str]) -> None:
        self._hub = hub
        self._holders = itertools.count()
        self._credentials = {
            "garbage": "garbage",
            "foreign": hub.token(USER, ACCOUNT, secret="s" * 20 + "x" * 20),
            "expired": hub.token(USER, ACCOUNT, ttl_s=-60),
            "user": hub.token(USER, ACCOUNT),
            "twin": hub.token(USER, OTHER_ACCOUNT),
            # One without an account, as final customers are.
            "person": hub.token(USER, None),
            "admin": hub.token("root", None, role="super_admin"),
            **keys,
        }

    async def headers(self, actor: str) -> dict[str, str]:
        """Return the headers by which `actor` is known."""
        if actor == "nobody":
            return {}
        if actor == "ticket":
            # Of another user each time: one user may hold only so many.
            token = self._hub.token(f"holder-{next(self._holders)}", ACCOUNT)
            issued = await self._hub.http.post("/api/ticket", headers={"authorization": f"Bearer {token}"})
            return {"authorization": f"Bearer {issued.json()['ticket']}"}
        return self._bearer(actor)

    def _bearer(self, actor: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self._credentials[actor]}"}


@pytest.fixture
async def keys(tmp_path: Path) -> dict[str, str]:
    """The keys of the services, by actor."""
    return write_keys(tmp_path / "services.json", KEYS)


@pytest.fixture
async def hub(tmp_path: Path, keys: dict[str, str]) -> AsyncIterator[RunningHub]:
    """A hub that knows the actors."""
    make_key_file(tmp_path / "push.pem")
    settings: dict[str, Any] = {
        "people_without_account": True,
        "max_connections_per_user": 1_000,
        "push_key_file": tmp_path / "push.pem",
        "push_subject": "mailto:ops@example.com",
    }
    async with run_hub(tmp_path, service_keys_file=tmp_path / "services.json", **settings) as hub:
        hub.key = keys["key"]
        yield hub


async def routes_of(hub: RunningHub) -> set[tuple[str, str]]:
    """Return (method, path) of every route of the running hub: the framework's, and what the document tells of.

    A plain ASGI route does not say its methods, so the document has to; one that it does not know has the method "?".
    """
    paths = (await hub.http.get("/schema/openapi.json")).json()["paths"]
    documented = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    routes = hub.hub.http.routes
    listed: set[tuple[str, str]] = {(method, route.path_format) for route in routes for method in route.methods}
    listed |= {("?", route.path_format) for route in routes if not route.methods and route.path not in paths}
    return {(method, path) for method, path in listed | documented if method != "OPTIONS"}


async def ask(hub: RunningHub, actor_headers: dict[str, str], method: str, path: str, identifier: str) -> Answer:
    """Walk up to one door with one id, in the query and, where there is a body, as account and user."""
    query = f"?account_id={quote(identifier, safe='')}&user_id={quote(identifier, safe='')}"
    if path == "/ws":
        return await ask_websocket(hub, actor_headers, path + query)
    # A dot alone is a segment that every client takes away.
    path = path.replace("{id}", quote(identifier, safe="").replace(".", "%2E%2E%2E") or "-")
    content = None if path.endswith(("/ticket", "/repeat")) or method == "GET" else body_of(path, identifier)
    headers = {**actor_headers, "content-type": "application/json"}
    async with hub.http.stream(method, path + query, content=content, headers=headers) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            return Answer(response.status_code, "")
        text = await response.aread()
    problem: dict[str, Any] = json.loads(text) if b'"code"' in text and response.status_code >= 400 else {}
    if path.endswith("/batch") and response.status_code == 202:
        problem = json.loads(text)["results"][0].get("problem", {})
        return Answer(problem.get("status", 202), problem.get("code", ""))
    return Answer(response.status_code, problem.get("code", ""))


async def ask_websocket(hub: RunningHub, headers: dict[str, str], path: str) -> Answer:
    """Shake hands as a deployed frontend; the refusal is then an HTTP answer."""
    try:
        async with connect(hub.ws_url + path, additional_headers=headers, compression=None, proxy=None) as connection:
            hello = json.loads(await connection.recv())
            return Answer(101, "" if hello["type"] == "connection_established" else hello["type"])
    except InvalidStatus as refusal:
        return Answer(refusal.response.status_code, json.loads(refusal.response.body)["code"])


def body_of(path: str, identifier: str) -> bytes:
    """Return the body that names `identifier` as account (and the user in it)."""
    if path == "/api/inbox":
        # Whose it is only the token says.
        return b"{}"
    if path.endswith(("disconnect", "connections", "forget")):
        return msgspec.json.encode({"account_id": identifier, "user_id": USER})
    if path == "/api/push":
        return msgspec.json.encode(Browser("https://push.example.com/" + quote(identifier[:500])).subscription())
    if path.endswith("ack"):
        # The user is whom the token names; a cursor of theirs confirms nothing that was not handed to them.
        return b'{"cursor":"k3v9q2m7xa-1"}'
    if path.endswith("signal"):
        return msgspec.json.encode({"type": "orders:updated", "account_id": identifier, "user_id": USER})
    if path.endswith("relay"):
        # Whose it is only the key says.
        counts = dict.fromkeys(("waiting_rows", "dead_rows", "oldest_waiting_seconds", "published"), 0)
        return msgspec.json.encode({"instance": "0123456789abcdef", **counts, "interval_seconds": 15})
    if path.endswith("preferences"):
        return msgspec.json.encode({"muted": ["cart_updated"]})
    notification = {"type": TYPE, "title": "t", "message": "m", "account_id": identifier, "user_id": USER}
    return msgspec.json.encode({"notifications": [notification]} if path.endswith("batch") else notification)


def expected_of(door: str, actor: str, method: str, path: str, identifier: str) -> int:
    """Return the status that the table asks for."""
    answer = TABLE[door, actor]
    success = SUCCESS.get(f"{method} {path}") or SUCCESS.get(path, 200)
    if answer == "ok":
        return success
    if answer.isdigit():
        return int(answer)
    if not is_usable(identifier):
        return 400
    if answer == "ids":
        return success
    return success if answer == "own" and identifier == ACCOUNT else 403


async def test_every_actor_at_every_door_with_every_id(hub: RunningHub, keys: dict[str, str]) -> None:
    """Each cell of the matrix answers as the table says, and every refusal has a stable code."""
    assert await routes_of(hub) == DOORS.keys(), "a route has no row in the table, or a row has no route"
    participants = Participants(hub, keys)
    ids = {"own": ACCOUNT, "other": OTHER_ACCOUNT, **HOSTILE_IDS}
    # httpx cannot send it, and no proxy would pass it on: a request target of 65 KiB is the HTTP test's matter.
    ids["very long"] = ids["very long"][:2_000]
    wrong: list[str] = []
    asked = 0
    limit = asyncio.Semaphore(16)

    async def check(actor: str, method: str, path: str, name: str) -> None:
        nonlocal asked
        async with limit:
            answer = await ask(hub, await participants.headers(actor), method, path, ids[name])
        asked += 1
        expected = expected_of(DOORS[method, path], actor, method, path, ids[name])
        if answer.status != expected or (answer.status >= 400) != bool(answer.code):
            wrong.append(f"{actor} {method} {path} [{name}]: {answer} instead of {expected}")

    async with asyncio.TaskGroup() as tasks:
        for method, path in DOORS:
            # Ids mean something in a body alone; elsewhere a part of them stands for all.
            step = {"publish": 1, "disconnect": 1, "forget": 4, "find": 1, "open": 20}.get(DOORS[method, path], 4)
            for name in list(ids)[::step]:
                for actor in ACTORS:
                    tasks.create_task(check(actor, method, path, name))
    assert [] == sorted(wrong)
    assert asked > 2_000
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
SPELLINGS = (
    "{}/",
    "/{}",
    "{}/.",
    "/.{}",
    "/x/..{}",
    "{}/..;/",
    "{}%00",
    "{}%20",
    "{}.json",
    "{};a=b",
    "{}%2f",
    "{}/*",
    "{}#x",
    "{}?x",
)


async def test_no_spelling_of_a_route_is_an_open_door(hub: RunningHub) -> None:
    """Without a credential no method and no spelling of a path gets more than an open route gives."""
    opened: list[str] = []
    for _, path in DOORS:
        door = next(kind for (_, other), kind in DOORS.items() if other == path)
        variants = [*(spelling.format(path) for spelling in SPELLINGS), path.upper(), path.replace("a", "%61"), path]
        for variant in variants:
            for method in METHODS:
                if door == "open" and method in {"GET", "HEAD"}:
                    continue
                # As it is, past what httpx makes of a path.
                response = await hub.http.request(method, "/", extensions={"target": variant.encode()})
                if response.status_code not in {400, 401, 404, 405, 426}:
                    opened.append(f"{method} {variant}: {response.status_code}")
    assert [] == opened


async def test_a_hostile_id_reaches_nobody_but_its_owner(hub: RunningHub) -> None:
    """What is sent to a look-alike of a user or an account arrives at exactly the users who have that very id."""
    observers = {
        "user": (USER, ACCOUNT),
        "colleague": (OTHER_USER, ACCOUNT),
        "twin": (USER, OTHER_ACCOUNT),
        "person": (USER, None),
        "admin": ("root", None),
    }
    # What stands in for an account of people who have none is refused as one, and names people beside a user.
    usable = {
        name: text for name, text in HOSTILE_IDS.items() if is_usable(text) and text not in {"e", WITHOUT_ACCOUNT}
    }
    async with AsyncExitStack() as stack:
        clients: dict[str, WebSocket | EventStream] = {}
        for name, (user_id, account_id) in observers.items():
            token = hub.token(user_id, account_id, role="super_admin" if name == "admin" else "user")
            clients[f"{name} over websocket"] = await stack.enter_async_context(hub.websocket(token))
            clients[f"{name} over sse"] = await stack.enter_async_context(hub.events(token))
        owners: dict[str, WebSocket | EventStream] = {}
        for name, text in usable.items():
            if text.isprintable():  # a token may not hold what splits log lines
                owners[name] = await stack.enter_async_context(hub.websocket(hub.token(text, text)))
        for text in usable.values():
            targets: list[dict[str, Any]] = [
                {"account_id": text},
                {"account_id": text, "user_id": text},
                {"account_id": ACCOUNT, "user_id": text},
                {"account_id": text, "user_id": USER},
            ]
            for target in targets:
                published = await hub.publish(title=json.dumps(target), **target)
                assert 202 == published.status_code, target
        await hub.publish(title="for all", everyone=True)
        await hub.publish(title="for all", user_id=USER, account_id=WITHOUT_ACCOUNT)

        got = {name: await titles_until(client, "for all") for name, client in clients.items()}
        virtual = HOSTILE_IDS["virtual"]
        # The super admin's account has that id, so this one is rightly theirs.
        assert [json.dumps({"account_id": virtual})] == got.pop("admin over websocket")
        assert [json.dumps({"account_id": virtual})] == got.pop("admin over sse")
        assert {} == {name: titles for name, titles in got.items() if titles}
        for name, client in owners.items():
            own = [{"account_id": usable[name]}, {"account_id": usable[name], "user_id": usable[name]}]
            assert [json.dumps(target) for target in own] == await titles_until(client, "for all"), name
        assert len(owners) > 20


async def titles_until(client: WebSocket | EventStream, last: str) -> list[str]:
    """Return the titles of all frames before the one called `last`."""
    titles: list[str] = []
    while (frame := await client.frame()).get("title") != last:
        titles.append(frame.get("title") or frame["type"])
    return titles


async def refuse_everywhere(hub: RunningHub, cursor: str) -> None:
    """Present what is not a cursor at every door: it opens none."""
    token = hub.token(USER, OTHER_ACCOUNT)
    async with hub.websocket(token, cursor=quote(cursor), greet=False) as websocket:
        assert 4504 == await websocket.wait_closed()
    for path in ("/sse", "/poll"):
        answer = await hub.http.get(path, params={"cursor": cursor}, headers={"authorization": f"Bearer {token}"})
        assert (400, "invalid_cursor") == (answer.status_code, answer.json()["code"])
    for live in ({}, {"live": "sse"}, {"live": "long-poll"}):
        query = {"offset": cursor, **live}
        answer = await hub.http.get("/streams/me", params=query, headers={"authorization": f"Bearer {token}"})
        assert (400, "invalid_cursor") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("resume", ["cursor of another account", "beginning of the log", "gap", "hostile"])
async def test_a_cursor_opens_no_other_account(hub: RunningHub, resume: str) -> None:
    """Whoever presents whichever cursor is replayed only what their own credential matches."""
    first = (await hub.publish(title="before", account_id=ACCOUNT)).json()["cursor"]
    await hub.publish(title="user's", account_id=ACCOUNT, user_id=USER)
    await hub.publish(title="account's", account_id=ACCOUNT)
    await hub.publish(title="twin's", account_id=OTHER_ACCOUNT, user_id=USER)
    epoch = first.partition("-")[0]
    cursors = {
        "cursor of another account": [first],
        "beginning of the log": [f"{epoch}-0"],
        "gap": [f"{epoch}-zzzz", "aaaaaaaaaa-0"],
        "hostile": [
            "*",
            ">",
            f"{epoch}-*",
            f"{epoch}-0\u0660",
            f"{epoch}--1",
            "0",
            "\u202e",
            f"{epoch}-zzzzzzzzzzzzzz",
        ],
    }[resume]
    for cursor in cursors:
        if resume == "hostile":
            await refuse_everywhere(hub, cursor)
            continue
        async with (
            hub.websocket(hub.token(USER, OTHER_ACCOUNT), cursor=quote(cursor)) as websocket,
            hub.events(hub.token(USER, OTHER_ACCOUNT), cursor=cursor) as events,
        ):
            await hub.publish(title="now", everyone=True)
            bearer = {"authorization": f"Bearer {hub.token(USER, OTHER_ACCOUNT)}"}
            page = await hub.http.get("/poll", params={"cursor": cursor}, headers=bearer)
            assert {frame["title"] for frame in page.json()["frames"]} <= {
                "twin's",
                "now",
                "Notificações antigas indisponíveis",
            }
            stream = await hub.http.get("/streams/me", params={"offset": cursor}, headers=bearer)
            assert (410 if resume == "gap" else 200) == stream.status_code
            read = [] if resume == "gap" else [frame["title"] for frame in stream.json()]
            assert {*read} <= {"twin's", "now"}
            for client in (websocket, events):
                titles = await titles_until(client, "now")
                if resume == "gap":
                    assert "gap" == client.hello["data"]["resume"]
                    assert ["Notificações antigas indisponíveis"] == titles
                else:
                    assert "twin's" == titles[0]
                    assert {"twin's"} == set(titles) - {"now"}


async def test_an_operator_bound_to_an_account_disconnects_nobody_else(hub: RunningHub, keys: dict[str, str]) -> None:
    """A bound key closes its own account's connections; by user, token or jti it would reach further, so it may not."""
    bound = {"authorization": f"Bearer {keys['bound']}", "content-type": "application/json"}
    async with hub.websocket(hub.token(USER, ACCOUNT)) as own, hub.websocket(hub.token(USER, OTHER_ACCOUNT)) as twin:
        further: list[dict[str, object]] = [
            {"account_id": OTHER_ACCOUNT},
            {"account_id": OTHER_ACCOUNT, "user_id": USER},
            {"user_id": USER},
            {"token": "0" * 64},
            {"jti": "x"},
            {"user_id": USER, "revoke": True},
        ]
        for asked in further:
            answer = await hub.http.post("/api/internal/disconnect", json=asked, headers=bound)
            code = "forbidden" if "account_id" in asked else "key_limited_to_accounts"
            assert (403, code) == (answer.status_code, answer.json()["code"]), asked
        answer = await hub.http.post("/api/internal/disconnect", json={"account_id": ACCOUNT}, headers=bound)
        assert {"closed": 1, "revoked": False} == answer.json()
        assert 4502 == await own.wait_closed()
        await hub.publish(title="still here", account_id=OTHER_ACCOUNT)
        assert "still here" == (await twin.frame())["title"]


async def test_a_bound_key_learns_nothing_of_the_whole(hub: RunningHub, keys: dict[str, str]) -> None:
    """Statistics and metrics count everybody, so a key that is bound to an account reads neither."""
    bound = {"authorization": f"Bearer {keys['bound']}"}
    for path in ("/api/internal/ws-stats", "/metrics", "/api/internal/observe"):
        answer = await hub.http.get(path, headers=bound)
        assert (403, "key_limited_to_accounts") == (answer.status_code, answer.json()["code"])


async def test_a_bound_key_cannot_ask_whose_customer_somebody_is(tmp_path: Path) -> None:
    """By user id alone, somebody of another account and nobody at all are the same 422 to a bound key."""
    mine, theirs, nobody = DEMO_USERS[0], DEMO_USERS[1], "99999999999"
    keys = write_keys(tmp_path / "services.json", {"bound": {"accounts": [mine.account_id]}})
    await create_demo_directory(tmp_path / "directory.sqlite3")
    directory = f"sqlite+aiosqlite:///{tmp_path / 'directory.sqlite3'}"
    async with run_hub(tmp_path, service_keys_file=tmp_path / "services.json", directory_url=directory) as hub:
        hub.key = keys["bound"]
        assert 202 == (await hub.publish(user_id=mine.user_id)).status_code
        elsewhere, unknown = [await hub.publish(user_id=user_id) for user_id in (theirs.user_id, nobody)]
        assert (422, "unknown_target") == (unknown.status_code, unknown.json()["code"])
        assert unknown.content == elsewhere.content
        accounts: list[dict[str, Any]] = [{}, {"account_id": mine.account_id}]
        for account in accounts:
            together, none = [
                await hub.publish(user_ids=[mine.user_id, who], **account) for who in (theirs.user_id, nobody)
            ]
            assert (422, "unknown_target") == (none.status_code, none.json()["code"])
            assert none.content == together.content
    assert mine.account_id != theirs.account_id


async def test_services_do_not_answer_for_each_others_keys(hub: RunningHub, keys: dict[str, str]) -> None:
    """The same Idempotency-Key of two services is two notifications."""
    ids = set()
    for actor in ("key", "bound"):
        headers = {"authorization": f"Bearer {keys[actor]}", "idempotency-key": "same"}
        answer = await hub.publish(headers=headers, account_id=ACCOUNT)
        assert not answer.json()["duplicate"]
        ids.add(answer.json()["id"])
    assert 2 == len(ids)


async def test_renewing_moves_nobody_into_another_account(hub: RunningHub) -> None:
    """A token of the same user id in another account ends the connection instead of renewing it."""
    for other in (hub.token(USER, OTHER_ACCOUNT), hub.token(OTHER_USER, ACCOUNT), hub.token("root", None)):
        async with hub.websocket(hub.token(USER, ACCOUNT)) as client:
            await client.connection.send(json.dumps({"type": "auth", "token": other}))
            assert 4501 == await client.wait_closed()
            async with asyncio.timeout(DEADLINE_S):
                await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
