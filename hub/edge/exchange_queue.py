"""The requests of one connection, answered one by one in their order."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

from hub.asgi import Scope
from hub.direct import DirectHandler
from hub.edge.context import ServerContext
from hub.edge.exchange import MAX_UNREAD_BYTES, Exchange
from hub.header_fields import Headers

__all__ = ["ExchangeQueue", "Held", "MakeScope"]

#: Makes what the app is told of a request, once it is called.
MakeScope: TypeAlias = Callable[[], Scope]


class Held(NamedTuple):
    """A request whose body is read before it is decided who answers: a handler, or else the app."""

    exchange: Exchange
    make_scope: MakeScope
    handler: DirectHandler
    headers: Headers


class ExchangeQueue:
    """Lets the app answer the oldest request; those behind it wait, seldom any and never many."""

    __slots__ = ("_context", "_held", "_waiting", "current", "reading")

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._held: Held | None = None
        #: The request that the app is at; the last one that was read.
        self.current: Exchange | None = None
        self.reading: Exchange | None = None
        self._waiting: tuple[tuple[Exchange, MakeScope], ...] = ()

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

    @property
    def is_held(self) -> bool:
        """Whether nobody answers the last request before its body is there."""
        return self._held is not None

    def add(self, exchange: Exchange, make_scope: MakeScope) -> bool:
        """Let the app answer a request; False where it waits for the one before it."""
        self.reading = exchange
        if self.is_responding:
            # The app responds to it: a stream that began at once would drop what was not read behind it.
            exchange.begin_direct = None
            self._waiting = (*self._waiting, (exchange, make_scope))
            return False
        self._start(exchange, make_scope)
        return True

    def hold(self, held: Held) -> None:
        """Let a handler answer a request once its body is there, unless `release` comes first; none is before it."""
        self.reading = self.current = held.exchange
        self._held = held

    def take_body(self, part: bytes) -> None:
        """Hand a part of the body to the last request."""
        if self.reading is not None:
            self.reading.take_body(part)
            if self._held is not None and self.reading.unread_bytes > MAX_UNREAD_BYTES:
                self.release()

    def end_body(self) -> None:
        """End the last request."""
        if self.reading is None:
            return
        self.reading.end_body()
        if (held := self._held) is not None and held.exchange.call(held.handler, held.headers):
            self._held = None
        self.release()

    def release(self) -> None:
        """Let the app answer the request that is held, if any is."""
        held, self._held = self._held, None
        if held is not None:
            self._start(held.exchange, held.make_scope)

    def start_next(self) -> bool:
        """Let the app answer the oldest request that waits; False where none does."""
        if not self._waiting:
            return False
        (exchange, make_scope), *others = self._waiting
        self._waiting = tuple(others)
        self._start(exchange, make_scope)
        return True

    def disconnect(self) -> None:
        """Tell the app that nobody reads its responses, and forget all: each holds the connection that holds it."""
        self.release()
        for exchange in (self.current, self.reading):
            if exchange is not None:
                exchange.disconnect()
        self.current = self.reading = None
        self._waiting = ()

    def _start(self, exchange: Exchange, make_scope: MakeScope) -> None:
        self.current = exchange
        if not exchange.lasts or self._context.limiter.enter():
            self._run(exchange, make_scope)
        else:
            self._context.limiter.wait(partial(self._run, exchange, make_scope))

    def _run(self, exchange: Exchange, make_scope: MakeScope) -> None:
        if not exchange.is_disconnected and not exchange.begin():
            self._context.run_task(exchange.run(self._context.app, make_scope()))
