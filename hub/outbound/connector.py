"""Connections to hosts that others chose: the name is resolved once, and its checked address is what is connected to.

A second look-up, which could give another address (DNS rebinding), does not happen: the TLS handshake and the
request use this connection, and TLS is verified by the name.
"""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import httpcore

from hub.auth.egress import find_proxy, is_exempt, is_loopback
from hub.outbound.address import is_allowed_address, is_loopback_address
from hub.outbound.resolver import Resolver
from hub.url import split_url

__all__ = ["AddressRefused", "Connector", "NameUnknown"]

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

#: How long one address may take while there are others.
_ATTEMPT_S = 2.0
#: A host has few addresses; a name server of an attacker's may list hundreds.
_MAX_ADDRESSES = 4
#: What a proxy may say before the tunnel stands.
_MAX_PROXY_HEAD_BYTES = 16_384


class AddressRefused(OSError):
    """The host's addresses are all private or reserved."""


class NameUnknown(OSError):
    """The host's name has no address, or no name server responds."""


class Connector(httpcore.AsyncNetworkBackend):
    """Opens connections to allowed addresses alone, through the proxy that the environment names."""

    def __init__(
        self,
        resolver: Resolver,
        tls: ssl.SSLContext,
        *,
        what: str,
        allow_private: bool,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Take what resolves names; `what` names the requests in the log, where the proxy cannot be used."""
        self._resolver = resolver
        self._tls = tls
        self._allow_private = allow_private
        self._environ = environ
        # Asked for once: what cannot be used is then logged once.
        self._proxy = find_proxy("https://outbound.invalid", what=what, environ=environ)
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Return a connection to `host`, or through a proxy a tunnel to its address.

        Raises:
            NameUnknown, AddressRefused: nothing was connected.
            httpcore.ConnectError, httpcore.ConnectTimeout: no address could be connected to.
        """
        addresses = await self._find_addresses(host, port)
        for address in addresses[:-1]:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return await self._connect(host, address, port, _ATTEMPT_S)
        return await self._connect(host, addresses[-1], port, timeout)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[_SocketOption] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Raise: a URL does not lead to a Unix socket."""
        raise httpcore.ConnectError

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts of the pool; it makes none."""
        await self._backend.sleep(seconds)

    async def _find_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolver.resolve(host, port)
        except OSError as error:
            raise NameUnknown from error
        if not found:
            raise NameUnknown
        allowed = [address for address in found if is_allowed_address(address, allow_private=self._allow_private)]
        if is_loopback(host):
            # http is allowed there, for it does not leave the machine; so it must not.
            allowed = [address for address in allowed if is_loopback_address(address)]
        if not allowed:
            raise AddressRefused
        return allowed[:_MAX_ADDRESSES]

    async def _connect(self, host: str, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:
        if self._proxy is None or is_loopback(host) or is_exempt(host, self._environ):
            return await self._backend.connect_tcp(address, port, timeout)
        return await self._open_tunnel(self._proxy, address, port, timeout)

    async def _open_tunnel(
        self, proxy: str, address: str, port: int, timeout: float | None
    ) -> httpcore.AsyncNetworkStream:
        """Return a tunnel to the address (RFC 9110 section 9.3.6): a name would be resolved again, by the proxy."""
        url = split_url(proxy)
        secure = url.scheme == "https"
        host = url.hostname or ""
        stream = await self._backend.connect_tcp(host, url.port or (443 if secure else 80), timeout)
        try:
            if secure:
                stream = await stream.start_tls(self._tls, host, timeout)
            authority = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            head = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
            if url.username is not None:
                user = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
                head += f"Proxy-Authorization: Basic {base64.b64encode(user).decode()}\r\n"
            await stream.write(f"{head}\r\n".encode(), timeout)
            received = b""
            while not received.endswith(b"\r\n\r\n"):
                # One at a time: what follows the head belongs to the tunnel.
                byte = await stream.read(1, timeout)
                received += byte
                if not byte or len(received) > _MAX_PROXY_HEAD_BYTES:
                    raise httpcore.ConnectError
            status = received.split(b" ", 2)
            if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or status[1][:1] != b"2":
                raise httpcore.ConnectError
        except BaseException:
            await stream.aclose()
            raise
        return stream
