"""A real HTTP server that publishes a JWKS, well or badly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

__all__ = ["Issuer", "run_issuer"]


class Issuer:
    """Answers every request with `answer`, counts them, and waits for `gate` first."""

    def __init__(self) -> None:
        self.answer = b""
        self.answers: dict[str, bytes] = {}
        self.paths: list[str] = []
        self.heads: list[str] = []
        self.requested = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    def publish(self, *keys: dict[str, Any]) -> None:
        """Answer with these keys from now on."""
        self.respond(json.dumps({"keys": keys}).encode())

    def respond(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        """Answer with this status, these headers and this body from now on."""
        self.answer = _write(body, status, headers)

    def respond_at(self, path: str, body: bytes, status: str = "200 OK", *headers: str) -> None:
        """Answer at `path` with this, from now on, and elsewhere as before."""
        self.answers[path] = _write(body, status, headers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ")[1].decode()
            self.paths.append(path)
            self.heads.append(head.decode("latin-1"))
            self.requested.set()
            await self.gate.wait()
            writer.write(self.answers.get(path, self.answer))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The client had enough, which is what some tests are about.
        finally:
            writer.close()


def _write(body: bytes, status: str, headers: tuple[str, ...]) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def run_issuer() -> AsyncIterator[Issuer]:
    """Run an issuer on a free port of 127.0.0.1."""
    issuer = Issuer()
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", 0)
    issuer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks.json"
    try:
        yield issuer
    finally:
        issuer.gate.set()
        server.close()
        await server.wait_closed()
