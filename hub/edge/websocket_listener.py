"""One WebSocket that a handler has accepted past the app: what its client says goes to the handler's listener."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from typing import Any

from hub.delivery.link import Listener
from hub.edge.context import ServerContext
from hub.edge.flow import Flow
from hub.edge.websocket_exchange import MAX_WAITING_MESSAGES

__all__ = ["ListenerExchange"]

logger = logging.getLogger("hub.edge")


class ListenerExchange:
    """Hands messages to a listener, one after the other; a task runs only while one of them has to wait."""

    __slots__ = ("_context", "_flow", "_is_busy", "_listener", "_waiting")

    def __init__(self, listener: Listener, flow: Flow, context: ServerContext) -> None:
        self._listener: Listener | None = listener
        self._flow = flow
        self._context = context
        self._is_busy = False
        self._waiting: tuple[str | None, ...] = ()

    def __repr__(self) -> str:
        return f"<ListenerExchange, {len(self._waiting)} waiting>"

    def disconnect(self, code: int, reason: str = "") -> None:
        """Tell the listener that the connection has ended, once what ends it is done; the first time counts."""
        if self._listener is not None:
            self._context.loop.call_soon(self._listener.leave, code)
            self._listener = None
            self._waiting = ()

    def end_handshake(self) -> None:
        """Do nothing: it was accepted."""

    def take_message(self, message: bytes | str) -> bool:
        """Let the listener hear a message, now or after those before it; False where too much waits already."""
        text = message if isinstance(message, str) else None
        if not self._is_busy:
            self._hear(text)
            return True
        self._waiting = (*self._waiting, text)
        if len(self._waiting) >= MAX_WAITING_MESSAGES:
            self._flow.pause_reading()
        held_bytes = sum(len(each or "") for each in self._waiting)
        return len(self._waiting) == 1 or held_bytes <= self._context.bounds.max_waiting_bytes

    def _hear(self, text: str | None) -> None:
        rest = None if self._listener is None else self._listener.hear(text)
        if rest is not None:
            self._is_busy = True
            self._context.run_task(self._wait(rest))

    async def _wait(self, rest: Coroutine[Any, Any, None]) -> None:
        try:
            await rest
        finally:
            self._is_busy = False
            while self._waiting and not self._is_busy:
                text, *others = self._waiting
                self._waiting = tuple(others)
                self._hear(text)
            if not self._waiting:
                self._flow.resume_reading()
