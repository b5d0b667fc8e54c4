"""The answer to OPTIONS for a path that several handlers share.

The framework makes one when the first handler of a path is registered, and keeps it when others follow, so its `Allow`
would name the first one's methods alone.
"""

from __future__ import annotations

from litestar import Response, route
from litestar.handlers import HTTPRouteHandler

__all__ = ["make_options_route"]


def make_options_route(path: str, *methods: str) -> HTTPRouteHandler:
    """Return the handler of OPTIONS for `path`, to be registered before the handlers of these methods."""
    allow = ", ".join(sorted({*methods, "OPTIONS"}))

    @route(path, http_method="OPTIONS", status_code=204, include_in_schema=False, sync_to_thread=False)
    def show_methods() -> Response[None]:
        return Response(None, headers={"Allow": allow})

    return show_methods
