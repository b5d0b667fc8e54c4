"""The AsyncAPI document: valid by its own parser, complete, and what a real connection carries."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import httpx_sse
import jsonschema
import msgspec
import pytest
from jsonschema import Draft7Validator

from contracts.closing import CloseCode
from contracts.frame import FEATURES, RESERVED_TYPES, Ack, Auth
from hub.api.openapi.asyncapi import build_asyncapi
from hub.api.openapi.document import encode_document
from hub.language import DEFAULT_LANGUAGE, TEXTS
from hub.publish.registry import load_type_registry
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

ROOT = Path(__file__).parents[3]
REGISTRY = load_type_registry(["contracts.avelarsys", "tests.contracts.company"])
DOCUMENT = build_asyncapi(REGISTRY, version="1.2.3", texts=TEXTS[DEFAULT_LANGUAGE])
PARSER_DEADLINE_S = 120


def payloads(channel: str, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the schema of each message of a channel, by the frame's `type`."""
    found = {}
    for reference in document["channels"][channel]["messages"].values():
        message = document["components"]["messages"][reference["$ref"].rpartition("/")[2]]
        found[message["name"]] = message["payload"]
    return found


def check(frame: dict[str, Any], channel: str, document: dict[str, Any]) -> None:
    """Raise where a frame is not what its channel says it carries."""
    schema = payloads(channel, document)[frame["type"]]
    Draft7Validator({**schema, "components": document["components"]}).validate(frame)


