"""The NATS servers' files: real servers take them, and give each user exactly the rights that they say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bench.raw_nats import RawNats, connect_raw
from tests.cluster.local import find_nats_server
from tests.deploy.prometheus import free_port
from tests.deploy.test_files import DEPLOY

DEADLINE_S = 30.0
PASSWORDS = {"hub": "h1", "admin": "a1", "sys": "s1", "route": "r1"}
STREAM = {
    "name": "hub",
    "subjects": ["hub.log"],
    "storage": "file",
    "num_replicas": 1,
    "allow_direct": True,
    "republish": {"src": "hub.log", "dest": "hub.tap"},
}
#: What a hub must not publish to.
FORBIDDEN = [
    "hub.tap",
    "$JS.API.STREAM.PURGE.hub",
    "$JS.API.STREAM.DELETE.hub",
    "$JS.API.STREAM.UPDATE.hub",
    "$JS.API.STREAM.CREATE.other",
    "$JS.API.STREAM.MSG.DELETE.hub",
    "$JS.API.STREAM.RESTORE.hub",
    "$JS.API.STREAM.SNAPSHOT.hub",
    "$JS.API.STREAM.LEADER.STEPDOWN.hub",
    "$JS.API.STREAM.PEER.REMOVE.hub",
    "$JS.API.CONSUMER.CREATE.hub",
    "$SYS.REQ.SERVER.PING",
    "elsewhere",
]


class Server:
    """A server that runs with a file of deploy/nats."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.process = process

    async def connect(self, user: str, password: str | None = None) -> RawNats:
        """Connect as one of the users."""
        async with asyncio.timeout(DEADLINE_S):
            return await connect_raw(self.port, user, password or PASSWORDS[user])


def environ(folder: Path, name: str = "nats-1") -> dict[str, str]:
    """What the files want of the environment."""
    return {
        "PATH": os.environ["PATH"],
        "NATS_SERVER_NAME": name,
        "NATS_STORE_DIR": f'"{folder}/{name}"',
        **{f"NATS_{user.upper()}_PASSWORD": password for user, password in PASSWORDS.items()},
    }


