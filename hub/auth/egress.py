"""How the hub's own requests leave the machine: through which proxy, and whom they trust on the other side.

The environment says so, in variables that were mostly set for other programs. httpx reads them by itself and raises
from its constructor at what it cannot use (a SOCKS proxy, `[::1]` in NO_PROXY, a certificate file that is gone), so
that a hub or a command would not start for a variable it has no use for. Here such a variable is named in the log and
passed over.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hub.errors import SettingsError

__all__ = ["find_proxy", "is_exempt", "is_loopback", "make_egress"]

logger = logging.getLogger("hub.auth")


def make_egress(url: str, *, what: str, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what an httpx client for `url` takes: its proxy, whom it trusts, and no reading of its own.

    `what` is the name of what is asked, for the log.

    Raises:
        SettingsError: the environment asks for something that cannot be done; it names the variable.
    """
    proxy = find_proxy(url, what=what, environ=environ)
    return {"trust_env": False, "proxy": proxy, "verify": _make_tls_context(url, what, environ)}


def find_proxy(url: str, *, what: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the proxy that the environment names for `url`; one that is not an HTTP proxy is logged and passed over.

    `what` is the name of what is asked, for the log.
    """
    target = httpx.URL(url)
    if is_loopback(target.host) or is_exempt(target.host, environ):
        return None
    name, text = _find(environ, f"{target.scheme}_proxy", "all_proxy")
    if not text:
        return None
    text = text if "://" in text else f"http://{text}"
    try:
        proxy = httpx.URL(text)
        if proxy.scheme in {"http", "https"} and proxy.host:
            return text
    except (httpx.InvalidURL, ValueError):
        pass
    # Without the value: it may hold a password.
    logger.warning("%s is not used: it names no http or https proxy; %s is asked directly", name, what)
    return None


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_exempt(host: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment's list of exceptions says that this host is asked without a proxy."""
    return _is_exempt(host, _find(environ, "no_proxy")[1])


def _find(environ: Mapping[str, str], *names: str) -> tuple[str, str]:
    for name in names:
        for variable in (name, name.upper()):
            if text := environ.get(variable, "").strip():
                return variable, text
    return "", ""


def _is_exempt(target: str, no_proxy: str) -> bool:
    for entry in re.split(r"[,\s]+", no_proxy):
        host = entry.lower()
        # A port may follow, and an IPv6 address may stand in brackets.
        if match := re.fullmatch(r"\[([0-9a-f:.]+)\](?::\d+)?|([^:]+):\d+", host):
            host = match[1] or match[2]
        if host == "*" or (host and (target == host.lstrip("*.") or target.endswith("." + host.lstrip("*.")))):
            return True
        try:
            if ipaddress.ip_address(target) in ipaddress.ip_network(host, strict=False):
                return True
        except ValueError:
            continue
    return False


def _make_tls_context(url: str, what: str, environ: Mapping[str, str]) -> Any:
    """Return whom to trust: the authorities of SSL_CERT_FILE or SSL_CERT_DIR where they are there, else the usual ones.

    Raises:
        SettingsError: the environment asks for something that cannot be done; it names the variable.
    """
    folder = environ.get("SSL_CERT_DIR")
    try:
        if folder and not environ.get("SSL_CERT_FILE") and not Path(folder).is_dir():
            raise NotADirectoryError("it names no folder")
        return httpx.create_ssl_context()
    except OSError as error:
        unusable = error
    try:
        context = httpx.create_ssl_context(trust_env=False)
    except OSError as error:
        raise SettingsError(f"SSLKEYLOGFILE: cannot be written ({error.strerror}); unset it") from None
    name = "SSL_CERT_FILE" if environ.get("SSL_CERT_FILE") else "SSL_CERT_DIR"
    problem = unusable.strerror or "it names no folder"
    if url.startswith("https:"):
        logger.warning("%s is not used (%s): the usual authorities are trusted, to ask %s", name, problem, what)
    return context
