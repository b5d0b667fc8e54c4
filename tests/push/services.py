"""Push services in a process of their own, so that what they take of the CPU is not the hub's.

Each is on a port of its own: `good` takes every message, `gone` knows no subscription any more, `slow` takes its time,
and `silent` never responds. On each line of standard input the counts are written as one line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Services", "run_services"]

KINDS = ("good", "gone", "slow", "silent")
_SLOW_S = 0.5
_START_S = 30.0
_ROOT = Path(__file__).parents[2]


class Services:
    """The services, as the test sees them."""

    def __init__(self, process: asyncio.subprocess.Process, ports: dict[str, int]) -> None:
        self._process = process
        self.ports = ports

    async def count(self) -> dict[str, Any]:
        """Return how many messages came to each, how many of them for a second time, and how many are open."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        async with asyncio.timeout(_START_S):
            found: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return found


@contextlib.asynccontextmanager
async def run_services() -> AsyncIterator[Services]:
    """Run them on free ports of this machine, without TLS."""
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-m", "tests.push.services"]
    process = await asyncio.create_subprocess_exec(*command, cwd=_ROOT, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(_START_S):
            ports = json.loads(await process.stdout.readline())
        yield Services(process, ports)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        async with asyncio.timeout(_START_S):
            await process.wait()


class _Service:
    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.targets: Counter[bytes] = Counter()
        self.open = 0
        self.most_open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                self.targets[head.split(b" ", 2)[1]] += 1
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                try:
                    await self._respond(reader, writer)
                finally:
                    self.open -= 1
        writer.close()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.kind == "silent":
            await reader.read()
            raise ConnectionError
        if self.kind == "slow":
            await asyncio.sleep(_SLOW_S)
        status = 410 if self.kind == "gone" else 201
        writer.write(b"HTTP/1.1 %d Told\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()


async def _main() -> None:
    services = [_Service(kind) for kind in KINDS]
    servers = [await asyncio.start_server(service.serve, "127.0.0.1", 0) for service in services]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    _tell(dict(zip(KINDS, ports, strict=True)))
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        counts = {
            service.kind: {
                "messages": len(service.targets),
                "again": service.targets.total() - len(service.targets),
                "most_open": service.most_open,
            }
            for service in services
        }
        _tell(counts)


def _tell(facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())
