"""A port beside the hub's own, for machines that watch it: the same bounds, in the same loop, and few connections."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from uvicorn.server import ServerState

from hub.edge.http_protocol import HttpProtocol
from hub.edge.server import configure, listen
from hub.settings import Settings

__all__ = ["serve_beside"]

#: One machine that scrapes holds one.
MAX_CONNECTIONS = 32
#: What an answer that is on its way may still take at the end.
GRACE_S = 1.0


class _SideProtocol(HttpProtocol):
    """Plain requests alone, and no more connections than there are places."""

    _numbers = itertools.count()
    _number = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn types it
        self.transport = transport
        if len(self.connections) >= MAX_CONNECTIONS and not self._displace():
            transport.abort()
            return
        self._number = next(self._numbers)
        super().connection_made(transport)

    def _displace(self) -> bool:
        # Peers that ask for nothing must not keep out the one that does, however many of them come.
        idle = [one for one in self.connections if isinstance(one, _SideProtocol) and not one._has_open_request()]
        oldest = min(idle, key=lambda one: one._number, default=None)
        if oldest is None:
            return False
        self.connections.discard(oldest)
        oldest.transport.abort()
        return True

    def _has_open_request(self) -> bool:
        return self._has_request() and not self.cycle.response_complete

    def _should_upgrade(self) -> bool:
        return False


@contextlib.asynccontextmanager
async def serve_beside(app: Any, settings: Settings) -> AsyncIterator[None]:
    """Serve `app`, an ASGI application without a lifespan, on the port of the metrics.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    config = configure(app, settings, log_level=None)
    config.load()
    state = ServerState()
    kind = _SideProtocol.for_server(crowd=MAX_CONNECTIONS)
    listener = listen(settings, beside=True)
    server = await asyncio.get_running_loop().create_server(lambda: kind(config, state, {}), sock=listener)
    try:
        yield
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(list(state.tasks), timeout=GRACE_S)
        for connection in list(state.connections):
            connection.transport.abort()
