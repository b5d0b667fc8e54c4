"""The WPPConnect bridge: a company's own types, from its Python module to a subscriber's frame."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.bounds import Bounds
from hub.webhooks.request import make_fields
from tests.fakes import FakeClock
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, make_settings, run_hub
from tests.outbound.endpoint import Received, open_endpoint, respond_with
from tests.packages import NODE_MODULES, ROOT, install_service, run

BRIDGE = ROOT / "examples" / "wppconnect-bridge"
HUB_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SECRET = "d9f1c3a5e7b90817263544f5e6d7c8b9a"
MESSAGE = {
    "event": "onmessage",
    "session": "vendas",
    "id": "false_5511999990000@c.us_ABC",
    "type": "chat",
    "from": "5511999990000@c.us",
    "body": "Olá, o pedido já saiu?",
    "fromMe": False,
    "isGroupMsg": False,
    "sender": {"pushname": "Ana"},
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the bridge with the packed client installed, built."""
    folder = tmp_path_factory.mktemp("bridge")
    shutil.copytree(BRIDGE / "src", folder / "src")
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(BRIDGE / name, folder)
    install_service(folder)
    built = run(NODE_MODULES / ".bin/tsc", "-p", "tsconfig.json", folder=folder)
    assert (0, "") == (built.returncode, built.stdout)
    return folder


@pytest.fixture
async def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RunningHub]:
    """Run a hub that knows the company's types, as HUB_CONTRACTS=whatsapp_contracts makes it."""
    monkeypatch.syspath_prepend(BRIDGE / "contracts")
    async with run_hub(tmp_path, contracts=("whatsapp_contracts",)) as running:
        yield running


@contextlib.asynccontextmanager
async def run_bridge(
    folder: Path, hub_url: str, key: str, *, kill: bool = False, variables: dict[str, str] | None = None, **more: str
) -> AsyncIterator[httpx.AsyncClient]:
    """Run the bridge as a process; yield the gateway, which posts to its webhook."""
    env = {
        "PATH": os.environ["PATH"],
        "NOTIFICATION_HUB_URL": hub_url,
        "NOTIFICATION_HUB_KEY": key,
        "BRIDGE_SPOOL": tempfile.mkdtemp(dir=folder),
        "BRIDGE_SECRET": SECRET,
        "BRIDGE_SESSIONS": f"vendas:{ACCOUNT}, suporte:outra-conta",
        "BRIDGE_PORT": "0",
        **more,
        **(variables or {}),
    }
    process = await asyncio.create_subprocess_exec(
        "node", "dist/main.js", cwd=folder, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_S):
            line = (await process.stdout.readline()).decode()
        async with httpx.AsyncClient(base_url=line.split()[-1], timeout=DEADLINE_S) as gateway:
            yield gateway
        if kill:
            process.kill()
        else:
            process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            assert (-signal.SIGKILL if kill else 0) == await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def event(**fields: Any) -> dict[str, Any]:
    """Return an event of the gateway."""
    return {"session": "vendas", **fields}


async def wait_for_hub(gateway: httpx.AsyncClient) -> dict[str, Any]:
    """Return the bridge's counts once nothing waits for the hub, whose response comes after the frame."""
    async with asyncio.timeout(DEADLINE_S):
        while (counts := (await gateway.get("/health")).json())["hub"]["waiting"]:
            await asyncio.sleep(0.01)
    return dict(counts)


async def test_events_become_typed_frames(hub: RunningHub, installed: Path) -> None:
    """A message, its status and the session's state reach the account, each as the company's own type."""
    async with hub.websocket() as listener, run_bridge(installed, hub.url, hub.key) as gateway:
        for posted in (
            MESSAGE,
            event(event="onack", id={"_serialized": "true_5511@c.us_DEF"}, ack=3),
            event(event="status-find", status="desconnectedMobile"),
        ):
            assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=posted)).status_code
        message, status, state = await listener.frames(3)
    assert ("whatsapp:message-received", "Mensagem de Ana") == (message["type"], message["title"])
    assert {
        "session": "vendas",
        "messageId": "false_5511999990000@c.us_ABC",
        "chatId": "5511999990000@c.us",
        "kind": "text",
        "isGroup": False,
        "senderName": "Ana",
        "preview": "Olá, o pedido já saiu?",
    } == message["data"]
    assert ("whatsapp:message-status", "read") == (status["type"], status["data"]["status"])
    assert ("whatsapp:session-state", "disconnected") == (state["type"], state["data"]["state"])


