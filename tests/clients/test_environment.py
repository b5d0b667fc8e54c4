"""The variables of the environment: each works, is passed over where it is not needed, or is named in an error."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notification_hub import AsyncHub, Hub
from notification_hub.environment import find_route
from tests.clients.conftest import KEY, alert
from tests.documented_proxies.servers import make_certificate
from tests.harness import ACCOUNT, USER, RunningHub, run_hub
from tests.packages import ROOT, run

PROXY = "http://somebody:secret@127.0.0.1:1"
LOCAL = "http://127.0.0.1:8000"
FAR = "https://hub.example.com"
PUBLISH = """
import os
from contracts.avelarsys import CartUpdated
from notification_hub import Hub
with Hub(os.environ["HUB_URL"], os.environ["HUB_KEY"], deadline_s=6) as hub:
    hub.notify(CartUpdated(title="t", message="m"), user_id=os.environ["USER_ID"], account_id=os.environ["ACCOUNT_ID"])
"""


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub."""
    async with run_hub(tmp_path) as hub:
        yield hub


ENVIRONMENTS = {
    "ALL_PROXY of SOCKS": {"ALL_PROXY": "socks5://127.0.0.1:1"},
    "ALL_PROXY of SOCKS, exempt": {"ALL_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": "localhost,127.0.0.1"},
    "an unknown scheme": {"ALL_PROXY": "carrier-pigeon://roof"},
    "NO_PROXY in brackets": {"HTTP_PROXY": PROXY, "NO_PROXY": "localhost,127.0.0.1,[::1]"},
    "NO_PROXY with a port": {"http_proxy": PROXY, "no_proxy": "[::1]:80, 127.0.0.1:99999"},
    "NO_PROXY of networks": {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.0/8"},
    "nonsense in NO_PROXY": {"HTTP_PROXY": PROXY, "NO_PROXY": "[::1,:::,http://[,%"},
    "a proxy and no exception": {"HTTP_PROXY": PROXY},
    "no certificates": {"SSL_CERT_FILE": "/nowhere.pem"},
    "no folder of certificates": {"SSL_CERT_DIR": "/nowhere"},
    "a key log nobody can write": {"SSLKEYLOGFILE": "/nowhere/keys.log"},
}


@pytest.mark.parametrize("variables", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
async def test_a_hub_on_this_machine_is_reached(hub: RunningHub, variables: dict[str, str]) -> None:
    """Whatever the environment says of proxies and certificates, plain http on loopback needs none of it."""
    environ = {**variables, "HUB_URL": hub.url, "HUB_KEY": hub.key, "USER_ID": USER, "ACCOUNT_ID": ACCOUNT}
    environ["PYTHONPATH"] = f"{ROOT}:{ROOT / 'clients' / 'python'}"
    done = await asyncio.to_thread(run, sys.executable, "-c", PUBLISH, folder=ROOT, env=environ)
    assert (0, "") == (done.returncode, done.stderr)
    assert 1 == hub.hub.metrics.published.total()


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({"ALL_PROXY": "socks5://u:secret@proxy:1080"}, "ALL_PROXY"),
        ({"https_proxy": "socks4://secret@proxy"}, "https_proxy"),
        ({"HTTPS_PROXY": "http://secret@proxy:port"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY"),
        ({"SSL_CERT_FILE": "/nowhere/secret.pem"}, "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE"),
        ({"SSL_CERT_FILE": "/nowhere/secret.pem", "SSLKEYLOGFILE": "/nowhere/secret.log"}, "SSL_CERT_FILE"),
        ({"SSLKEYLOGFILE": "/nowhere/secret.log"}, "SSLKEYLOGFILE"),
    ],
)
@pytest.mark.parametrize("kind", [Hub, AsyncHub])
def test_what_is_needed_and_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[Hub | AsyncHub], variables: dict[str, str], name: str
) -> None:
    """For a hub that is reached through it, the constructor says which variable, and never its value."""
    for variable in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSLKEYLOGFILE"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match=f"^{name}: ") as refused:
        kind(FAR, KEY)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "variables", "proxy"),
    [
        (FAR, {"HTTPS_PROXY": "http://proxy:3128"}, "http://proxy:3128"),
        (FAR, {"https_proxy": "proxy:3128"}, "http://proxy:3128"),
        (FAR, {"ALL_PROXY": "http://all", "HTTPS_PROXY": "http://proxy"}, "http://proxy"),
        (FAR, {"ALL_PROXY": "http://all", "HTTP_PROXY": "http://proxy"}, "http://all"),
        (FAR, {"HTTP_PROXY": "http://proxy"}, None),
        (FAR, {"HTTPS_PROXY": "  "}, None),
        ("http://hub.local", {"HTTP_PROXY": "http://proxy"}, "http://proxy"),
        ("http://hub.local", {"HTTP_PROXY": "http://proxy", "REQUEST_METHOD": "GET"}, None),
        ("http://hub.local", {"http_proxy": "http://proxy", "REQUEST_METHOD": "GET"}, "http://proxy"),
        (LOCAL, {"HTTP_PROXY": "http://proxy"}, None),
        ("http://[::1]:8000", {"HTTP_PROXY": "http://proxy"}, None),
        ("http://localhost:8000", {"ALL_PROXY": "socks5://proxy"}, None),
    ],
)
def test_the_proxy_is_the_one_that_others_would_take(url: str, variables: dict[str, str], proxy: str | None) -> None:
    """That of the scheme, else that of all; the lower-case name first; none on loopback."""
    found = find_route(url, variables).proxy
    assert proxy == (None if found is None else str(found.url))


