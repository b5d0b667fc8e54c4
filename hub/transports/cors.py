"""Which web pages may read a response: cross-origin resource sharing (Fetch standard), for every route of the hub."""

from __future__ import annotations

import re

from hub.asgi import Application, Message, Receive, Scope, Send
from hub.auth.origin import check_origin, find_origin
from hub.errors import OriginNotAllowed
from hub.header_fields import Headers
from hub.transports.response import respond, respond_problem

__all__ = ["Cors"]

#: What the clients here ask for; the response to a preflight names it whatever was asked.
_CLIENT_HEADERS = b"authorization, cache-control, last-event-id"
#: Field names (RFC 9110 section 5.6.2) in a list, as a browser writes one.
_FIELD_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]+")


class Cors:
    """Lets the pages at the allowed origins read responses, and no other page."""

    def __init__(self, allowed_origins: frozenset[str]) -> None:
        self._allowed_origins = allowed_origins

    def allow(self, headers: Headers) -> Headers:
        """Return the headers that let the page at the request's origin read the response.

        Raises:
            OriginNotAllowed: it is not one of the allowed ones.
        """
        origin = find_origin(headers)
        if origin is None:
            return [(b"vary", b"Origin")]
        check_origin(origin, self._allowed_origins)
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin.encode("latin-1")),
            # For pages that send `credentials: "include"` everywhere. No cookie means anything to the hub, so it
            # grants nothing; without it the browser keeps the response from the page.
            (b"access-control-allow-credentials", b"true"),
            # Without this a page cannot see when to come back.
            (b"access-control-expose-headers", b"retry-after"),
        ]

    async def respond_preflight(self, send: Send, headers: Headers, *, methods: bytes = b"GET, HEAD") -> None:
        """Allow the headers that a page of an allowed origin asks for.

        Its origin is what is checked. Tracing libraries add headers of their own to each request (`traceparent`,
        `baggage`, `sentry-trace`), and a list of the known ones would be short of the next one's.

        Raises:
            OriginNotAllowed: its origin is not one of the allowed ones.
        """
        asked = b", ".join(
            value
            for name, value in headers
            if name == b"access-control-request-headers" and _FIELD_NAMES.fullmatch(value)
        )
        preflight: Headers = [
            *self.allow(headers),
            (b"allow", methods + b", OPTIONS"),
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", b", ".join(names for names in (_CLIENT_HEADERS, asked) if names)),
            (b"access-control-max-age", b"600"),
        ]
        await respond(send, 204, preflight, b"")

    async def serve(self, app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        """Call an application that knows nothing of origins; a page that is not allowed cannot read its response."""
        headers: Headers = scope["headers"]
        if not any(name == b"origin" for name, _ in headers):
            await app(scope, receive, send)
            return
        try:
            if scope["method"] == "OPTIONS":
                await self.respond_preflight(send, headers, methods=b"GET, HEAD, POST, PUT, DELETE")
                return
            granted = self.allow(headers)
        except OriginNotAllowed as error:
            if scope["method"] == "OPTIONS":
                await respond_problem(send, error, [])
                return
            granted = [(b"vary", b"Origin")]

        async def send_granted(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *granted]}
            await send(message)

        await app(scope, receive, send_granted)