async def test_what_nobody_needs_is_not_published(hub: RunningHub, installed: Path) -> None:
    """Own messages, stories, other events and unknown sessions: 204; a QR code and a file stay here."""
    image = "A" * 100_000
    async with hub.websocket() as listener, run_bridge(installed, hub.url, hub.key) as gateway:
        for posted in (
            {**MESSAGE, "fromMe": True},
            {**MESSAGE, "session": "desconhecida"},
            {**MESSAGE, "from": "status@broadcast"},
            event(event="onpresencechanged", id="5511@c.us", isOnline=True),
            event(event="onack", id="x", ack=99),
        ):
            assert 204 == (await gateway.post(f"/webhook/{SECRET}", json=posted)).status_code
        await gateway.post(f"/webhook/{SECRET}", json=event(event="qrcode", qrcode=image, urlcode="2@secret"))
        await gateway.post(f"/webhook/{SECRET}", json={**MESSAGE, "type": "image", "body": image})
        code, picture = await listener.frames(2)
        counts = await wait_for_hub(gateway)
    assert {"session": "vendas", "state": "waiting", "reason": "qrcode"} == code["data"]
    assert ("Imagem", "image") == (picture["message"], picture["data"]["kind"])
    assert "preview" not in picture["data"]
    assert {"waiting": 0, "waitingBytes": 0, "done": 2, "refused": 0} == counts["hub"]
    assert counts["forward"] is None


#: The same message as the three gateways post it.
SHAPES = {
    "wppconnect-server": MESSAGE,
    "several tenants": {
        "event": "message_received",
        "sessionId": "vendas",
        "message": {key: MESSAGE[key] for key in ("id", "from", "body", "type", "isGroupMsg", "sender")},
    },
    "several tenants, flat": {**MESSAGE, "event": "message_received", "session": None, "sessionId": "vendas"},
    "the customer's own": {
        "type": "message_received",
        "message": {
            "id": MESSAGE["id"],
            "from": MESSAGE["from"],
            "to": "5511888880000@c.us",
            "body": MESSAGE["body"],
            "type": "chat",
            "timestamp": 1764000000,
            "isGroupMsg": False,
        },
    },
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_every_gateways_shape_is_the_same_notification(hub: RunningHub, installed: Path, shape: str) -> None:
    """With a session by either name, or with none where there is only one."""
    one = f"vendas:{ACCOUNT}"
    async with hub.websocket() as listener, run_bridge(installed, hub.url, hub.key, BRIDGE_SESSIONS=one) as gateway:
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=SHAPES[shape])).status_code
        frame = await listener.frame()
    assert ("whatsapp:message-received", "Olá, o pedido já saiu?") == (frame["type"], frame["message"])
    expected = {
        "session": "vendas",
        "messageId": MESSAGE["id"],
        "chatId": MESSAGE["from"],
        "kind": "text",
        "isGroup": False,
        "preview": "Olá, o pedido já saiu?",
    }
    assert expected == {name: value for name, value in frame["data"].items() if name != "senderName"}


