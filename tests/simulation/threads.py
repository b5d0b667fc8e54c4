"""The log's threads as coroutines of the virtual loop: each runs in its turn, until it waits, so no order is by chance.

A thread of the log is a loop around a queue. Here it is a greenlet that is switched to when its queue has something, or
when it has waited long enough in virtual time, and always before time passes.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from queue import Empty
from random import Random
from types import SimpleNamespace
from typing import Any, Generic, TypeVar
from unittest import mock

import apsw

from hub.log.port import Erased, Placed
from hub.log.sqlite.erasure import Erasure
from hub.log.sqlite.schema import LogFile
from hub.log.sqlite.store import Store, Stored
from tests.simulation.loop import VirtualLoop

__all__ = ["Threads", "virtual_threads"]

T = TypeVar("T")

#: It has no types.
greenlet: Any = importlib.import_module("greenlet")


#: What is added to each wait: a time that is rounded down would never come.
_TICK_S = 1e-6


class Threads:
    """All threads of a simulation, and the clock that they see."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._main = greenlet.getcurrent()
        #: In the order of their starts: what each waits for, and until when.
        self._waiting: dict[Any, tuple[Callable[[], bool], float]] = {}
        #: Whose thread each is: of whom the code belongs to that starts it.
        self.group: ContextVar[str] = ContextVar("group", default="")
        self._groups: dict[Any, str] = {}
        #: Folders in which nothing can be written.
        self.full_disks: set[Path] = set()
        self.stores: dict[str, list[FullStore]] = {}
        loop.beside = self

    def start(self, run: Callable[[], None]) -> None:
        """Begin a thread; it runs in its turn."""
        thread = greenlet.greenlet(run, self._main)
        self._groups[thread] = self.current_group
        self._waiting[thread] = (lambda: True, 0.0)

    @property
    def current_group(self) -> str:
        """Whose code runs now."""
        return self._groups.get(greenlet.getcurrent()) or self.group.get()

    def kill(self, group: str) -> None:
        """End the threads of a group where they are."""
        for thread, owner in list(self._groups.items()):
            if owner == group:
                self._end_thread(thread)
        for store in self.stores.pop(group, []):
            store.die()

    def wait(self, condition: Callable[[], bool], timeout_s: float | None) -> bool:
        """Wait, as a thread, until something holds; returns whether it does."""
        if condition():
            return True
        current = greenlet.getcurrent()
        assert current is not self._main, "the event loop never waits for a thread"
        ends_s = float("inf") if timeout_s is None else self._loop.time() + timeout_s + _TICK_S
        self._waiting[current] = (condition, ends_s)
        self._main.switch()
        return condition()

    def run(self) -> None:
        """Let every thread run that can, until all wait."""
        running = True
        while running:
            running = False
            for thread, (condition, ends_s) in list(self._waiting.items()):
                if condition() or ends_s <= self._loop.time():
                    del self._waiting[thread]
                    thread.switch()
                    running = True

    def next_at_s(self) -> float:
        """Return when the next one has waited long enough."""
        return min((ends_s for _, ends_s in self._waiting.values()), default=float("inf"))

    def end(self) -> None:
        """End all."""
        for thread in list(self._groups):
            self._end_thread(thread)
        for group in list(self.stores):
            self.kill(group)

    def _end_thread(self, thread: Any) -> None:
        self._groups.pop(thread, None)
        self._waiting.pop(thread, None)
        # What it waits for while it cleans up, it does not get.
        while not thread.dead:
            thread.throw(greenlet.GreenletExit)
            self._waiting.pop(thread, None)


class _Thread:
    def __init__(self, threads: Threads, run: Callable[[], None]) -> None:
        self._threads = threads
        self._run = run
        self._ended = False

    def start(self) -> None:
        self._threads.start(self._go)

    def join(self, timeout: float | None = None) -> None:
        if not self._ended and greenlet.getcurrent() is self._threads._main:
            self._threads.run()
        else:
            self._threads.wait(lambda: self._ended, timeout)

    def _go(self) -> None:
        try:
            self._run()
        finally:
            self._ended = True


class _Event:
    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        return self._is_set

    def wait(self, timeout: float | None = None) -> bool:
        return self._threads.wait(lambda: self._is_set, timeout)


class _Queue(Generic[T]):
    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._items: deque[T] = deque()

    def put(self, item: T) -> None:
        self._items.append(item)

    def get(self, timeout: float | None = None) -> T:
        if not self._threads.wait(lambda: bool(self._items), timeout):
            raise Empty
        return self._items.popleft()

    def get_nowait(self) -> T:
        if not self._items:
            raise Empty
        return self._items.popleft()


class FullStore(Store):
    """A store on a disk that may be full."""

    def __init__(self, threads: Threads, file: LogFile, *arguments: Any, **settings: Any) -> None:
        self._full_disks = threads.full_disks
        self._folder = file.path.parent
        self._is_open = False
        super().__init__(file, *arguments, **settings)
        self._is_open = True
        threads.stores.setdefault(threads.current_group, []).append(self)

    @property
    def is_partial(self) -> bool:
        """Whether it lacks state from before its beginning."""
        return self._renewals is not None and self._renewals.is_partial

    def finish(self) -> None:
        self._is_open = False
        super().finish()

    def die(self) -> None:
        """Leave the files as they are, and let go of them, as the kernel does for a process that was killed."""
        if self._is_open:
            self._is_open = False
            self._leave_alone()
            self._close()
            self._mark.close()
            self._lock.release()

    def apply(self, groups: Sequence[Sequence[Placed]]) -> Stored:
        self._require_room()
        return super().apply(groups)

    def purge(self, now_s: float) -> bool:
        self._require_room()
        return super().purge(now_s)

    def erase(self, erasure: Erasure) -> Erased | None:
        self._require_room()
        return super().erase(erasure)

    def reopen(self) -> None:
        self._require_room()
        super().reopen()

    def _require_room(self) -> None:
        if self._folder in self._full_disks:
            raise apsw.FullError("database or disk is full")


@contextmanager
def virtual_threads(loop: VirtualLoop, random: Random) -> Generator[Threads, None, None]:
    """Give the log's modules threads, queues, a monotonic clock and random numbers that belong to the simulation."""
    threads = Threads(loop)
    replaced: dict[str, Any] = {
        "threading": SimpleNamespace(
            Thread=lambda target, name="", daemon=True: _Thread(threads, target),
            Event=lambda: _Event(threads),
            # Held for a few steps in memory, never over one that waits.
            Lock=threading.Lock,
        ),
        "SimpleQueue": lambda: _Queue[Any](threads),
        "random": random,
        "secrets": SimpleNamespace(token_hex=lambda count: f"{random.getrandbits(8 * count):0{2 * count}x}"),
        "Store": lambda *arguments, **settings: FullStore(threads, *arguments, **settings),
        "time": SimpleNamespace(**{**vars(time), "monotonic": loop.time, "time": loop.time, "perf_counter": loop.time}),
    }
    with ExitStack() as stack:
        for name, module in sorted(sys.modules.items()):
            if name.startswith("hub.log."):
                for attribute, value in replaced.items():
                    if hasattr(module, attribute) and (attribute != "Store" or name.endswith(".writer")):
                        stack.enter_context(mock.patch.object(module, attribute, value))
        try:
            yield threads
        finally:
            threads.end()
