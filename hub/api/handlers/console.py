"""`/console`: the operator's page, as it was built from `console/`; what it shows it asks for with a service key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Literal

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from hub import routes
from hub.api.request import AnyRequest
from hub.header_fields import list_tokens

__all__ = ["make_console_routes"]

FileName = Literal["index.html", "console.js", "console.css"]
_MEDIA_TYPES: Mapping[FileName, str] = {
    "index.html": "text/html",
    "console.js": "text/javascript",
    "console.css": "text/css",
}
#: Nothing but the page's own script and style, no markup from text, and requests to the hub that serves it alone.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # The names of the files do not change with their content, so a browser asks each time whether they have.
    "cache-control": "no-cache",
}


class _File:
    """One file of the built page, read once."""

    def __init__(self, name: FileName, body: bytes) -> None:
        self.media_type = _MEDIA_TYPES[name]
        self.body = body
        self.tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    def respond(self, request: AnyRequest) -> Response[bytes]:
        headers = {**_HEADERS, "etag": self.tag}
        known = {tag.removeprefix(b"W/").decode("latin-1") for tag in _read_tags(request)}
        if self.tag in known or "*" in known:
            return Response(b"", status_code=304, media_type=self.media_type, headers=headers)
        return Response(self.body, media_type=self.media_type, headers=headers)


def make_console_routes() -> list[HTTPRouteHandler]:
    """Return the handlers of the page and its two files."""
    page, script, style = (_read(name) for name in _MEDIA_TYPES)

    @get(routes.CONSOLE, operation_id="showConsole")
    async def show_console(request: AnyRequest) -> Response[bytes]:
        # As it was sent: the framework drops the slash of `path`.
        if not request.scope["raw_path"].endswith(b"/"):
            # The page's addresses are relative, so that it works under any path of a proxy, and so is this one.
            return Response(b"", status_code=308, headers={**_HEADERS, "location": "console/"})
        return page.respond(request)

    @get(routes.CONSOLE_SCRIPT, operation_id="readConsoleScript")
    async def read_console_script(request: AnyRequest) -> Response[bytes]:
        return script.respond(request)

    @get(routes.CONSOLE_STYLE, operation_id="readConsoleStyle")
    async def read_console_style(request: AnyRequest) -> Response[bytes]:
        return style.respond(request)

    return [show_console, read_console_script, read_console_style]


def _read(name: FileName) -> _File:
    file = files("hub.api").joinpath("console", name)
    return _File(name, file.read_bytes())


def _read_tags(request: AnyRequest) -> list[bytes]:
    return list_tokens(request.scope["headers"], b"if-none-match")
