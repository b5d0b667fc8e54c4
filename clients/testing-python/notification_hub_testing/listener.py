"""A connected user of a test: what the hub sends, one notification at a time, over any number of restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import random
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import httpx
from httpx_sse import aconnect_sse

__all__ = ["Listener"]

#: How long a notification may take that must come.
DEADLINE_S = 5.0
#: How long is waited for one that must not come.
QUIET_S = 0.2
#: The shortest and the longest pause before it comes back: short, so that a test does not wait for it.
_RECONNECT_S = 0.02
_LONGEST_RECONNECT_S = 1.0
#: So many heartbeats may be late before the connection counts as dead.
_LATE_HEARTBEATS = 2.0
#: From here on a close code says that coming back makes no sense.
_FINAL_CODE = 4500
_CLOSE_S = 5.0


class Listener:
    """One connection, which comes back with its cursor whenever it breaks; a context manager.

    A notification is the object that a browser gets, as a dict. A `gap` comes as one too.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        find_url: Callable[[], str],
        find_token: Callable[[], str],
        *,
        cursor: str | None = None,
    ) -> None:
        #: Where it has come to: what came after this is still to be received.
        self.cursor = cursor
        #: Everything that has come so far, in order, whether `next` has returned it or not.
        self.received: list[dict[str, Any]] = []
        #: What the hub said of the connection itself: greetings, heartbeats, why it closed it.
        self.control: list[dict[str, Any]] = []
        self._find_url = find_url
        self._find_token = find_token
        # None: this was the last connection.
        self._frames: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._connected = threading.Event()
        self._refusal: str | None = None
        self._running = asyncio.run_coroutine_threadsafe(self._run(), loop)
        self._running.add_done_callback(lambda _: self._frames.put(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def next(self, *, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """Return the next notification.

        Raises:
            AssertionError: none came within `timeout_s`, or none can come any more; the text names what came before.
        """
        try:
            frame = self._frames.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError(f"no notification came within {timeout_s:g} s; {self._describe()}") from None
        if frame is None:
            self._frames.put(None)
            raise AssertionError(f"the listener is closed; {self._describe()}")
        return frame

    async def next_async(self, *, timeout_s: float = DEADLINE_S) -> dict[str, Any]:
        """Return the next notification, as `next` does, without holding up the test's own event loop."""
        return await asyncio.to_thread(self.next, timeout_s=timeout_s)

    def expect_nothing(self, *, within_s: float = QUIET_S) -> None:
        """Wait this long, and return if nothing came.

        Raises:
            AssertionError: a notification came.
        """
        with contextlib.suppress(queue.Empty):
            frame = self._frames.get(timeout=within_s)
            if frame is None:
                self._frames.put(None)
                return
            raise AssertionError(f"a notification came that was not expected: {frame}")

    def wait_connected(self, *, timeout_s: float = DEADLINE_S) -> None:
        """Return once the hub has greeted the connection.

        Raises:
            AssertionError: it refused it, or did not greet it within `timeout_s`.
        """
        deadline_s = time.monotonic() + timeout_s
        while not self._connected.wait(0.05):
            if self._running.done() or time.monotonic() > deadline_s:
                raise AssertionError(f"the hub did not accept the connection: {self._refusal or 'no response'}")

    def close(self) -> None:
        """End the connection."""
        self._running.cancel()
        with contextlib.suppress(BaseException):
            self._running.result(_CLOSE_S)

    def _describe(self) -> str:
        refused = f"; the hub refused it: {self._refusal}" if self._running.done() and self._refusal else ""
        if not self.received:
            return "nothing came before" + refused
        return "before it came " + ", ".join(str(frame.get("type")) for frame in self.received) + refused

    async def _run(self) -> None:
        attempts = 0
        async with httpx.AsyncClient(timeout=httpx.Timeout(DEADLINE_S, read=None), trust_env=False) as client:
            while True:
                seen = len(self.received)
                with contextlib.suppress(httpx.TransportError, TimeoutError):
                    if not await self._connect(client):
                        return
                attempts = 0 if len(self.received) > seen else attempts + 1
                longest_s = min(_LONGEST_RECONNECT_S, _RECONNECT_S * 2**attempts)
                wait_s = random.uniform(_RECONNECT_S, longest_s + _RECONNECT_S)  # noqa: S311  # spreads load, guards nothing
                await asyncio.sleep(wait_s)

    async def _connect(self, client: httpx.AsyncClient) -> bool:
        """Read one connection to its end; return whether another one may be accepted."""
        headers = {"authorization": f"Bearer {self._find_token()}"}
        if self.cursor is not None:
            headers["last-event-id"] = self.cursor
        async with aconnect_sse(client, "GET", f"{self._find_url()}/sse", headers=headers) as source:
            status = source.response.status_code
            if status != 200:
                self._refusal = f"{status} {(await source.response.aread()).decode()}"
                return status >= 500
            limit_s = DEADLINE_S
            events = source.aiter_sse()
            while True:
                async with asyncio.timeout(limit_s):
                    event = await anext(events, None)
                if event is None:
                    return True
                self.cursor = event.id or self.cursor
                frame: dict[str, Any] = json.loads(event.data) if event.data else {"type": ""}
                if event.data:
                    self._take(frame)
                if frame["type"] == "gap" or (frame["type"] == "connection_established" and self.cursor is None):
                    self.cursor = frame["data"]["cursor"]
                if frame["type"] == "connection_established":
                    limit_s = _LATE_HEARTBEATS * frame["data"]["heartbeatSeconds"]
                elif frame["type"] == "closing":
                    return int(frame["code"]) < _FINAL_CODE

    def _take(self, frame: dict[str, Any]) -> None:
        if "id" in frame or frame["type"] == "gap":
            self.received.append(frame)
            self._frames.put(frame)
            return
        self.control.append(frame)
        if frame["type"] == "connection_established":
            self._connected.set()
