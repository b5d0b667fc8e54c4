"""The ASGI application: opens the hub with the server's lifespan, and routes each path."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import cast

from hub import routes
from hub.api.guard import add_head_to_allow, guard
from hub.asgi import Application, Receive, Scope, Send
from hub.composition import Hub, open_hub
from hub.delivery.link import HANDLERS_STATE
from hub.direct import DIRECT_STATE
from hub.settings import Settings, find_unknown, read_settings

__all__ = ["HubApp", "create_app"]

logger = logging.getLogger("hub.app")


class HubApp:
    """The ASGI application: what clients receive by goes straight to its transport, all else to Litestar.

    As routes of the framework the transports would cost a handshake more than all the rest of it; the API document has
    them like any other.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        logs_failed_start: bool = True,
    ) -> None:
        """Make the hub of these settings; `logs_failed_start` is off where the caller shows `failure` itself."""
        self._settings = settings
        self._logs_failed_start = logs_failed_start
        self._now = now
        self._monotonic = monotonic
        self.hub: Hub
        self._started = False
        #: Why the hub did not start, or stopped; for commands that show it in their own words.
        self.failure: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        path = scope["path"].removesuffix("/")
        if scope["type"] == "websocket":
            if path == routes.WEBSOCKET:
                await self.hub.websocket(scope, receive, send)
            else:
                await self.hub.websocket.refuse_path(scope, receive, send)
        elif path == routes.WEBSOCKET:
            await self.hub.websocket.ask_for_upgrade(scope, send)
        elif path == routes.EVENT_STREAM:
            await guard(self.hub.events, scope, receive, send)
        elif path == routes.POLL:
            await guard(self.hub.poll, scope, receive, send)
        elif path == routes.STREAM:
            await guard(self.hub.streams, scope, receive, send)
        else:
            if scope["method"] == "HEAD":
                # The framework's routes know GET alone. The server has a scope of its own and drops the body.
                scope = {**scope, "method": "GET"}
            elif scope["method"] == "OPTIONS":
                send = add_head_to_allow(send)
            # Litestar has names of its own for ASGI's shapes.
            await self.hub.cors.serve(cast("Application", self.hub.http), scope, receive, send)

    async def drain(self) -> None:
        """Send every connection away, spread out; the server calls this before it stops."""
        if self._started:
            await self.hub.connections.drain(window_s=self._settings.drain_s)

    def count_departures(self) -> int:
        """Return how many connections and polls have ended; each may leave memory to be returned to the system."""
        metrics = self.hub.metrics
        return metrics.closes.total() + metrics.polls.total()

    async def wait_broken(self) -> None:
        """Return once the hub delivers nothing any more; such a process should be ended."""
        await self.hub.delivery.wait_end()

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with open_hub(self._settings, now=self._now, monotonic=self._monotonic) as hub:
                self.hub = hub
                self._started = True
                if "state" in scope:
                    scope["state"] |= {DIRECT_STATE: hub.direct, HANDLERS_STATE: hub.handlers}
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            self.failure = error
            if self._started or self._logs_failed_start:
                logger.error("the hub cannot run: %s", error)
            moment = "shutdown" if self._started else "startup"
            await send({"type": f"lifespan.{moment}.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


def create_app() -> HubApp:
    """Return the application of the environment's settings, for another ASGI server (`--factory`).

    Raises:
        SettingsError: a setting cannot be used.
    """
    for sentence in find_unknown(os.environ):
        logger.warning("%s", sentence)
    return HubApp(read_settings(os.environ))
