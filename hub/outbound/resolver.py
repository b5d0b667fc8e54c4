"""The addresses of a host name, asked once at a time for each name, and in threads that nothing else waits for."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

__all__ = ["Resolver"]

#: The system's resolver blocks for as long as a name server is silent, so other look-ups of the hub do not share it.
_THREADS = 16

LookUp = Callable[[str, int], Awaitable[list[str]]]


class Resolver:
    """Resolves host names. A name that is being resolved is not asked again: all that ask get that result."""

    def __init__(self, look_up: LookUp | None = None) -> None:
        """Take what finds the addresses of a host and port, in the order of preference; else the system does."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="outbound-resolver")
        self._look_up = look_up or self._ask_system
        self._asked: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses, as text; the caller sees to the deadline.

        Raises:
            OSError: the name has none, or no name server responds.
        """
        task = self._asked.get((host, port))
        if task is None:
            task = asyncio.ensure_future(self._look_up(host, port))
            self._asked[host, port] = task
            task.add_done_callback(lambda done: self._forget((host, port), done))
        # A caller that gives up does not end it for the others, nor the thread that is blocked.
        return list(await asyncio.shield(task))

    async def close(self) -> None:
        """Stop waiting; a thread that is blocked ends when the system's resolver returns."""
        for task in list(self._asked.values()):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _forget(self, key: tuple[str, int], task: asyncio.Task[list[str]]) -> None:
        self._asked.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _ask_system(self, host: str, port: int) -> list[str]:
        def ask() -> list[str]:
            try:
                found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            except UnicodeError as error:  # a label that is empty or too long
                raise OSError("the name is not a host name") from error
            return list(dict.fromkeys(str(entry[4][0]) for entry in found))

        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
