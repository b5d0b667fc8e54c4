"""Tests of hub.auth.key_server: where the hub goes for keys; `test_jwks` has what it finds there."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from hub.auth.key_server import KeyServer, is_same_host


@pytest.mark.parametrize(("here", "there", "followed"), [
    ("https://id.example/a", "https://id.example:443/b", True),
    ("https://id.example/a", "http://id.example/b", False),
    ("https://id.example/a", "https://id.example:8443/b", False),
    ("https://id.example/a", "https://id.example.evil.example/b", False),
    ("https://id.example/a", "https://evil@id.example/b", True),
    ("https://id.example/a", "https://id.example@evil.example/b", False),
    ("http://localhost:8080/a", "https://localhost:8443/b", True),
    ("http://localhost:8080/a", "http://localhost:8081/b", False),
])  # fmt: skip
def test_same_host_is_the_same_server(here: str, there: str, followed: bool) -> None:
    """The host is compared whole, the port too unless the scheme becomes safer, and https is never left."""
    assert followed is is_same_host(httpx.URL(here), httpx.URL(there))


async def test_proxy_is_asked_for_the_key_server() -> None:
    """Through a proxy the hub asks for the key server's host and nothing else, with TLS inside."""
    asked: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set_result(await reader.readline())
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        server = KeyServer("https://id.example.com/jwks", timeout_s=3, environ={"HTTPS_PROXY": address})
        with pytest.raises(httpx.ProxyError):
            await server.fetch()
        await server.close()
    assert b"CONNECT id.example.com:443 HTTP/1.1\r\n" == await asked
