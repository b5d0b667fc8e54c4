"""The proxy in front of a cluster on this machine: each connection goes to a node that says it is ready, in turn.

It stands for the load balancer of a deployment (nginx, Kubernetes): it passes bytes on and asks `/health/ready`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools

from tests.cluster.wire import dial, pass_on

__all__ = ["Balancer"]

HOST = "127.0.0.1"
CONNECT_DEADLINE_S = 1.0
PROBE_DEADLINE_S = 2.0
PROBE_PAUSE_S = 0.25
PROBE = b"GET /health/ready HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"


class Balancer:
    """Listens on a port; an async context manager, and leaving it ends every connection."""

    def __init__(self, ports: list[int], port: int = 0) -> None:
        """Pass on to these ports of this machine; port 0 takes a free one."""
        self.port = port
        self._ports = ports
        self._turns = itertools.count()
        #: Which of them were ready when they were asked last.
        self.ready: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Balancer:
        server = await asyncio.start_server(self._begin, HOST, self.port)
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        for port in self._ports:
            self._own(asyncio.create_task(self._probe(port)))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _probe(self, port: int) -> None:
        while True:
            is_ready = False
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(PROBE_DEADLINE_S):
                    reader, writer = await dial(port)
                    try:
                        writer.write(PROBE)
                        is_ready = b" 200 " in await reader.readline()
                    finally:
                        writer.transport.abort()
            (self.ready.add if is_ready else self.ready.discard)(port)
            await asyncio.sleep(PROBE_PAUSE_S)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task that asyncio's streams own cannot be cancelled without an error in their log.
        task = asyncio.create_task(self._take(reader, writer))
        self._own(task)
        # Also where it is cancelled before it has begun.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Where none says that it is ready, any may take it: its own refusal says why.
        candidates = sorted(self.ready) or self._ports
        turn = next(self._turns)
        for port in (candidates[(turn + more) % len(candidates)] for more in range(len(candidates))):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_DEADLINE_S):
                    to_hub = await dial(port)
                await pass_on(reader, writer, *to_hub)
                return
