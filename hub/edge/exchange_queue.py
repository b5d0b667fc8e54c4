"""The requests of one connection, answered one by one in their order."""

from __future__ import annotations

from functools import partial

from hub.asgi import Scope
from hub.edge.context import ServerContext
from hub.edge.exchange import Exchange

__all__ = ["ExchangeQueue"]


class ExchangeQueue:
    """Lets the app answer the oldest request; those behind it wait, seldom any and never many."""

    __slots__ = ("_context", "_waiting", "current", "reading")

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        #: The request that the app is at; the last one that was read.
        self.current: Exchange | None = None
        self.reading: Exchange | None = None
        self._waiting: tuple[tuple[Exchange, Scope], ...] = ()

    def __repr__(self) -> str:
        return f"<ExchangeQueue, {len(self._waiting)} waiting>"

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether the response to the last request is still to be given."""
        return self.reading is not None and not self.reading.is_complete

    @property
    def is_responding(self) -> bool:
        """Whether the app's response to the oldest request is not complete."""
        return self.current is not None and not self.current.is_complete

    @property
    def is_committed(self) -> bool:
        """Whether only the app may write: its response has begun, or the whole request was read.

        Into a response that has begun, a stream above all, no other may be written; nor may one be before it, for a
        client would take it for the response to the request that it sent first.
        """
        exchange = self.current
        return exchange is not None and self.is_responding and (exchange.is_started or exchange.is_read)

    def add(self, exchange: Exchange, scope: Scope) -> bool:
        """Let the app answer a request; False where it waits for the one before it."""
        self.reading = exchange
        if self.is_responding:
            self._waiting = (*self._waiting, (exchange, scope))
            return False
        self._start(exchange, scope)
        return True

    def start_next(self) -> bool:
        """Let the app answer the oldest request that waits; False where none does."""
        if not self._waiting:
            return False
        (exchange, scope), *others = self._waiting
        self._waiting = tuple(others)
        self._start(exchange, scope)
        return True

    def disconnect(self) -> None:
        """Tell the app that nobody reads its responses, and forget all: each holds the connection that holds it."""
        for exchange in (self.current, self.reading):
            if exchange is not None:
                exchange.disconnect()
        self.current = self.reading = None
        self._waiting = ()

    def _start(self, exchange: Exchange, scope: Scope) -> None:
        self.current = exchange
        if not exchange.lasts or self._context.limiter.enter():
            self._run(exchange, scope)
        else:
            self._context.limiter.wait(partial(self._run, exchange, scope))

    def _run(self, exchange: Exchange, scope: Scope) -> None:
        if not exchange.is_disconnected:
            self._context.run_task(exchange.run(self._context.app, scope))
