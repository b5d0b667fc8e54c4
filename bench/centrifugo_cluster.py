"""Three Centrifugo nodes over Redis or NATS on this machine, as processes that may be killed: the cluster's peer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import httpx
import jwt

from bench.centrifugo import CENTRIFUGO
from bench.centrifugo_protocol import name_channel
from bench.notice import delivered_text, user_claims
from tests.cluster.checker import Target
from tests.cluster.ledger import User
from tests.cluster.local import find_nats_server, find_ports
from tests.cluster.member import Member

__all__ = ["ENGINES", "CentrifugoCluster", "Engine", "describe_redis", "find_redis", "run_centrifugo_cluster"]

HOST = "127.0.0.1"
SIZE = 3
START_DEADLINE_S = 60.0
#: What a client may have missed and gets all the same: no less than the checker publishes.
HISTORY = 100_000


class Engine(NamedTuple):
    """What the nodes share, and what it is set to."""

    name: str
    settings: str
    #: What an acknowledgement means with it.
    acknowledges: str
    #: The arguments of redis-server; empty where there is none.
    redis: tuple[str, ...] = ()

    @property
    def column(self) -> str:
        """What its column is called."""
        return f"Centrifugo, {self.name}"

    @property
    def keeps_history(self) -> bool:
        """Whether a client can come back for what it missed."""
        return bool(self.redis)


ENGINES = (
    Engine(
        "Redis",
        "`save ''`, `appendonly no`",
        "is in the memory of one Redis",
        ("--save", "", "--appendonly", "no"),
    ),
    Engine(
        "synced Redis",
        "`appendonly yes`, `appendfsync always`",
        "is on the disk of one Redis",
        ("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
    ),
    Engine("NATS", "core NATS as the broker, which has no history", "was handed to NATS; nothing keeps it"),
)


def find_redis() -> str | None:
    """Return the server: Redis, or Valkey; None where neither is installed."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


def describe_redis() -> list[tuple[str, str]]:
    """Return what is installed, and its version."""
    program = find_redis()
    if program is None:
        return []
    said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    found = re.search(r"v=(\S+)", said)
    return [(Path(program).name, found[1])] if found else []


class CentrifugoCluster:
    """The processes; made by `run_centrifugo_cluster`."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.engine = engine
        self._folder = folder
        self._secret, self.key = secrets.token_hex(32), secrets.token_hex(16)
        # Outside those that the kernel gives away: a killed node must find its own again.
        self._engine_port = find_ports()
        self.ports = [self._engine_port + number for number in range(1, SIZE + 1)]
        self.nodes = [self._make_node(number, port) for number, port in enumerate(self.ports, 1)]
        self.shared = self._make_shared()
        self.target = Target([f"http://{HOST}:{port}" for port in self.ports], self.key, self._secret)

    async def start(self) -> None:
        """Start what they share, then the nodes; return when each serves."""
        await self.start_shared()
        for node in self.nodes:
            await node.start()
        await asyncio.gather(*map(self.wait_ready, self.nodes))

    async def start_shared(self) -> None:
        """Start what they share; return when it listens."""
        await self.shared.start()
        async with asyncio.timeout(START_DEADLINE_S):
            while True:
                with contextlib.suppress(OSError), socket.create_connection((HOST, self._engine_port), timeout=1):
                    return
                await asyncio.sleep(0.05)

    async def wait_ready(self, node: Member) -> None:
        """Wait until a node serves.

        Raises:
            TimeoutError: it does not, within a minute.
        """
        url = f"http://{HOST}:{self.ports[self.nodes.index(node)]}/health"
        async with httpx.AsyncClient(timeout=2) as http, asyncio.timeout(START_DEADLINE_S):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get(url)).status_code == 200:
                        return
                assert node.is_running, node.log_path.read_text()[-1000:]
                await asyncio.sleep(0.05)

    async def stop(self) -> None:
        """End all of them."""
        await asyncio.gather(*(node.stop() for node in self.nodes))
        await self.shared.stop()

    def token(self, number: int) -> str:
        """Return a user's token."""
        return jwt.encode(user_claims(number, now_s=int(time.time()), series=0), self._secret, algorithm="HS256")

    def publish_body(self, user: User) -> bytes:
        """Return what is posted to `/api/publish` for a channel; the place of the time is not JSON yet."""
        return b'{"channel":"%b","data":%b}' % (name_channel(user).encode(), delivered_text())

    @property
    def publish_headers(self) -> tuple[str, ...]:
        """The headers of a service's request."""
        return (f"X-API-Key: {self.key}", "Content-Type: application/json")

    def _make_node(self, number: int, port: int) -> Member:
        history = {"history_size": HISTORY, "history_ttl": "1h", "force_recovery": True}
        namespace = {"name": "user", "allow_subscribe_for_client": True}
        config = {
            "http_server": {"address": HOST, "port": str(port)},
            "node": {"name": f"centrifugo-{number}"},
            "log": {"level": "error"},
            "health": {"enabled": True},
            "client": {
                "allowed_origins": ["*"],
                "token": {"hmac_secret_key": self._secret},
                # 300 unless set: a client that missed more gets none of it.
                "recovery_max_publication_limit": HISTORY,
                # 40 s unless set: how often a node looks whether a subscription has missed anything.
                "channel_position_check_delay": "1s",
            },
            "http_api": {"key": self.key},
            "uni_websocket": {"enabled": True},
            "channel": {"namespaces": [namespace | (history if self.engine.keeps_history else {})]},
        }
        if self.engine.keeps_history:
            redis = {"address": f"redis://{HOST}:{self._engine_port}"}
            config["engine"] = {"type": "redis", "redis": redis}
        else:
            nats = {"url": f"nats://{HOST}:{self._engine_port}"}
            config["broker"] = {"enabled": True, "type": "nats", "nats": nats}
        path = self._folder / f"centrifugo-{number}.json"
        path.write_text(json.dumps(config))
        return Member(f"centrifugo-{number}", [str(CENTRIFUGO), "--config", str(path)], {}, self._folder)

    def _make_shared(self) -> Member:
        if self.engine.redis:
            folder = self._folder / "redis"
            folder.mkdir(exist_ok=True)
            place = ("--port", str(self._engine_port), "--bind", HOST, "--dir", str(folder))
            return Member("redis", [find_redis() or "redis-server", *place, *self.engine.redis], {}, self._folder)
        address = ("--addr", HOST, "--port", str(self._engine_port))
        return Member("nats", [find_nats_server(), *address], {}, self._folder)


@contextlib.asynccontextmanager
async def run_centrifugo_cluster(folder: Path, engine: Engine) -> AsyncIterator[CentrifugoCluster]:
    """Run three nodes over an engine until the block ends."""
    cluster = CentrifugoCluster(folder, engine)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.stop()
