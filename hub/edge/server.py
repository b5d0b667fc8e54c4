"""uvicorn as the hub runs it: our protocols, quiet about query strings, and a shutdown that drains first."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from hub.edge.context import ServerContext
from hub.edge.http_protocol import HttpProtocol
from hub.errors import SettingsError
from hub.settings import Settings

__all__ = ["ConnectionFactory", "HubServer", "configure", "inherit_socket", "listen"]

#: After how many heartbeat intervals the kernel drops a peer that acknowledges nothing.
KERNEL_DEADLINE_HEARTBEATS = 2.5
#: What to do where an address cannot be listened on, by the system's reason.
_WAYS_OUT = {
    errno.EADDRINUSE: "another program listens there: stop it, or choose another port with {variable}{option}",
    errno.EACCES: "ports below 1024 are root's: choose another one with {variable}{option}, behind a proxy",
}
#: SD_LISTEN_FDS_START of systemd's protocol.
FIRST_PASSED_FD = 3


class ConnectionFactory:
    """Makes the connections of one server; uvicorn calls it as it calls a protocol class."""

    def __init__(self, settings: Settings) -> None:
        self._bounds = settings.bounds
        self._many_connections = settings.max_connections + settings.bounds.requests_beside
        #: What the connections share; made with the first of them.
        self.context: ServerContext | None = None

    def __call__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> HttpProtocol:
        if self.context is None:
            loop = _loop or asyncio.get_running_loop()
            self.context = ServerContext(
                config, server_state, app_state, loop, bounds=self._bounds, many_connections=self._many_connections
            )
        return HttpProtocol(self.context)

    def begin_drain(self) -> None:
        """Let each response say from now on that its connection ends."""
        if self.context is not None:
            self.context.is_draining = True


class HubServer(uvicorn.Server):
    """A server whose shutdown first sends the connections away, in order and spread out.

    uvicorn alone closes every socket at once and waits for event streams for ever.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain: Callable[[], Awaitable[None]],
        hands_over: bool = False,
        on_start: Callable[[], None] = lambda: None,
        watch: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> None:
        """Make a server that calls `drain` before it stops, and `on_start` once it listens.

        `watch` runs as a task while the server does; when it returns, the server ends.
        """
        self._loop: asyncio.AbstractEventLoop | None = None
        self._told = asyncio.Event()
        super().__init__(config)
        http: object = config.http
        self._connections = http if isinstance(http, ConnectionFactory) else None
        self._drain = drain
        self._hands_over = hands_over
        self._on_start = on_start
        self._watch = watch

    @property
    def should_exit(self) -> bool:
        """Whether the server was told to end; from a signal handler or another thread, too."""
        return self._should_exit

    @should_exit.setter
    def should_exit(self, value: bool) -> None:
        self._should_exit = value
        if value and self._loop is not None:
            self._loop.call_soon_threadsafe(self._told.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the app, and listen."""
        await super().startup(sockets)
        self._on_start()

    async def main_loop(self) -> None:
        """Wait until the server is told to end; uvicorn's own loop would wake up ten times a second to look."""
        self._loop = asyncio.get_running_loop()
        if self.should_exit:
            return
        watching = None if self._watch is None else self._loop.create_task(self._watch(), name="watch of the process")
        if watching is not None:
            watching.add_done_callback(lambda _: self._told.set())
        await self._told.wait()
        if watching is not None and not watching.done():
            watching.cancel()
            await asyncio.wait({watching})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop; a second SIGINT stops at once.

        With a socket that somebody else keeps open, new connections are left in its queue from the first
        moment on: the next hub takes them, and none is refused.
        """
        if self._hands_over:
            for server in self.servers:
                server.close()
        if not self.force_exit:
            if self._connections is not None:
                self._connections.begin_drain()
            await self._drain()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begin the shutdown; the process then ends with status 0, for it did as it was told."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def configure(app: Any, settings: Settings, *, log_level: str | None = "error") -> uvicorn.Config:
    """Return uvicorn's configuration for `app`, an ASGI application; without a level uvicorn's log keeps its own."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=cast("type[asyncio.Protocol]", ConnectionFactory(settings)),
        ws="none",  # handshakes are the HTTP protocol's to hand over
        ws_max_size=settings.bounds.max_message_bytes,
        # The heartbeat pings.
        ws_ping_interval=None,
        ws_per_message_deflate=settings.compression,
        lifespan="on",
        # uvicorn would log the query string, and with it the token, at INFO, and a line for every request that is
        # no HTTP, which anybody can send, at WARNING.
        log_config=None,
        log_level=log_level,
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        backlog=4096,
        # Whole seconds for uvicorn's annotation; it passes them to the loop as they are.
        timeout_keep_alive=cast("int", settings.keep_alive_s),
        timeout_graceful_shutdown=settings.bounds.grace_s,
    )


def inherit_socket(
    environ: Mapping[str, str], settings: Settings, *, first_fd: int = FIRST_PASSED_FD
) -> socket.socket | None:
    """Return the listening socket that a supervisor opened for us, if it did (systemd's `sd_listen_fds(3)`).

    It gets the options of one of our own. `first_fd` is the descriptor of the first that was passed.

    Raises:
        SettingsError: more than one was passed, or it is not a listening stream socket.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    if environ.get("LISTEN_FDS") != "1":
        raise SettingsError("LISTEN_FDS: exactly one socket can be served (example: LISTEN_FDS=1)")
    try:
        listener = socket.socket(fileno=first_fd)
        try:
            if not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError("it does not listen")
            _bind_peers(listener, settings)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise SettingsError(f"LISTEN_FDS: the passed socket cannot be used: {error}") from error
    listener.setblocking(False)
    os.set_inheritable(first_fd, False)
    return listener


def listen(settings: Settings, *, beside_port: int | None = None, variable: str = "HUB_PORT") -> socket.socket:
    """Return the listening socket: the hub's, or that of another port, for machines, which `variable` chooses.

    Raises:
        SettingsError: the address cannot be listened on.
    """
    port = settings.port if beside_port is None else beside_port
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind_peers(listener, settings)
        listener.bind((settings.host, port))
        listener.listen(4096 if beside_port is None else 16)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        address = f"[{settings.host}]:{port}" if ":" in settings.host else f"{settings.host}:{port}"
        way_out = _WAYS_OUT.get(
            error.errno or 0, "HUB_HOST is an address of this machine, such as 127.0.0.1 or 0.0.0.0"
        )
        option = " or `--port`" if variable == "HUB_PORT" else ""
        if variable == "HUB_METRICS_PORT" and port == settings.port and error.errno == errno.EADDRINUSE:
            way_out = "it is HUB_PORT too: give the metrics a port of their own, or 0 for /metrics on the hub's"
        raise SettingsError(
            f"HUB_HOST, {variable}: cannot listen on {address}: {error.strerror or error} "
            f"({way_out.format(variable=variable, option=option)})"
        ) from error
    return listener


def _bind_peers(listener: socket.socket, settings: Settings) -> None:
    # Accepted sockets inherit these. A peer that takes nothing is dropped by the kernel (RFC 5482): a dead one whose
    # bytes all fit into the kernel's buffer shows itself in no other way on an event stream. The hub's own deadline
    # comes first where it applies, after one to two heartbeats: it knows why the connection ends, and counts that.
    if listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            deadline_ms = int(settings.heartbeat_s * KERNEL_DEADLINE_HEARTBEATS * 1000)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, deadline_ms)
        # Otherwise the kernel alone would hold up to 4 MiB for each peer that stopped reading.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.bounds.send_buffer_bytes)