@pytest.mark.parametrize(
    ("url", "entries", "exempt"),
    [
        (FAR, "hub.example.com", True),
        (FAR, "HUB.Example.com", True),
        (FAR, "example.com", True),
        (FAR, ".example.com", True),
        (FAR, "*.example.com", True),
        (FAR, "*", True),
        (FAR, "other, hub.example.com:443", True),
        (FAR, "other hub.example.com", True),
        (FAR, "hub.example.com:8443", False),
        (FAR, "ample.com", False),
        (FAR, "hub.example.com.evil", False),
        (FAR, "10.0.0.0/8", False),
        ("http://10.1.2.3", "10.0.0.0/8", True),
        ("http://10.1.2.3", "10.1.2.3", True),
        ("http://10.1.2.3:8000", "10.1.2.3:8000", True),
        ("http://11.1.2.3", "10.0.0.0/8", False),
        ("http://[fd00::1]:8000", "[fd00::1]", True),
        ("http://[fd00::1]:8000", "[fd00::1]:8000", True),
        ("http://[fd00::1]:8000", "[fd00::1]:80", False),
        ("http://[fd00::1]", "fd00::/8", True),
        (FAR, "[::1,:::,http://[,%", False),
    ],
)
def test_no_proxy_is_read_as_others_read_it(url: str, entries: str, exempt: bool) -> None:
    """Hosts, domains, addresses and networks, with ports and brackets; nonsense exempts nobody."""
    proxies = {"HTTP_PROXY": "http://proxy", "HTTPS_PROXY": "http://proxy", "NO_PROXY": entries}
    assert exempt == (find_route(url, proxies).proxy is None)


def test_the_authorities_are_the_named_ones(tmp_path: Path) -> None:
    """SSL_CERT_FILE is what is trusted over https; over plain http nothing is read."""
    make_certificate(tmp_path)
    found = find_route(FAR, {"SSL_CERT_FILE": str(tmp_path / "cert.pem")}).trust
    assert 1 == found.cert_store_stats()["x509"]
    assert ssl.CERT_REQUIRED == found.verify_mode
    assert ssl.CERT_REQUIRED == find_route(LOCAL, {}).trust.verify_mode


async def test_a_proxy_is_used(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that is not on this machine is asked through the proxy, in absolute form (RFC 9112 section 3.2.2)."""
    seen = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            request_head = await reader.readuntil(b"\r\n\r\n")
            seen.append(request_head.split(b"\r\n")[0])
            length = int(
                next(line for line in request_head.lower().split(b"\r\n") if b"content-length" in line).split(b":")[1]
            )
            body = await reader.readexactly(length)
            back, forth = await asyncio.open_connection("127.0.0.1", hub.port)
            with contextlib.closing(forth):
                forth.write(request_head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
                writer.write(await back.read())
                await writer.drain()

    async with await asyncio.start_server(forward, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        async with AsyncHub("http://hub.example:8000", hub.key) as client:
            assert (await client.notify(alert(), user_id=USER, account_id=ACCOUNT)).id
    assert [b"POST http://hub.example:8000/api/internal/notify HTTP/1.1"] == seen
