"""Requests out of bytes: httptools' parser with bounds.

httptools accepts a header line of 100 MiB, requests without a Host and requests with two; each of these ends here.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol
from urllib.parse import unquote

import httptools

from hub.edge.handshake import is_handshake
from hub.edge.request_head import (
    MAX_FIELDS,
    has_body,
    judge_head,
    judge_method,
    origin_form,
    without_offer,
)
from hub.errors import BadRequest, HeadersTooLarge, HubError, UriTooLong
from hub.header_fields import Headers

__all__ = ["Request", "RequestReader", "RequestSink"]

#: The request line and headers together, and what a body brings besides itself (trailers, chunk extensions);
#: nginx allows as much by default (4 x 8 KiB).
MAX_HEAD_BYTES = 32_768
HEAD_END = b"\r\n\r\n"


class Request(NamedTuple):
    """The head of a request, as it was parsed."""

    method: str
    http_version: str
    path: str
    raw_path: bytes
    query: bytes
    headers: Headers
    #: Whether another request may follow on the same connection.
    keeps_alive: bool
    #: Whether the client waits for a `100 Continue` before it sends the body.
    expects_continue: bool


class RequestSink(Protocol):
    """Takes what is read, in order."""

    def begin_request(self, request: Request) -> None:
        """Take the head of a request; its body follows."""

    def take_body(self, part: bytes) -> None:
        """Take a part of the body of the last request."""

    def end_body(self) -> None:
        """Take the end of the last request."""

    def begin_handshake(self, request: Request) -> None:
        """Take a WebSocket handshake; nothing follows it."""


class RequestReader:
    """Reads the requests of one connection, one head at a time.

    `takes_handshakes` is off where there is no WebSocket: their offers are passed over (RFC 9110 section 7.8).
    """

    __slots__ = (
        "_expects_continue",
        "_handshake",
        "_head_bytes",
        "_headers",
        "_parser",
        "_sink",
        "_takes_handshakes",
        "_url",
        "fault",
        "is_head_done",
    )

    def __init__(self, sink: RequestSink, *, takes_handshakes: bool) -> None:
        self._sink = sink
        self._takes_handshakes = takes_handshakes
        #: Why nothing more can be read here. Not raised: its traceback would hold this object, which holds it.
        self.fault: HubError | None = None
        self._handshake: Request | None = None
        self._head_bytes = 0
        self._headers: Headers = []
        self._url = b""
        self._expects_continue = False
        #: Whether the last head that began has arrived whole; nothing has begun yet where no byte has come.
        self.is_head_done = False
        self._parser: httptools.HttpRequestParser | None = self._make_parser()

    def close(self) -> None:
        """Release the parser, which holds this object that holds it."""
        self._parser = None

    def read(self, data: bytes) -> bytes:
        """Read up to the end of one head, or as much as the bound leaves room for; return the rest.

        Where `fault` is set then, it is not a request that the hub takes, and nothing more can be read here.
        """
        part = data[: MAX_HEAD_BYTES - self._head_bytes]
        if (end := part.find(HEAD_END)) != part.rfind(HEAD_END):
            part = part[: end + len(HEAD_END)]
        if not part:
            self.fault = UriTooLong() if self._is_in_url() else HeadersTooLarge()
            return b""
        self._head_bytes += len(part)
        self._feed(part)
        if self.fault is None and not self.is_head_done and len(self._headers) > MAX_FIELDS:
            self.fault = HeadersTooLarge()  # before it is whole
        return data[len(part) :]

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._headers = []
        self._expects_continue = False
        self.is_head_done = False

    def on_url(self, part: bytes) -> None:
        """Take a part of the request target."""
        self._url += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Refuse what two parsers could read differently, then hand the request over."""
        parser = self._parser
        if self.fault is not None or parser is None:
            return  # of the same packet, behind a request that was refused
        self.is_head_done = True
        method, version, headers = parser.get_method(), parser.get_http_version(), self._headers
        self.fault = judge_head(method, version, headers)
        if self.fault is not None:
            return
        is_offer = parser.should_upgrade()
        if is_offer and not (self._takes_handshakes and is_handshake(method, version, headers)):
            return  # `_feed` reads it again, without the offer
        try:
            target = httptools.parse_url(origin_form(method, self._url))
            path = target.path.decode("ascii")
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
            self.fault = BadRequest("The URL cannot be read")
            return
        request = Request(
            method.decode("ascii"),
            version,
            unquote(path) if "%" in path else path,
            target.path,
            target.query or b"",
            headers,
            version != "1.0" and parser.should_keep_alive(),
            # HTTP/1.0 knows none, and without a body there is nothing to wait for.
            self._expects_continue and version != "1.0" and has_body(headers),
        )
        # What stays for days keeps no token.
        self._url = b""
        if is_offer:
            self._handshake = request
        else:
            self._sink.begin_request(request)

    def on_body(self, part: bytes) -> None:
        """Hand over a part of the body, unless the request was refused."""
        self._head_bytes = 0
        if self.fault is None:
            self._sink.take_body(part)

    def on_message_complete(self) -> None:
        """End the request; the next one on this connection gets its own bound."""
        self._head_bytes = 0
        # One that offers an upgrade ends for the parser with its head: it is a handshake, or is read again.
        if self.fault is None and self._parser is not None and not self._parser.should_upgrade():
            self._sink.end_body()

    def _feed(self, data: bytes) -> None:
        while data and self._parser is not None:
            try:
                self._parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if self._handshake is not None:
                    self._sink.begin_handshake(self._handshake)
                    return
                data = b"" if self.fault is not None else self._withdraw_offer() + data[upgrade.args[0] :]
            except httptools.HttpParserCallbackError as error:
                # A fault of ours, in what the parser calls.
                raise (error.__context__ or error) from None
            except httptools.HttpParserError as error:
                # What was wrong first counts; behind it the parser may have stumbled too.
                is_method = isinstance(error, httptools.HttpParserInvalidMethodError)
                unreadable = judge_method(data) if is_method else BadRequest("The request is not valid HTTP/1.1")
                self.fault = self.fault or unreadable
                return

    def _withdraw_offer(self) -> bytes:
        # The parser takes what follows the head of an upgrade for another protocol's, and loses a body. So a request
        # whose offer is declined is read once more, without the offer.
        assert self._parser is not None
        method, version = self._parser.get_method(), self._parser.get_http_version()
        self._parser = self._make_parser()
        return without_offer(method, self._url, version, self._headers)

    def _make_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What follows a request that closes the connection is not an error: it is not read.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def _is_in_url(self) -> bool:
        return not self.is_head_done and len(self._url) * 2 > MAX_HEAD_BYTES
