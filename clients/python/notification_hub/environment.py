"""The way to the hub that the environment asks for: a proxy, and which certificates to trust. Read here, once.

httpx's own reading raises at the first entry it does not know, whether or not the way to this hub needs it. The hub has
a reading of its own (`hub/auth/egress.py`), which passes over with a log line what this one raises: the two wheels are
installed without each other.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import re
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import httpx

__all__ = ["Route", "find_route"]

_PORTS = {"http": 80, "https": 443}
_SOCKS = frozenset({"socks5", "socks5h"})


class Route:
    """How one hub is reached: `proxy` is None where it is asked directly; `trust` is for its TLS, or the proxy's."""

    def __init__(self, proxy: httpx.Proxy | None, trust: ssl.SSLContext) -> None:
        self.proxy = proxy
        self.trust = trust


def find_route(url: str, environ: Mapping[str, str]) -> Route:
    """Return the way to the hub at `url` (http or https).

    A variable that is not needed is ignored, whatever it holds: the proxy where the hub is on loopback or in NO_PROXY,
    the certificates where neither the hub nor the proxy speaks TLS.

    Raises:
        ValueError: a variable that is needed cannot be used; the text names it and the way out, not its value.
    """
    hub = urlsplit(url)
    proxy = None
    if not _is_loopback(hub.hostname or "") and not _is_exempt(hub, _read(environ, "no_proxy")[1]):
        name, text = _read(environ, f"{hub.scheme}_proxy", "all_proxy")
        proxy = _parse_proxy(name, text) if text else None
    needs_tls = hub.scheme == "https" or (proxy is not None and proxy.url.scheme == "https")
    return Route(proxy, _make_trust(environ) if needs_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def _read(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    """Return the first variable that is set, and its value; as in curl, the lower-case name comes first."""
    for name in names:
        for variable in (name, name.upper()):
            # In a CGI program HTTP_PROXY is the client's `Proxy` header (CVE-2016-5385).
            if variable == "HTTP_PROXY" and "REQUEST_METHOD" in environ:
                continue
            if text := environ.get(variable, "").strip():
                return variable, text
    return "", ""


def _parse_proxy(name: str, text: str) -> httpx.Proxy:
    try:
        url = httpx.URL(text if "://" in text else f"http://{text}")
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL("")
    if url.scheme in _SOCKS and importlib.util.find_spec("socksio") is None:
        raise ValueError(
            f"{name}: names a SOCKS proxy, which needs httpx[socks]; install it, or put the hub's host into NO_PROXY"
        )
    if not url.host or url.scheme not in {*_PORTS, *_SOCKS}:
        raise ValueError(f"{name}: is not the URL of a proxy (example: http://proxy.example.com:3128)")
    return httpx.Proxy(url)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_exempt(hub: SplitResult, no_proxy: str) -> bool:
    """Whether NO_PROXY names the hub: a host, a domain, an address, a network, each with or without a port, or `*`."""
    host = (hub.hostname or "").rstrip(".")
    for entry in re.split(r"[,\s]+", no_proxy.lower()):
        bracketed = re.fullmatch(r"\[([0-9a-f:.%]+)\](?::(\d+))?", entry) or re.fullmatch(r"([^:]+):(\d+)", entry)
        name, port = (bracketed[1], bracketed[2]) if bracketed else (entry, None)
        if port is not None and int(port) != (hub.port or _PORTS[hub.scheme]):
            continue
        domain = name.removeprefix("*").strip(".")
        if name == "*" or (domain and (host == domain or host.endswith(f".{domain}"))) or _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _make_trust(environ: Mapping[str, str]) -> ssl.SSLContext:
    name = next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environ.get(name)), "")
    try:
        if name == "SSL_CERT_FILE":
            with open(environ[name], "rb"):  # the library's own error names no file
                return ssl.create_default_context(cafile=environ[name])
        if name == "SSL_CERT_DIR":
            return ssl.create_default_context(capath=environ[name])
        return httpx.create_ssl_context(trust_env=False)
    except OSError as error:  # an SSLError, of a file without a certificate, is one
        if environ.get("SSLKEYLOGFILE") and not (name == "SSL_CERT_FILE" and _names(error, environ[name])):
            name = "SSLKEYLOGFILE"
        why = error.strerror or "it holds no certificate"
        raise ValueError(
            f"{name or 'the certificates of certifi'}: cannot be used ({why}); correct or unset it"
        ) from None


def _names(error: OSError, path: str) -> bool:
    return error.filename == path or isinstance(error, ssl.SSLError)
