"""The WPPConnect bridge: a company's own types, from its Python module to a subscriber's frame."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import ACCOUNT, DEADLINE_S, RunningHub, run_hub
from tests.packages import NODE_MODULES, ROOT, install_service, run

BRIDGE = ROOT / "examples" / "wppconnect-bridge"
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
async def run_bridge(folder: Path, hub: RunningHub) -> AsyncIterator[httpx.AsyncClient]:
    """Run the bridge as a process; yield the gateway, which posts to its webhook."""
    env = {
        "PATH": os.environ["PATH"],
        "NOTIFICATION_HUB_URL": hub.url,
        "NOTIFICATION_HUB_KEY": hub.key,
        "BRIDGE_SECRET": SECRET,
        "BRIDGE_SESSIONS": f"vendas:{ACCOUNT}, suporte:outra-conta",
        "BRIDGE_PORT": "0",
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
        process.terminate()
        async with asyncio.timeout(DEADLINE_S):
            assert 0 == await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def event(**fields: Any) -> dict[str, Any]:
    """Return an event of the gateway."""
    return {"session": "vendas", **fields}


async def test_events_become_typed_frames(hub: RunningHub, installed: Path) -> None:
    """A message, its status and the session's state reach the account, each as the company's own type."""
    async with hub.websocket() as listener, run_bridge(installed, hub) as gateway:
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
    """Own messages, other events and unknown sessions are answered with 204; a QR code and a file stay here."""
    image = "A" * 100_000
    async with hub.websocket() as listener, run_bridge(installed, hub) as gateway:
        for posted in (
            {**MESSAGE, "fromMe": True},
            {**MESSAGE, "session": "desconhecida"},
            event(event="onpresencechanged", id="5511@c.us", isOnline=True),
            event(event="onack", id="x", ack=99),
        ):
            assert 204 == (await gateway.post(f"/webhook/{SECRET}", json=posted)).status_code
        await gateway.post(f"/webhook/{SECRET}", json=event(event="qrcode", qrcode=image, urlcode="2@secret"))
        await gateway.post(f"/webhook/{SECRET}", json={**MESSAGE, "type": "image", "body": image})
        code, picture = await listener.frames(2)
        counts = (await gateway.get("/health")).json()
    assert {"session": "vendas", "state": "waiting", "reason": "qrcode"} == code["data"]
    assert ("Imagem", "image") == (picture["message"], picture["data"]["kind"])
    assert "preview" not in picture["data"]
    assert {"queued": 0, "sent": 2, "failed": 0, "dropped": 0} == counts


async def test_only_the_gateway_may_post(hub: RunningHub, installed: Path) -> None:
    """Without the secret there is nothing here; what is no event of a gateway is refused."""
    async with run_bridge(installed, hub) as gateway:
        for path in ("/", "/webhook/", "/webhook/wrong", f"/{SECRET}"):
            assert 404 == (await gateway.post(path, json=MESSAGE)).status_code
        assert 405 == (await gateway.get(f"/webhook/{SECRET}")).status_code
        for content in (b"", b"{", b"[]", b"1", b'{"event": 1}'):
            assert 400 == (await gateway.post(f"/webhook/{SECRET}", content=content)).status_code


async def test_hub_checks_the_companys_data(hub: RunningHub) -> None:
    """The hub knows nothing of WhatsApp, and tells of a status that the company's module does not name."""
    data = {"session": "vendas", "messageId": "1", "status": "eaten"}
    response = await hub.publish(type="whatsapp:message-status", data=data)
    assert (202, ["$.data.status"]) == (response.status_code, [each["field"] for each in response.json()["warnings"]])


def test_settings_are_named(installed: Path) -> None:
    """A bridge that cannot start says which variable it needs, with an example, and ends with 2."""
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
