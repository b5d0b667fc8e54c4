"""An HTTP server of the tests' own, that responds as a test tells it to: well, badly or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from tests.authority import Authority

__all__ = ["Endpoint", "Received", "Respond", "open_endpoint", "respond_with", "trust"]


class Received(msgspec.Struct):
    """One request: its method and target, its fields by lower-case name, its body, and the address it came to."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes
    to: str


#: Gets a request and what writes to the peer; when it returns the connection is closed.
Respond = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def respond_with(status: int, body: bytes = b"", *fields: str, keep: bool = False) -> Respond:
    """Return what answers every request in this way; `keep`: and leaves the connection open."""

    async def respond(_: Received, writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(body)}", *fields]
        head += [] if keep else ["Connection: close"]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
        if not keep:
            writer.close()

    return respond


def _read_line(line: str) -> tuple[str, str]:
    method, target, _ = line.split()
    return method, target


class Endpoint:
    """A server that runs; `requests` is what came, `connections` how many were made."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[Received] = []
        self.connections = 0
        self.port = 0
        self._changed = asyncio.Condition()

    async def wait_requests(self, number: int, timeout_s: float = 30.0) -> list[Received]:
        """Return the requests, as soon as there are `number`."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: len(self.requests) >= number)
        return self.requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                while not writer.is_closing():
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                    fields = {
                        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
                    }
                    body = await reader.readexactly(int(fields.get("content-length", "0")))
                    received = Received(*_read_line(head[0]), fields, body, writer.get_extra_info("sockname")[0])
                    async with self._changed:
                        self.requests.append(received)
                        self._changed.notify_all()
                    await self.respond(received, writer)
        except asyncio.CancelledError:
            # The test has ended first: nothing else closes it then.
            writer.transport.abort()
            raise
        writer.close()


@contextlib.asynccontextmanager
async def open_endpoint(
    respond: Respond, *, authority: Authority | None = None, names: tuple[str, ...] = ("hooks.test",), host: str = ""
) -> AsyncIterator[Endpoint]:
    """Run a server on a free port of this machine; with an `authority` over TLS, with a certificate for `names`."""
    endpoint = Endpoint(respond)
    tls = None
    if authority is not None:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
            for path, content in zip((certificate, key), authority.issue(names[0], *names), strict=True):
                path.write_bytes(content)
            tls.load_cert_chain(certificate, key)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        task.add_done_callback(connections.discard)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await endpoint.serve(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, host or "127.0.0.1", 0, ssl=tls)
    endpoint.port = server.sockets[0].getsockname()[1]
    try:
        yield endpoint
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


def trust(authority: Authority) -> ssl.SSLContext:
    """Return the context of a client that trusts this authority alone."""
    return ssl.create_default_context(cadata=authority.certificate.decode())
