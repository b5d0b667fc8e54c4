"""A port for machines that watch the process: the hub's bounds, in the same loop, and few connections."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Iterable
from typing import Any

from uvicorn.server import ServerState

from hub.edge.context import ServerContext
from hub.edge.http_protocol import HttpProtocol
from hub.edge.server import configure, listen
from hub.settings import Settings

__all__ = ["serve_metrics"]

#: What a response that is on its way may still take at the end.
GRACE_S = 1.0


class _MetricsProtocol(HttpProtocol):
    """Plain requests alone, and no more connections than there are places."""

    __slots__ = ("number",)

    takes_handshakes = False
    _numbers = itertools.count()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.number = next(self._numbers)
        super().connection_made(transport)
        if len(self.context.state.connections) > self.context.many_connections and not self._displace():
            self.transport.abort()

    def _displace(self) -> bool:
        # Peers that ask for nothing must not keep out the one that does, however many of them come.
        others = [one for one in _find_connections(self.context) if one is not self and not one.has_open_request()]
        oldest = min(others, key=lambda one: one.number, default=None)
        if oldest is None:
            return False
        self.context.discard(oldest)
        oldest.transport.abort()
        return True


def _find_connections(context: ServerContext) -> list[_MetricsProtocol]:
    """Return the connections that are open."""
    connections: Iterable[object] = context.state.connections
    return [one for one in connections if isinstance(one, _MetricsProtocol)]


@contextlib.asynccontextmanager
async def serve_metrics(app: Any, settings: Settings, *, port: int, variable: str) -> AsyncIterator[int]:
    """Serve `app`, an ASGI application without a lifespan, on `port` of HUB_HOST, 0 for a free one; give the port.

    `variable` is the setting that chooses it, for the error.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    config = configure(app, settings, log_level=None)
    config.load()
    state = ServerState()
    bounds = settings.bounds
    context = ServerContext(
        config, state, {}, asyncio.get_running_loop(), bounds=bounds, many_connections=bounds.metrics_connections
    )
    listener = listen(settings, beside_port=port, variable=variable)
    server = await asyncio.get_running_loop().create_server(lambda: _MetricsProtocol(context), sock=listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.close()
        for connection in _find_connections(context):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=GRACE_S)
        for connection in _find_connections(context):
            connection.transport.abort()
