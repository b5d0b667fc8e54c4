"""One guarded client: https only, no redirects, checked addresses, bounded in time, bytes and concurrency."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Literal

import httpcore
import msgspec

from hub.auth.egress import make_egress
from hub.bounds import Bounds
from hub.outbound.connector import AddressRefused, Connector, NameUnknown
from hub.outbound.destination import Destination, read_destination
from hub.outbound.pools import KEEP_ALIVE_S, Pools
from hub.outbound.resolver import Resolver
from hub.outbound.slots import Slots

__all__ = ["FailureReason", "OutboundClient", "OutboundFailure", "OutboundResponse"]

#: Why a request got no response, in words that are safe in logs and metrics.
FailureReason = Literal["url", "name", "address", "connection", "certificate", "timeout", "response"]


class OutboundResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The response's status, its fields by their names in lower case, and the beginning of its body, as it came."""

    status: int
    fields: Mapping[str, str]
    body: bytes


class OutboundFailure(Exception):
    """There was no response. The request may have been received all the same, unless `was_sent` is False."""

    def __init__(self, reason: FailureReason, detail: str, *, was_sent: bool) -> None:
        """Take the reason, and words that follow "the endpoint" and hold neither URL nor address."""
        super().__init__(detail)
        self.reason = reason
        self.was_sent = was_sent


class OutboundClient:
    """Sends requests to URLs that others chose.

    Redirects are responses like any other: they are not followed. Private, loopback and unique local addresses are
    refused unless `allow_private`; link-local and reserved ones and the metadata services of clouds always are.
    """

    def __init__(
        self,
        *,
        what: str,
        allow_private: bool = False,
        bounds: Bounds,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """Open nothing yet.

        `what`: the name of what is requested, for the log. `bounds`: its `outbound_*`; requests beyond them wait,
        without a deadline of ours. `resolver`: shared with others, whose owner closes it. `tls`: whom to trust; else
        the authorities that the environment names, or the usual ones.

        Raises:
            SettingsError: the environment asks for something that cannot be done; it names the variable.
        """
        self._allow_private = allow_private
        self._timeout_s = bounds.outbound_timeout_s
        self._max_body_bytes = bounds.outbound_body_bytes
        total, each = bounds.outbound_requests, bounds.outbound_requests_each
        self._slots = Slots(total, each)
        self._owns_resolver = resolver is None
        self._resolver = resolver or Resolver()
        context = tls or make_egress("https://outbound.invalid", what=what, environ=environ)["verify"]
        self._connector = Connector(self._resolver, context, what=what, allow_private=allow_private, environ=environ)
        self._pools = Pools(
            partial(
                httpcore.AsyncConnectionPool,
                ssl_context=context,
                max_connections=each,
                max_keepalive_connections=each,
                keepalive_expiry=KEEP_ALIVE_S,
                network_backend=self._connector,
            )
        )

    async def post(self, url: str, content: bytes, fields: Mapping[str, str]) -> OutboundResponse:
        """Send one POST request and return the response to it, whatever its status is.

        A response counts from its head on: a body that does not come to its end in time is cut.

        Raises:
            OutboundFailure: there is no response, or the request was not sent at all.
        """
        try:
            destination = read_destination(url, allow_private=self._allow_private)
        except ValueError as error:
            raise OutboundFailure("url", f"has a URL that {error}", was_sent=False) from None
        async with self._slots.take(destination.authority) as host:
            try:
                response = await self._exchange(destination, content, fields)
            except OutboundFailure:
                host.note(responds=False)
                raise
            host.note(responds=True)
            return response

    async def close(self) -> None:
        """Close the connections. Requests that are under way fail."""
        await self._pools.close()
        if self._owns_resolver:
            await self._resolver.close()

    async def _exchange(self, to: Destination, content: bytes, fields: Mapping[str, str]) -> OutboundResponse:
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target)
        told = {"Host": to.authority, "Accept-Encoding": "identity", **fields, "Content-Length": str(len(content))}
        headers: list[tuple[bytes | str, bytes | str]] = [*told.items()]
        head: httpcore.Response | None = None
        body = bytearray()
        try:
            async with (
                self._pools.take(to.authority) as pool,
                asyncio.timeout(self._timeout_s),
                pool.stream("POST", url, headers=headers, content=content) as response,
            ):
                head = response
                async for chunk in response.aiter_stream():
                    body += chunk
                    if len(body) >= self._max_body_bytes:
                        break
        except Exception as error:
            if head is None:
                raise _describe(error) from None
        return OutboundResponse(
            status=head.status,
            fields={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers},
            body=bytes(body[: self._max_body_bytes]),
        )


def _describe(error: Exception) -> OutboundFailure:
    """Return the failure that an exception of the exchange is.

    Raises:
        Exception: it is a fault of ours.
    """
    cause = error.__cause__ or error.__context__
    match error:
        case NameUnknown():
            return OutboundFailure("name", "has an unknown host name", was_sent=False)
        case AddressRefused():
            return OutboundFailure("address", "has a private or reserved address", was_sent=False)
        case TimeoutError() | httpcore.TimeoutException():
            return OutboundFailure("timeout", "did not respond in time", was_sent=True)
        case httpcore.ConnectError() if isinstance(cause, ssl.SSLError):
            return OutboundFailure("certificate", "has a certificate or TLS that is not accepted", was_sent=False)
        case httpcore.ConnectError():
            return OutboundFailure("connection", "refuses connections or cannot be reached", was_sent=False)
        case httpcore.NetworkError() | httpcore.ProtocolError() | OSError():
            return OutboundFailure("response", "closed the connection or broke the protocol", was_sent=True)
    raise error
