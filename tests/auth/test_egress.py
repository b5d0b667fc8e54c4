"""Tests of hub.auth.egress: what of the environment is heeded, and that nothing in it keeps anything from starting."""

from __future__ import annotations

import httpx
import pytest

from hub.auth.egress import find_proxy, make_egress
from hub.auth.key_server import KeyServer
from hub.auth.tokens import make_verifier
from hub.errors import SettingsError
from tests.auth.issuer import run_issuer
from tests.auth.tokens import settings

PROXY = "http://127.0.0.1:9"
#: What an environment says, and which proxy that is for https://id.example.com.
PROXIES: dict[str, tuple[dict[str, str], str | None]] = {
    "none": ({}, None),
    "https_proxy": ({"https_proxy": PROXY}, PROXY),
    "HTTPS_PROXY without a scheme": ({"HTTPS_PROXY": "127.0.0.1:9"}, PROXY),
    "ALL_PROXY": ({"ALL_PROXY": PROXY}, PROXY),
    "HTTP_PROXY is for http": ({"HTTP_PROXY": PROXY}, None),
    "the host is exempt": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,id.example.com"}, None),
    "its domain is exempt": ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example.com"}, None),
    "its domain is exempt, with a star": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*.example.com"}, None),
    "its host and port are exempt": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "id.example.com:443"}, None),
    "all are exempt": ({"HTTPS_PROXY": PROXY, "no_proxy": "*"}, None),
    "another is exempt": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com.br, ple.com, 10.0.0.0/8"}, PROXY),
    "exempt addresses in brackets": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "localhost,[::1],[fe80::1]:80"}, PROXY),
    "nonsense is exempt": ({"HTTPS_PROXY": PROXY, "NO_PROXY": "[,]:x,://,  ,300.0.0.0/99"}, PROXY),
    "SOCKS": ({"ALL_PROXY": "socks5://127.0.0.1:1"}, None),
    "no URL": ({"HTTPS_PROXY": "http://[::1"}, None),
    "a port that is none": ({"HTTPS_PROXY": "http://proxy:http"}, None),
}


@pytest.mark.parametrize(("environ", "proxy"), PROXIES.values(), ids=PROXIES.keys())
def test_proxy_of_the_environment(environ: dict[str, str], proxy: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """A proxy is used where the environment names one that can be; what cannot is named and passed over."""
    found = find_proxy("https://id.example.com/jwks", what="HUB_JWKS_URL", environ=environ)
    assert proxy == found
    if proxy is None and not environ.keys() & {"NO_PROXY", "no_proxy", "HTTP_PROXY"} and environ:
        assert f"{next(iter(environ))} is not used" in caplog.text


def test_loopback_is_asked_directly() -> None:
    """A key server on this machine is never looked for behind a proxy."""
    assert find_proxy("http://127.0.0.2:8000/jwks", what="", environ={"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}) is None


async def test_addresses_are_exempt_by_network() -> None:
    """An entry of NO_PROXY may be a network, for a key server that is named by its address."""
    url = "https://10.1.2.3/jwks"
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": "10.0.0.0/8"}
    assert find_proxy(url, what="", environ=environ) is None
    assert find_proxy(url, what="", environ=environ | {"NO_PROXY": "10.1.3.0/30"}) is not None


def test_tls_that_cannot_be_set_up_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key log that cannot be written is named, with the way out."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys.log")
    with pytest.raises(SettingsError, match="SSLKEYLOGFILE: cannot be written"):
        make_verifier(settings(jwt_algorithm="ES256", jwks_url="https://id.example.com/jwks"))


@pytest.mark.parametrize(("name", "value"), [("SSL_CERT_FILE", "/nowhere/ca.pem"), ("SSL_CERT_DIR", "/nowhere")])
async def test_authorities_that_are_not_there_are_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stale SSL_CERT_FILE keeps nothing from starting; a line says that it is not used, where TLS is."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(name, value)
    async with run_issuer() as issuer:
        issuer.respond(b'{"keys": []}')
        server = KeyServer(issuer.url, timeout_s=3)
        assert {"keys": []} == (await server.fetch()).document
        await server.close()
    assert "is not used" not in caplog.text
    make_egress("https://id.example.com/jwks", what="HUB_JWKS_URL")
    assert f"{name} is not used" in caplog.text


@pytest.mark.parametrize(("environ", "proxy"), PROXIES.values(), ids=PROXIES.keys())
async def test_client_is_made_whatever_the_environment_says(
    environ: dict[str, str], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No value of a variable keeps an httpx client from being made, and httpx reads none of them by itself."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    async with httpx.AsyncClient(**make_egress("https://id.example.com", what="x", environ=environ)) as client:
        assert not client.trust_env
