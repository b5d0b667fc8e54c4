"""Processes that a test starts, kills and starts again: a hub on the same data folder and port, or another program."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path
from random import SystemRandom

import httpx
import jwt

from tests.harness import ACCOUNT

__all__ = ["HubProcess", "RestartedProcess", "publish", "wait_ready"]

ROOT = Path(__file__).parents[2]
#: The kernel gives these to nobody by itself, so the port is still free after a kill.
PORTS = range(20_000, 30_000)
STOP_DEADLINE_S = 30.0
_OPERATIONS = '["publish", "stats", "disconnect", "observe"]'
START_DEADLINE_S = 30.0


class RestartedProcess:
    """One place in which one process after another runs a module of Python."""

    def __init__(self, log_path: Path, launcher: list[str], environ: dict[str, str]) -> None:
        """Take the module with its arguments, and the environment beside PATH; the output goes to the end of a file."""
        self.log_path = log_path
        #: The module that is run, and its arguments.
        self.launcher = launcher
        self._environ = {"PATH": os.environ["PATH"], **environ}
        self._process: asyncio.subprocess.Process | None = None
        #: Monotonic moment of the last exec.
        self.started_s = 0.0

    async def start(self) -> None:
        """Start a process; it works some time later."""
        self.started_s = time.monotonic()
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self.launcher, cwd=ROOT, env=self._environ, stdout=log, stderr=log
            )

    @property
    def process_id(self) -> int:
        """The running process."""
        assert self._process is not None
        return self._process.pid

    async def kill(self) -> None:
        """End the process as a power switch would end it, but for what the kernel holds."""
        assert self._process is not None
        self._process.kill()
        assert -signal.SIGKILL == await self._process.wait(), f"{self.launcher} had ended before it was killed"
        self._process = None

    async def stop(self) -> int | None:
        """End the process in order; return its status, or None where none ran."""
        process, self._process = self._process, None
        if process is None:
            return None
        process.terminate()
        try:
            async with asyncio.timeout(STOP_DEADLINE_S):
                return await process.wait()
        except TimeoutError:
            process.kill()
            return await process.wait()


class HubProcess(RestartedProcess):
    """One data folder and one port, served by one process after another."""

    def __init__(self, folder: Path, **environ: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.key = f"hubk_{secrets.token_urlsafe(32)}"
        self.port = _free_port()
        self.data_dir = folder / "data"
        self.secret = secrets.token_hex(32)
        settings = {
            "HUB_PORT": str(self.port),
            "HUB_DATA_DIR": str(self.data_dir),
            "JWT_SECRET": self.secret,
            "HUB_SERVICE_KEYS_FILE": str(_write_keys(folder, self.key)),
            "HUB_DRAIN": "0",
            "WS_HEARTBEAT_INTERVAL": "0.5",
        }
        super().__init__(folder / "hub.log", ["tests.faults.launcher"], settings | environ)

    def token(self, account_id: str, user_id: str, *, ttl_s: float = 86_400) -> str:
        """Return a user's token."""
        claims = {"sub": user_id, "user_id": user_id, "account_id": account_id, "role": "user"}
        return jwt.encode({**claims, "exp": time.time() + ttl_s}, self.secret, algorithm="HS256")


async def publish(client: httpx.AsyncClient, hub: HubProcess, title: str, **fields: object) -> httpx.Response:
    """Publish, by default to the account."""
    body = {"type": "cart_updated", "title": title, "message": "m", "account_id": ACCOUNT, **fields}
    return await client.post("/api/internal/notify", json=body, headers={"authorization": f"Bearer {hub.key}"})


async def wait_ready(client: httpx.AsyncClient) -> None:
    """Wait until the hub takes work."""
    async with asyncio.timeout(START_DEADLINE_S):
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/health/ready")).status_code == 200:
                    return
            await asyncio.sleep(0.05)


def _write_keys(folder: Path, key: str) -> Path:
    digest = hashlib.sha256(key.encode()).hexdigest()
    path = folder / "keys.json"
    grant = f'"everyone": true, "operations": {_OPERATIONS}'
    path.write_text(f'{{"keys": [{{"name": "tests", "sha256": "{digest}", {grant}}}]}}')
    return path


def _free_port() -> int:
    while True:
        port = SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
