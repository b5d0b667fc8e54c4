"""`/`: a small page that says what this is and where to go on, also behind a proxy that serves the hub under a path."""

from __future__ import annotations

import re
from collections.abc import Iterable

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from hub import routes
from hub.api.page import page_headers, read_page
from hub.api.request import AnyRequest

__all__ = ["find_prefix", "make_front_routes"]

#: A path of plain segments; anything else could leave the page, or the site.
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+")
_CONSOLE = re.compile(rb"<!--console-->.*?<!--/console-->\n?", re.DOTALL)
_SCHEMA = re.compile(rb"<!--schema-->.*?<!--/schema-->\n?", re.DOTALL)


def make_front_routes(*, has_schema: bool, has_console: bool) -> list[HTTPRouteHandler]:
    """Return the handler of `/`; without `has_schema` or `has_console` there is no document or console to point at."""
    page = read_page("front") if has_schema else _SCHEMA.sub(b"", read_page("front"))
    page = page if has_console else _CONSOLE.sub(b"", page)

    @get(routes.FRONT, operation_id="showHub")
    async def show_hub(request: AnyRequest) -> Response[bytes]:
        prefix = find_prefix(request.scope["headers"])
        # Relative links are right at `/` and `/hub/`; at `/hub` only the proxy knows what stands before them.
        shown = page if prefix is None else page.replace(b'href="./', b'href="%b/' % prefix.encode())
        at = "." if prefix is None else prefix
        links = [f'<{at}{routes.READY}>; rel="status"']
        if has_schema:
            links += [f'<{at}{routes.OPENAPI}>; rel="service-desc"', f'<{at}{routes.SCHEMA}>; rel="service-doc"']
        # RFC 8631: what a program needs that was given this address.
        headers = {**page_headers("front"), "vary": "X-Forwarded-Prefix", "link": ", ".join(links)}
        return Response(shown, media_type="text/html", headers=headers)

    return [show_hub]


def find_prefix(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the path under which a proxy serves the hub, where it says so (`X-Forwarded-Prefix`); else None.

    Anybody can send one, so it decides about nothing but the links in the response to the same request.
    """
    values = [value.decode("latin-1").strip().rstrip("/") for name, value in headers if name == b"x-forwarded-prefix"]
    return values[0] if len(values) == 1 and _PREFIX.fullmatch(values[0]) else None