class Webhook:
    """The webhook that the gateway had before: keeps what it gets, and can be away."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.status = 200
        self.refusals = 0
        self.breaks_over = b"\0"

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one request."""
        request_head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in request_head.splitlines())
        }
        body = await reader.readexactly(int(fields["content-length"]))
        status = 500 if self.breaks_over in body else self.status
        if status == 200:
            self.got.append((fields["content-type"], body))
        else:
            self.refusals += 1
        writer.write(f"HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what the other side receives."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_webhook_from_before_gets_everything_byte_for_byte(hub: RunningHub, installed: Path) -> None:
    """Also what is not a notification or an event, in order, and what was posted while it was away."""
    webhook = Webhook()
    webhook.status = 503
    posts: list[tuple[str, bytes]] = [
        ("application/json", json.dumps(MESSAGE).encode()),
        ("application/json; charset=utf-8", b'{ "event" : "onpresencechanged", "session":"outra" }'),
        ("text/plain", b"not JSON \xff\n\nat all"),
        ("application/json", json.dumps(SHAPES["the customer's own"], ensure_ascii=False).encode()),
    ]
    server = await asyncio.start_server(webhook.respond, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/webhook?token=x"
        async with run_bridge(installed, hub.url, hub.key, BRIDGE_FORWARD_URL=url) as gateway:
            for kind, body in posts:
                await gateway.post(f"/webhook/{SECRET}", content=body, headers={"content-type": kind})
            assert len(posts) == (await gateway.get("/health")).json()["forward"]["waiting"]
            webhook.status = 200
            await wait_until(lambda: len(webhook.got) == len(posts))
        assert posts == webhook.got


async def test_nothing_is_lost_while_the_hub_is_down_and_the_bridge_is_killed(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What got a 202 is on disk: each arrives once, in order, whichever program was down in between."""
    monkeypatch.syspath_prepend(BRIDGE / "contracts")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    spool = str(tmp_path / "spool")
    posted = [{**MESSAGE, "id": f"false_{number}@c.us", "body": str(number)} for number in range(9)]
    async with run_hub(tmp_path / "hub", port=port, contracts=("whatsapp_contracts",)) as hub:
        url, key, secret = hub.url, hub.key, hub.settings.jwt_secret
    keys = tmp_path / "keys.json"
    shutil.copy(tmp_path / "hub" / "keys.json", keys)
    for part in (posted[:3], posted[3:6]):
        async with run_bridge(installed, url, key, kill=True, BRIDGE_SPOOL=spool) as gateway:
            for message in part:
                assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=message)).status_code
    same: dict[str, Any] = {"jwt_secret": secret, "service_keys_file": keys, "contracts": ("whatsapp_contracts",)}
    async with (
        run_hub(tmp_path / "hub", port=port, **same) as hub,
        hub.websocket() as listener,
        run_bridge(installed, url, key, BRIDGE_SPOOL=spool) as gateway,
    ):
        for message in posted[6:]:
            assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=message)).status_code
        frames = await listener.frames(len(posted))
        assert [str(number) for number in range(9)] == [frame["message"] for frame in frames]
        assert 0 == (await wait_for_hub(gateway))["hub"]["refused"]


@pytest.mark.parametrize(
    "named", [{"session": "outra"}, {"sessionId": 99}, {"session": {"id": "x"}}, {"session": None, "sessionId": True}]
)
async def test_a_session_of_somebody_else_is_never_the_default(
    hub: RunningHub, installed: Path, named: dict[str, Any]
) -> None:
    """Only an event that names no session is of the one that is the default, however a session is named."""
    message = {key: MESSAGE[key] for key in ("id", "from", "body", "type", "isGroupMsg")}
    sessions = f"vendas:{ACCOUNT},12:{ACCOUNT}"
    async with (
        hub.websocket() as listener,
        run_bridge(installed, hub.url, hub.key, BRIDGE_SESSIONS=sessions, BRIDGE_DEFAULT_SESSION="vendas") as gateway,
    ):
        for where in ({**named, "message": message}, {"message": {**message, **named}}):
            posted = {"event": "message_received", **where}
            assert 204 == (await gateway.post(f"/webhook/{SECRET}", json=posted)).status_code
        # A name that is a number is a name all the same.
        posted = {"event": "message_received", "sessionId": 12, "message": message}
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=posted)).status_code
        assert "12" == (await listener.frame())["data"]["session"]
        assert 1 == (await wait_for_hub(gateway))["hub"]["done"]


async def test_half_an_emoji_does_not_lose_the_message(hub: RunningHub, installed: Path) -> None:
    """A gateway that cuts text cuts emojis in two, which no hub takes; a tick may come as text."""
    async with hub.websocket() as listener, run_bridge(installed, hub.url, hub.key) as gateway:
        cut = json.dumps({**MESSAGE, "body": "oi \ud83d", "sender": {"pushname": "\ude00 Ana"}})
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", content=cut)).status_code
        frame = await listener.frame()
        assert ("Mensagem de \ufffd Ana", "oi \ufffd") == (frame["title"], frame["message"])
        tick = event(event="onack", id="true_1", ack="3")
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=tick)).status_code
        assert "read" == (await listener.frame())["data"]["status"]


async def test_one_event_that_breaks_the_webhook_does_not_hold_up_the_others(hub: RunningHub, installed: Path) -> None:
    """What gets a 500 is tried for a while and kept aside; a status of "not now" is repeated without a limit."""
    webhook = Webhook()
    webhook.breaks_over = b"venenoso"
    server = await asyncio.start_server(webhook.respond, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        spool = tempfile.mkdtemp(dir=installed)
        async with run_bridge(
            installed, hub.url, hub.key, BRIDGE_FORWARD_URL=url, BRIDGE_SPOOL=spool, BRIDGE_GIVE_UP="0.1"
        ) as gateway:
            for word in ("venenoso", "depois"):
                await gateway.post(f"/webhook/{SECRET}", json={"event": "outro", "session": "x", "body": word})
            await wait_until(lambda: len(webhook.got) == 1)
            assert b"depois" in webhook.got[0][1]
            webhook.status, webhook.refusals = 429, 0
            await gateway.post(f"/webhook/{SECRET}", json={"event": "outro", "session": "x", "body": "cheio"})
            await wait_until(lambda: webhook.refusals >= 3)
            webhook.status = 200
            await wait_until(lambda: len(webhook.got) == 2)
        (aside,) = (Path(spool) / "forward" / "refused").iterdir()
        assert b"venenoso" in aside.read_bytes()


async def test_files_of_others_in_the_spool_stop_nothing(hub: RunningHub, installed: Path) -> None:
    """A foreign, a damaged or a deleted file: the events before and after it are sent."""
    spool = Path(tempfile.mkdtemp(dir=installed))
    (spool / "hub").mkdir()
    note = spool / "hub" / "zz-notes.txt"
    note.write_text("x")
    damaged = spool / "hub" / "000000000007-67a560d8-100a-442b-9cdf-9a823452823f"
    damaged.write_text("{")
    async with (
        hub.websocket() as listener,
        run_bridge(installed, hub.url, hub.key, BRIDGE_SPOOL=str(spool)) as gateway,
    ):
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=MESSAGE)).status_code
        assert MESSAGE["body"] == (await listener.frame())["message"]
        counts = (await wait_for_hub(gateway))["hub"]
        assert (1, 1) == (counts["done"], counts["refused"])
    assert note.exists()
    assert (spool / "hub" / "refused" / damaged.name).exists()

    away = "http://127.0.0.1:9"
    async with run_bridge(installed, away, hub.key, BRIDGE_SPOOL=str(spool)) as gateway:
        await gateway.post(f"/webhook/{SECRET}", json=MESSAGE)
        (waiting,) = (path for path in (spool / "hub").iterdir() if path != note and path.is_file())
        waiting.unlink()
        assert 0 == (await wait_for_hub(gateway))["hub"]["waiting"]


async def test_a_notification_that_waited_has_the_time_of_its_event(
    tmp_path: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a long outage of the hub a notification has the moment of its event."""
    monkeypatch.syspath_prepend(BRIDGE / "contracts")
    spool = str(tmp_path / "spool")
    async with run_bridge(installed, "http://127.0.0.1:9", "hubk_x", BRIDGE_SPOOL=spool) as gateway:
        assert 202 == (await gateway.post(f"/webhook/{SECRET}", json=MESSAGE)).status_code
        taken = datetime.now(UTC)
    async with (
        run_hub(tmp_path / "hub", contracts=("whatsapp_contracts",)) as hub,
        hub.websocket() as listener,
        run_bridge(installed, hub.url, hub.key, BRIDGE_SPOOL=spool),
    ):
        frame = await listener.frame()
    assert datetime.fromisoformat(frame["timestamp"]) <= taken


async def test_a_full_spool_says_so(hub: RunningHub, installed: Path) -> None:
    """Where nothing more can be kept, the gateway gets an error and the operator a log line; what was kept stays."""
    body = {"event": "onmessage", "session": "outra", "body": "x" * 700_000}
    away, least = "http://127.0.0.1:9/", str(2**20)
    async with run_bridge(installed, hub.url, hub.key, BRIDGE_FORWARD_URL=away, BRIDGE_SPOOL_BYTES=least) as gateway:
        assert 204 == (await gateway.post(f"/webhook/{SECRET}", json=body)).status_code
        assert 503 == (await gateway.post(f"/webhook/{SECRET}", json=body)).status_code
        assert 1 == (await gateway.get("/health")).json()["forward"]["waiting"]


async def test_only_the_gateway_may_post(hub: RunningHub, installed: Path) -> None:
    """Without the secret the path is not found; what is not an event of a gateway is refused."""
    async with run_bridge(installed, hub.url, hub.key) as gateway:
        for path in ("/", "/webhook/", "/webhook/wrong", f"/{SECRET}"):
            assert 404 == (await gateway.post(path, json=MESSAGE)).status_code
        assert 405 == (await gateway.get(f"/webhook/{SECRET}")).status_code
        for content in (b"", b"{", b"[]", b"1", b'{"event": 1}'):
            assert 400 == (await gateway.post(f"/webhook/{SECRET}", content=content)).status_code


async def test_hub_checks_the_companys_data(hub: RunningHub) -> None:
    """The hub has no code for WhatsApp, and warns of a status that the company's module does not name."""
    data = {"session": "vendas", "messageId": "1", "status": "eaten"}
    response = await hub.publish(type="whatsapp:message-status", data=data)
    assert (202, ["$.data.status"]) == (response.status_code, [each["field"] for each in response.json()["warnings"]])


def test_settings_are_named(installed: Path) -> None:
    """A bridge that cannot start names the variable that it needs, with an example, and ends with 2."""
    done = run("node", "dist/main.js", folder=installed)
    assert 2 == done.returncode
    expected = "BRIDGE_SECRET: is missing (example: BRIDGE_SECRET=$(openssl rand -hex 32))"
    assert f"wppconnect-bridge: {expected}\n" == done.stderr


def test_types_are_the_modules(tmp_path: Path) -> None:
    """The bridge's TypeScript types are what the hub's document says with the company's module loaded."""
    env = {"PYTHONPATH": str(BRIDGE / "contracts"), "HUB_CONTRACTS": "whatsapp_contracts"}
    document = run(sys.executable, "-m", "hub", "openapi", folder=tmp_path, env=env)
    (tmp_path / "openapi.json").write_text(document.stdout)
    script = ROOT / "clients/codegen/openapi.mjs"
    types = BRIDGE / "src/generated/openapi.ts"
    done = run("node", script, tmp_path / "openapi.json", types, "--check", folder=tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    # What every hub has comes from the service client, and is not written here again.
    assert {"Receipt", "ConnectionEstablished", "OrderData"}.isdisjoint(types.read_text("utf-8").split())


class GatewayApi:
    """The gateway's API as the bridge uses it: it keeps each message by its id, and can be made to respond nothing."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.silent = False

    async def respond(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Respond as wppconnect-server does."""
        assert "Bearer gateway-token" == received.fields["authorization"]
        if received.method == "GET":
            known = any(
                received.target.endswith(f"/message-by-id/{each['options']['messageId']}") for each in self.sent
            )
            await respond_with(200 if known else 404, b"{}", keep=True)(received, writer)
            return
        assert "/api/vendas/send-message" == received.target
        self.sent.append(json.loads(received.body))
        if self.silent:
            await asyncio.Event().wait()
        await respond_with(201, b"{}", keep=True)(received, writer)


def unconfirmed(kind: str = "order_created") -> bytes:
    """Return the body of a webhook of the hub."""
    notification = {"type": kind, "title": "Novo pedido", "message": "Pedido PED-1", "id": "n1"}
    data = {"notification": notification, "account_id": ACCOUNT, "user_id": USER, "by": "read"}
    return json.dumps({"type": "notification.unconfirmed", "data": data}).encode()


async def tell(bridge: httpx.AsyncClient, body: bytes, webhook_id: str = "msg_1", secret: str = HUB_SECRET) -> int:
    """Send a webhook as the hub does; return the status."""
    fields = dict(make_fields(webhook_id, body.decode(), [secret], now_s=time.time()))
    return (await bridge.post("/hub-events", content=body, headers=fields)).status_code


def sending(port: int) -> dict[str, str]:
    """Return the variables of a bridge that sends messages."""
    return {
        "BRIDGE_WEBHOOK_SECRET": HUB_SECRET,
        "BRIDGE_GATEWAY_URL": f"http://127.0.0.1:{port}",
        "BRIDGE_GATEWAY_TOKEN": "gateway-token",
        "BRIDGE_PHONES": f"{USER}:5511999990000",
    }


async def wait_sent(bridge: httpx.AsyncClient) -> dict[str, Any]:
    """Return the counts of messages once none waits for the gateway."""
    async with asyncio.timeout(DEADLINE_S):
        while (counts := (await bridge.get("/health")).json()["send"])["waiting"]:
            await asyncio.sleep(0.01)
    return dict(counts)


async def test_unconfirmed_order_is_one_message(installed: Path) -> None:
    """An order that nobody saw is sent once, however often the hub tells of it; nobody else can have one sent."""
    api = GatewayApi()
    async with (
        open_endpoint(api.respond) as endpoint,
        run_bridge(installed, "http://127.0.0.1:9", "hubk_x", variables=sending(endpoint.port)) as bridge,
    ):
        assert [202, 202] == [await tell(bridge, unconfirmed()) for _ in range(2)]
        assert 2 == (await wait_sent(bridge))["done"]
        (message,) = api.sent
        assert ("5511999990000", "Novo pedido\nPedido PED-1") == (message["phone"], message["message"])
        assert 401 == await tell(bridge, unconfirmed(), "msg_2", secret="whsec_" + "A" * 44)
        assert 401 == (await bridge.post("/hub-events", content=unconfirmed())).status_code
        assert 204 == await tell(bridge, unconfirmed("cart_updated"), "msg_3")
        assert 204 == await tell(bridge, b'{"type":"notification.confirmed","data":{}}', "msg_4")
        assert 202 == await tell(bridge, unconfirmed(), "msg_5")
        await wait_sent(bridge)
    assert 2 == len({each["options"]["messageId"] for each in api.sent}) == len(api.sent)


async def test_kill_while_a_message_is_sent(installed: Path, tmp_path: Path) -> None:
    """A bridge that is killed after the gateway took a message, and before it said so, sends it no second time."""
    api = GatewayApi()
    api.silent = True
    spool = {"BRIDGE_SPOOL": str(tmp_path / "spool")}
    async with open_endpoint(api.respond) as endpoint:
        variables = sending(endpoint.port) | spool
        async with run_bridge(installed, "http://127.0.0.1:9", "hubk_x", kill=True, variables=variables) as bridge:
            assert 202 == await tell(bridge, unconfirmed())
            await endpoint.wait_requests(2)
        api.silent = False
        async with run_bridge(installed, "http://127.0.0.1:9", "hubk_x", variables=variables) as bridge:
            assert 1 == (await wait_sent(bridge))["done"]
    assert 1 == len(api.sent)


async def test_the_circle(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that nobody saw in time becomes a message, whose status comes back, and the trace tells all of it."""
    monkeypatch.syspath_prepend(BRIDGE / "contracts")
    api, wall, monotonic = GatewayApi(), FakeClock(time.time()), FakeClock(0.0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "hub").mkdir()
    settings, key = make_settings(tmp_path / "hub", webhook={"url": "http://127.0.0.1:9/", "secret": HUB_SECRET})
    async with (
        open_endpoint(api.respond) as endpoint,
        run_bridge(installed, f"http://127.0.0.1:{port}", key, variables=sending(endpoint.port)) as bridge,
    ):
        entry = json.loads(settings.service_keys_file.read_text())["keys"][0]  # type: ignore[union-attr]  # it is set
        entry["webhook"] = {
            "url": str(bridge.base_url.join("/hub-events")),
            "secret": HUB_SECRET,
            "allow_private": True,
        }
        keys = tmp_path / "keys.json"
        keys.write_text(json.dumps({"keys": [entry]}))
        async with run_hub(
            tmp_path / "hub",
            monotonic=monotonic,
            now=wall,
            port=port,
            service_keys_file=keys,
            contracts=("contracts.avelarsys", "whatsapp_contracts"),
            bounds=Bounds(webhook_look_s=0.02),
        ) as hub:
            hub.key = key
            receipt = (await hub.publish(type="order_created", confirm={"within_seconds": 60, "by": "read"})).json()
            wall.now_s += 61
            monotonic.now_s += 61
            await endpoint.wait_requests(2)
            assert 1 == len(api.sent)
            token = hub.token(iat=wall.now_s, exp=wall.now_s + 3600)
            async with hub.websocket(token) as listener:
                posted = event(event="onack", id=api.sent[0]["options"]["messageId"], ack=2)
                assert 202 == (await bridge.post(f"/webhook/{SECRET}", json=posted)).status_code
                frame = await listener.frame()
            assert ("whatsapp:message-status", "delivered") == (frame["type"], frame["data"]["status"])
            await hub.wait_until(lambda: hub.hub.metrics.webhook_attempts["tests", "delivered"] == 1)
            path = f"/api/internal/notifications/{receipt['id']}"
            trace = (await hub.http.get(path, headers=hub.headers())).json()
        assert [USER] == [each["user"]["user_id"] for each in trace["escalated"]]
        assert [["202"]] == [[each["outcome"] for each in webhook["last_attempts"]] for webhook in trace["webhooks"]]