@contextlib.asynccontextmanager
async def run_server(path: Path, environ: dict[str, str], port: int, monitor: int) -> AsyncIterator[Server]:
    """Run a server until it is healthy, and end it."""
    log = path.with_suffix(".log")
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(find_nats_server(), "--config", str(path)), env=environ, stdout=output, stderr=output
        )
    try:
        async with httpx.AsyncClient(timeout=5) as http, asyncio.timeout(DEADLINE_S):
            while True:
                assert process.returncode is None, log.read_text()
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(f"http://127.0.0.1:{monitor}/healthz")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield Server(port, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """One server, with the accounts of hub.conf and the stream of the administrator."""
    port, monitor = free_port(), free_port()
    path = tmp_path / "one.conf"
    shared = os.path.relpath(DEPLOY / "nats/hub.conf", tmp_path)
    path.write_text(f'include "{shared}"\nlisten: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitor}\n')
    async with run_server(path, environ(tmp_path), port, monitor) as running:
        admin = await running.connect("admin")
        created = json.loads(await ask(admin, "$JS.API.STREAM.CREATE.hub", STREAM))
        assert "error" not in created, created
        admin.close()
        yield running


async def ask(client: RawNats, subject: str, body: object = None) -> bytes:
    """Send a request and return its reply."""
    async with asyncio.timeout(DEADLINE_S):
        return await client.request(subject, b"" if body is None else json.dumps(body).encode())


async def refused(client: RawNats) -> list[str]:
    """Return what the server has refused since the last time."""
    async with asyncio.timeout(DEADLINE_S):
        await client.flush()
    found, client.errors = client.errors, []
    return found


async def test_a_hub_may_what_it_needs(server: Server) -> None:
    """Publish with an acknowledgement, get what is republished, read the stream, ask the other nodes."""
    client, other = await server.connect("hub"), await server.connect("hub")
    try:
        other.subscribe("hub.tap", 2)
        other.subscribe("hub.node.>", 3)
        await other.flush()
        assert 1 == json.loads(await ask(client, "hub.log"))["seq"]
        assert "hub" == json.loads(await ask(client, "$JS.API.STREAM.INFO.hub"))["config"]["name"]
        await ask(client, "$JS.API.DIRECT.GET.hub", {"seq": 1})
        client.publish("hub.node.head", b"1")
        await client.flush()
        async with asyncio.timeout(DEADLINE_S):
            while {"hub.tap", "hub.node.head"} != {subject for subject, _ in other.messages}:
                await other.flush()
        assert [] == [*await refused(client), *await refused(other)]
    finally:
        client.close()
        other.close()


async def test_a_hub_may_not_destroy_nor_forge(server: Server) -> None:
    """Neither what the stream republishes, nor any change of a stream, nor anything outside its own subjects."""
    client = await server.connect("hub")
    for subject in FORBIDDEN:
        client.publish(subject, b"{}")
        (error,) = await refused(client)
        assert "permissions violation for publish" in error.lower(), subject
    client.close()


async def test_a_hub_hears_nothing_else(server: Server) -> None:
    """It subscribes to the tap, its nodes' questions and its own replies."""
    client = await server.connect("hub")
    for number, subject in enumerate((">", "hub.log", "$JS.>", "$SYS.>", "elsewhere"), 10):
        client.subscribe(subject, number)
        (error,) = await refused(client)
        assert "permissions violation for subscription" in error.lower(), subject
    client.close()


async def test_nobody_else_gets_in(server: Server) -> None:
    """A wrong password, an unknown user, and a user of another account see nothing of the stream."""
    for user, password in (("hub", "wrong"), ("nobody", "h1"), ("route", "r1")):
        with pytest.raises(ConnectionError):
            await server.connect(user, password)
    system = await server.connect("sys")
    system.publish("hub.log", b"{}")
    await system.flush()
    system.close()
    client = await server.connect("hub")
    assert 0 == json.loads(await ask(client, "$JS.API.STREAM.INFO.hub"))["state"]["messages"]
    client.close()


async def test_three_servers_with_tls(tmp_path: Path) -> None:
    """server.conf as it stands, with certificates of make-tls.sh: a cluster forms, and nobody speaks in clear."""
    made = subprocess.run(
        [DEPLOY / "nats/make-tls.sh", "nats-1", "nats-2", "nats-3"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (0, "") == (made.returncode, made.stderr)
    ports = {name: [free_port() for _ in range(3)] for name in ("nats-1", "nats-2", "nats-3")}
    routes = ", ".join(f"nats-route://route:r1@127.0.0.1:{cluster}" for _, cluster, _ in ports.values())
    async with contextlib.AsyncExitStack() as stack:
        starting = []
        for name, (port, cluster, monitor) in ports.items():
            folder = tmp_path / f"configuration-{name}"
            shutil.copytree(DEPLOY / "nats", folder)
            tls = tmp_path / "tls" / name
            settings = environ(tmp_path, name) | {
                "NATS_PORT": str(port),
                "NATS_CLUSTER_PORT": str(cluster),
                "NATS_ADVERTISE": f"127.0.0.1:{cluster}",
                "NATS_MONITOR_PORT": str(monitor),
                "NATS_ROUTES": f"[{routes}]",
                "NATS_TLS_CERT": f'"{tls}/server.pem"',
                "NATS_TLS_KEY": f'"{tls}/server.key"',
                "NATS_TLS_CA": f'"{tls}/authority.pem"',
            }
            starting.append(stack.enter_async_context(run_server(folder / "server.conf", settings, port, monitor)))
        # At once: a server alone is not healthy, for it has no leader.
        servers = await asyncio.gather(*starting)
        with pytest.raises(ConnectionError):
            await servers[0].connect("hub")
        context = ssl.create_default_context(cafile=str(tmp_path / "tls/authority.pem"))
        port = servers[1].port
        admin = await connect_raw(port, "admin", "a1", tls=context, server_hostname="nats-2")
        created = json.loads(await ask(admin, "$JS.API.STREAM.CREATE.hub", STREAM | {"num_replicas": 3}))
        assert "error" not in created, created
        admin.close()
        client = await connect_raw(servers[2].port, "hub", "h1", tls=context, server_hostname="nats-3")
        assert 1 == json.loads(await ask(client, "hub.log"))["seq"]
        client.close()
        for each in servers:
            each.process.send_signal(signal.SIGTERM)
