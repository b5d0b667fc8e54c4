"""An event loop in virtual time: nothing waits, no thread decides an order, and each course can be repeated."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import Any, Protocol, TypeVar, TypeVarTuple, Unpack

__all__ = ["Beside", "Deadlock", "VirtualLoop"]

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


#: How often the loop may turn without time passing.
_MOST_TURNS = 20_000


class Deadlock(Exception):
    """Everything waits, and nothing is due; or something is due for ever."""


class Beside(Protocol):
    """What runs beside the loop: threads, each in its turn."""

    def run(self) -> None:
        """Let all that can run do so, until all wait."""

    def next_at_s(self) -> float:
        """Return when the next of them has waited long enough; infinity where none waits for that."""


class _Selector(selectors.SelectSelector):
    """Waits for no file: it lets the time pass that the loop would have waited."""

    def __init__(self, pass_by: Callable[[float | None], None]) -> None:
        super().__init__()
        self._pass_by = pass_by

    def select(self, timeout: float | None = None) -> list[Any]:
        self._pass_by(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, whose clock jumps to what is due next as soon as nothing else is to be done.

    What is given to an executor runs at once, in its place. What runs `beside` the loop comes to rest before time
    passes.
    """

    def __init__(self) -> None:
        self.beside: Beside | None = None
        self._now_s = 0.0
        self._called = 0
        self._turns = 0
        super().__init__(_Selector(self._pass_by))

    def time(self) -> float:
        return self._now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Arguments]], _Result], *args: *_Arguments
    ) -> asyncio.Future[_Result]:
        result: asyncio.Future[_Result] = self.create_future()
        try:
            result.set_result(func(*args))
        except Exception as error:
            result.set_exception(error)
        return result

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: *_Arguments,
        context: Context | None = None,
    ) -> asyncio.Handle:
        self._called += 1
        return self.call_soon(callback, *args, context=context)

    def _pass_by(self, timeout_s: float | None) -> None:
        self._turns = 0 if timeout_s else self._turns + 1
        if self._turns > _MOST_TURNS:
            self._turns = 0
            raise Deadlock
        if timeout_s == 0:
            return
        if self.beside is None:
            next_at_s = float("inf")
        else:
            called = self._called
            self.beside.run()
            if called != self._called:
                return
            next_at_s = self.beside.next_at_s()
        if timeout_s is None and next_at_s == float("inf"):
            raise Deadlock
        at_s = self._now_s + timeout_s if timeout_s is not None else next_at_s
        self._now_s = max(self._now_s, min(at_s, next_at_s))
