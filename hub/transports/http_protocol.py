"""The edge of the process for HTTP: uvicorn's httptools protocol with bounds, and the link of an SSE stream.

httptools itself accepts a header line of 100 MiB and waits for ever for the end of one, requests without
a Host and requests with two; each of these is closed here. It leans on the inside of uvicorn, whose exact
version is therefore pinned.
"""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from hub.transports.links import EventStreamLink

__all__ = ["HttpProtocol"]

#: The request line and headers together; nginx allows as much by default (4 x 8 KiB).
MAX_HEAD_BYTES = 32_768
#: From the first byte expected (or the connection made) to the end of the headers.
HEAD_TIMEOUT_S = 10.0


class HttpProtocol(HttpToolsProtocol):
    """One HTTP connection whose head is bounded in bytes and in time."""

    _head_bytes = 0
    _head_done = False
    _head_timer: asyncio.TimerHandle | None = None
    _refused = False
    _link: EventStreamLink | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        """Start the clock: a peer that sends nothing is not kept."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock and tell the stream, if this connection carries one."""
        self._stop_head_timer()
        if self._link is not None:
            self._link.lose()
            self._link = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, as long as the head stays within its bound."""
        if self._refused:
            return
        if not self._head_done:
            self._head_bytes += len(data)
            over = self._head_bytes - MAX_HEAD_BYTES
            if over > 0:
                # The rest may be body: give the parser what fits, and go on only if the head ended in it.
                fits = max(0, len(data) - over)
                super().data_received(data[:fits])
                self._refuse_unended_head()
                data = data[fits:]
        if data and not self._refused:
            super().data_received(data)

    def on_message_begin(self) -> None:
        """Begin a request; the app finds the way to a link of this connection in its scope."""
        super().on_message_begin()
        self._expect_head()
        self.scope["extensions"] = {"hub.link": cast("dict[object, object]", self.open_link)}

    def on_headers_complete(self) -> None:
        """Refuse what two parsers could read differently, then hand the request over."""
        self._head_done = True
        self._stop_head_timer()
        hosts = [value for name, value in self.headers if name == b"host"]
        if len(hosts) != 1 and not (not hosts and self.parser.get_http_version() == "1.0"):
            # RFC 9112 section 3.2: a request without or with more than one Host is answered 400.
            self._refuse(400, "One Host header is required.")
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body, unless the request was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request; the next one on this connection gets its own bound."""
        if not self._refused:
            super().on_message_complete()
        self._head_bytes = 0

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol, unless the request was refused."""
        if not self._refused:
            super().handle_websocket_upgrade()

    def open_link(self) -> EventStreamLink:
        """Return the link of the response in progress; it writes to the transport directly."""
        self._link = EventStreamLink(self.transport, self.cycle)
        return self._link

    def _refuse_unended_head(self) -> None:
        if not self._head_done:
            self._refuse(431, "The headers are too large.")

    def _expect_head(self) -> None:
        self._head_done = False
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._head_late)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        self._head_timer = None
        self._refuse(408, "The headers took too long.")

    def _refuse(self, status: int, text: str) -> None:
        self._refused = True
        self._stop_head_timer()
        if not self.transport.is_closing():
            body = b'{"status":%d,"title":"%b","code":"bad_request"}' % (status, text.encode())
            head = b"content-type: application/problem+json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(
                body
            )
            self.transport.write(STATUS_LINE[status] + head + body)
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what httptools cannot parse."""
        self._refuse(400, "The request is not valid HTTP.")

    def _unsupported_upgrade_warning(self) -> None:
        # A peer that asks for h2c or the like is served over HTTP/1.1 (RFC 9110 section 7.8); no log line for it.
        return
