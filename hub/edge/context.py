"""What all connections of one server share, and what makes them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from hub import routes
from hub.asgi import Application
from hub.bounds import Bounds
from hub.delivery.link import HANDLERS_STATE, ConnectionHandlers
from hub.direct import DIRECT_STATE, DirectHandler
from hub.edge.handshake_limiter import HandshakeLimiter
from hub.header_fields import Headers

__all__ = ["ServerContext"]

#: A request for one of these stays for as long as its client does.
LASTING_PATHS = frozenset(
    f"{path}{slash}"
    for path in (routes.WEBSOCKET, routes.EVENT_STREAM, routes.STREAM, routes.OBSERVE)
    for slash in ("", "/")
)


class ServerContext:
    """The app, the settings and the books of one server: each connection refers to this one object."""

    __slots__ = (
        "_default_headers",
        "_renew_at_s",
        "_server_headers",
        "app",
        "app_state",
        "bounds",
        "compresses",
        "direct",
        "handlers",
        "is_draining",
        "keep_alive_s",
        "limiter",
        "loop",
        "many_connections",
        "max_message_bytes",
        "root_path",
        "state",
    )

    def __init__(
        self,
        config: Config,
        state: ServerState,
        app_state: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
        *,
        bounds: Bounds,
        many_connections: int,
    ) -> None:
        """Take what the server gives; beyond `many_connections` of them idle connections are soon closed."""
        if not config.loaded:
            config.load()
        self.app = cast("Application", config.loaded_app)
        self.loop = loop
        self.bounds = bounds
        self.app_state = app_state
        #: By path, what answers a `POST` past the app, and what serves a connection past it.
        self.direct: Mapping[str, DirectHandler] = app_state.get(DIRECT_STATE, {})
        self.handlers: ConnectionHandlers = app_state.get(HANDLERS_STATE, ConnectionHandlers())
        self._server_headers: Headers = config.encoded_headers
        self._default_headers: Headers = []
        self._renew_at_s = 0.0
        #: uvicorn's: the open connections, and the tasks of requests.
        self.state = state
        self.root_path = config.root_path
        self.keep_alive_s: float = config.timeout_keep_alive
        self.max_message_bytes = config.ws_max_size
        self.compresses = config.ws_per_message_deflate
        self.many_connections = many_connections
        self.limiter = HandshakeLimiter(loop)
        #: The server is about to end: each response says that its connection ends too. Otherwise a client or a proxy
        #: could send its next request on it in the moment in which it is closed.
        self.is_draining = False

    @property
    def default_headers(self) -> Headers:
        """The headers of every response: those of the server, and the date (RFC 9110 section 6.6.1)."""
        # Renewed when it is asked for, once a second: no timer runs while nobody asks.
        now_s = self.loop.time()
        if now_s >= self._renew_at_s:
            self._renew_at_s = now_s + 1
            self._default_headers = [(b"date", formatdate(usegmt=True).encode()), *self._server_headers]
        return self._default_headers

    def add(self, connection: object) -> None:
        """Count a connection among those that the shutdown ends."""
        cast("set[object]", self.state.connections).add(connection)

    def discard(self, connection: object) -> None:
        """Count a connection no more: it is gone, or another protocol's."""
        cast("set[object]", self.state.connections).discard(connection)

    def run_task(self, serving: Coroutine[Any, Any, None]) -> None:
        """Run a request's task; the shutdown waits for it."""
        task = self.loop.create_task(serving)
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    def wait_outcome(self, outcome: asyncio.Future[Any], finish: Callable[[], None]) -> None:
        """Call `finish` once this is done; the shutdown waits for it, and cancels it in the end as it does a task."""
        futures = cast("set[asyncio.Future[Any]]", self.state.tasks)
        futures.add(outcome)

        def end(outcome: asyncio.Future[Any]) -> None:
            futures.discard(outcome)
            finish()

        outcome.add_done_callback(end)

    def lasts(self, path: str) -> bool:
        """Whether a request for this path stays for as long as its client does."""
        return path in LASTING_PATHS