def test_its_own_parser_takes_it(tmp_path: Path) -> None:
    """AsyncAPI's parser finds neither an error nor a warning, in the checked-in document and a company's."""
    own = tmp_path / "asyncapi.json"
    own.write_bytes(encode_document(DOCUMENT))
    command = ["node", "clients/codegen/asyncapi.mjs", "openapi/asyncapi.json", str(own)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PARSER_DEADLINE_S, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert 2 == len(re.findall(r"AsyncAPI 3\.0\.0, \d+ messages", done.stdout))


def test_its_own_parser_refuses_another(tmp_path: Path) -> None:
    """The same check fails for a document with a reference that leads nowhere."""
    broken = tmp_path / "asyncapi.json"
    broken.write_bytes(
        encode_document(DOCUMENT).replace(b'"#/components/messages/Gap"', b'"#/components/messages/Gone"')
    )
    command = ["node", "clients/codegen/asyncapi.mjs", str(broken)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PARSER_DEADLINE_S, check=False)
    assert 1 == done.returncode
    assert "Gone" in done.stderr


def test_every_frame_is_there() -> None:
    """Each struct a subscriber may receive is a message of a channel, and so are those a client may send."""
    told = {**payloads("ws", DOCUMENT), **payloads("sse", DOCUMENT)}
    spoken = {*REGISTRY.types, *REGISTRY.signals, *RESERVED_TYPES}
    assert spoken == told.keys()
    assert len(REGISTRY.frames) + 3 == len(told)
    (received,) = DOCUMENT["operations"]["receiveAuth"]["messages"]
    assert "#/channels/ws/messages/Auth" == received["$ref"]


def test_every_example_is_of_its_message() -> None:
    """Each message has an example, and it passes its schema."""
    for name, message in DOCUMENT["components"]["messages"].items():
        if name in {"Page", "Auth"}:
            continue
        (example,) = message["examples"]
        Draft7Validator({**message["payload"], "components": DOCUMENT["components"]}).validate(example["payload"])


def test_every_close_code_is_there() -> None:
    """The codes a program can read are those of the contract, each with what a client does."""
    codes = DOCUMENT["channels"]["ws"]["x-close-codes"]
    assert {int(code) for code in CloseCode} == {row["code"] for row in codes}
    assert {row["code"] >= 4500 for row in codes if row["client"] == "stop"} == {True}
    assert {row["code"] >= 4500 for row in codes if row["client"] == "come back"} == {False}


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with quick heartbeats."""
    async with run_hub(tmp_path, heartbeat_s=0.5) as running:
        yield running


async def test_what_a_connection_carries_is_documented(hub: RunningHub) -> None:
    """Over WebSocket, stream and polling, each frame of a life from greeting to end is one its channel names."""
    served = (await hub.http.get("/schema/asyncapi.json")).json()
    async with hub.websocket() as socket, hub.events() as events:
        check(socket.hello, "ws", served)
        check(events.hello, "sse", served)
        cursor = socket.hello["data"]["cursor"]
        await hub.publish(type="order_created", user_id=USER, account_id=ACCOUNT, data={"orderId": 7, "items": [{}]})
        seen: set[str] = set()
        while not {"order_created", "heartbeat"} <= seen:
            frame = await socket.frame()
            check(frame, "ws", served)
            seen.add(frame["type"])
        await socket.connection.send(msgspec.json.encode(Auth(token=hub.token())).decode())
        while "auth_accepted" not in seen:
            frame = await socket.frame()
            check(frame, "ws", served)
            seen.add(frame["type"])
        check(await events.frame(), "sse", served)
        page = await hub.http.get("/poll", params={"cursor": cursor, "token": hub.token()})
        schema = {**payloads("poll", served)["page"], "components": served["components"]}
        Draft7Validator(schema).validate(page.json())
        assert ["order_created"] == [frame["type"] for frame in page.json()["frames"]]
        await socket.connection.send(msgspec.json.encode(Ack(cursor=page.json()["cursor"])).decode())
        assert 200 == (await hub.post("/api/internal/disconnect", {"user_id": USER})).status_code
        last = await events.wait_closed()
        for frame in last:
            check(frame, "sse", served)
        assert "closing" == last[-1]["type"]
        assert await socket.wait_closed() in {row["code"] for row in served["channels"]["ws"]["x-close-codes"]}


async def test_what_tells_of_a_users_state_is_documented(hub: RunningHub) -> None:
    """The frames of inbox and preferences, live and in a page; and the greeting names nothing that has no words."""
    served = (await hub.http.get("/schema/asyncapi.json")).json()
    bearer = {"authorization": f"Bearer {hub.token()}"}
    async with hub.websocket() as socket, hub.events(protocol="hub.v1") as events:
        published = (await hub.publish(type="order_created", data={"orderId": 7, "items": [{}]})).json()
        changes = {"read": [published["id"]], "archive": [published["id"]], "read_until": published["cursor"]}
        assert 200 == (await hub.http.post("/api/inbox", json=changes, headers=bearer)).status_code
        assert (
            200 == (await hub.http.put("/api/preferences", json={"muted": ["stock_alert"]}, headers=bearer)).status_code
        )
        assert 200 == (await hub.post("/api/internal/forget", {"user_id": USER})).status_code
        for client, channel in ((socket, "ws"), (events, "sse")):
            frames = await client.frames(4)
            assert ["order_created", "inbox", "preferences", "inbox"] == [frame["type"] for frame in frames]
            for frame in (client.hello, *frames):
                check(frame, channel, served)
        params = {"cursor": published["cursor"], "token": hub.token(), "protocol": "hub.v1"}
        page = (await hub.http.get("/poll", params=params)).json()
        assert ["inbox"] == [frame["type"] for frame in page["frames"]]
        schema = {**payloads("poll", served)["page"], "components": served["components"]}
        Draft7Validator(schema).validate(page)
    data = served["components"]["schemas"]["ConnectionData"]
    (listed,) = data["properties"]["features"]["examples"]
    assert [*FEATURES] == listed
    assert {*socket.hello["data"]["features"]} <= {*listed}
    for word in listed:
        assert f"`{word}`:" in data["description"]


async def read_events(response: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    """Yield the name and the data of each event that has some."""
    async for event in httpx_sse.EventSource(response).aiter_sse():
        if event.data:
            yield event.event, json.loads(event.data)


async def test_what_the_streams_carry_is_documented(hub: RunningHub) -> None:
    """Each event of a reader of Durable Streams, and of an operator, is a message of its channel, by its schema."""
    served = (await hub.http.get("/schema/asyncapi.json")).json()
    schemas = {channel: payloads(channel, served) for channel in ("streams", "observe")}

    def validate(channel: str, name: str, value: Any) -> None:
        Draft7Validator({**schemas[channel][name], "components": served["components"]}).validate(value)

    seen: set[str] = set()
    reading = hub.http.stream("GET", "/streams/me", params={"offset": "-1", "live": "sse", "token": hub.token()})
    async with reading as stream, asyncio.timeout(DEADLINE_S):
        events = read_events(stream)
        await hub.publish(type="order_created", user_id=USER, account_id=ACCOUNT, data={"orderId": 7, "items": [{}]})
        while seen != {"streamBatch", "streamControl"}:
            event, value = await anext(events)
            name = {"data": "streamBatch", "control": "streamControl"}[event]
            validate("streams", name, value)
            # An empty batch says nothing about its items.
            seen |= {name} if value else set()
    with pytest.raises(jsonschema.ValidationError):
        validate("streams", "streamBatch", [{"type": "heartbeat", "cursor": "a"}])
    kinds: set[str] = set()
    watching = hub.http.stream("GET", "/api/internal/observe", headers=hub.headers())
    async with watching as stream, asyncio.timeout(DEADLINE_S):
        events = read_events(stream)
        while kinds != {"introduction", "figures", "feed"}:
            await hub.publish()
            _, value = await anext(events)
            validate("observe", value["type"], value)
            kinds.add(value["type"])
    assert {*kinds, "closing"} == schemas["observe"].keys()


def test_a_frame_of_another_channel_is_refused() -> None:
    """The check above can fail: a stream has no `auth_accepted`, and a gap needs its data."""
    with pytest.raises(KeyError):
        check({"type": "auth_accepted", "expires_at": "a"}, "sse", DOCUMENT)
    with pytest.raises(jsonschema.ValidationError):
        check({"type": "gap", "title": "a", "message": "b"}, "ws", DOCUMENT)
