"""`AsyncHub`: the client for asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from contracts.notification import Notification
from contracts.receipt import BatchResult, DisconnectReceipt, Receipt, Ticket
from contracts.request import DisconnectRequest
from contracts.stats import Stats
from notification_hub import wire
from notification_hub.address import Addressed
from notification_hub.environment import find_route
from notification_hub.failure import HubFailure, HubUnreachable
from notification_hub.outbox import OnError, Outbox, QueueCounts, QueueLimits
from notification_hub.retry import RetryPolicy, choose_delay_s
from notification_hub.task_queue import TaskQueue

__all__ = ["AsyncHub"]

T = TypeVar("T")

#: How long `close` waits for the queue unless told otherwise.
CLOSE_S = 5.0


class AsyncHub:
    """A service's way to the hub, for use from any number of tasks of one event loop.

    `enqueue` is for the middle of other work: it never raises and never waits; what it took is sent by a task of its
    own, in order, while the loop runs: close the client before the loop ends. All other calls are waited for, for
    `deadline_s` at most, an attempt for `timeout_s`; they raise `HubRefused` or `HubUnreachable` once repeating did not
    help. Repeats carry the same Idempotency-Key, so nothing is published twice.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_s: float = 5.0,
        deadline_s: float = 20.0,
        retry: RetryPolicy | None = None,
        queue: QueueLimits | None = None,
        on_error: OnError | None = None,
    ) -> None:
        """Take the hub's address and this service's key; nothing is sent yet.

        `on_error` hears of every queued notification that was given up; without it a line is logged.

        Raises:
            ValueError: the address, the key, or a variable of the environment that says how to get there (a proxy, the
                certificates) cannot be used; the text names which, and never its value.
        """
        self._url = wire.check_address(url)
        self._key = wire.check_credential(key)
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s
        self._retry = retry or RetryPolicy()
        route = find_route(self._url, os.environ)
        self._http = httpx.AsyncClient(
            timeout=timeout_s, follow_redirects=False, trust_env=False, proxy=route.proxy, verify=route.trust
        )
        outbox = Outbox(queue or QueueLimits(), self._retry, now=time.monotonic)
        self._queue = TaskQueue(
            lambda body, key: self._attempt(wire.describe_encoded(body, key), self._timeout_s), outbox, on_error
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def notify(
        self,
        notification: Notification,
        *,
        user_id: str | None = None,
        account_id: str | None = None,
        user_ids: Sequence[str] | None = None,
        everyone: bool = False,
        ttl_s: int | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Publish and wait until the hub has it on disk.

        For whom: see `Addressed`. With an `idempotency_key` of the caller's own (1 to 255 printable ASCII characters)
        a repeat by the caller is harmless too, for 24 hours.
        """
        addressed = Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s)
        return await self._send(wire.describe_publish(addressed, idempotency_key or wire.new_idempotency_key()))

    def enqueue(
        self,
        notification: Notification,
        *,
        user_id: str | None = None,
        account_id: str | None = None,
        user_ids: Sequence[str] | None = None,
        everyone: bool = False,
        ttl_s: int | None = None,
    ) -> bool:
        """Publish in the background; return whether the queue took it. Never raises and never waits.

        What is lost, because the queue is full, the hub refuses it or stays away for too long, is told to `on_error`.
        """
        return self._queue.add(Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s))

    async def notify_batch(
        self, batch: Sequence[Addressed], *, idempotency_key: str | None = None
    ) -> list[BatchResult]:
        """Publish up to 1,000 at once; return a receipt or a problem for each, in order."""
        return (await self._send(wire.describe_batch(batch, idempotency_key or wire.new_idempotency_key()))).results

    async def stats(self) -> Stats:
        """Return who is connected and what happened since the hub started."""
        return await self._send(wire.describe_stats())

    async def disconnect(self, whom: DisconnectRequest) -> DisconnectReceipt:
        """Close a user's, an account's or a token's connections and, with `revoke`, refuse their tokens from now on."""
        return await self._send(wire.describe_disconnect(whom))

    async def ticket(self, user_token: str) -> Ticket:
        """Return a one-use stand-in for a user's token, for a URL."""
        return await self._send(wire.describe_ticket(user_token))

    async def health(self) -> wire.Readiness:
        """Return whether the hub wants new work, and how its parts are; asked once."""
        return await self._attempt(wire.describe_ready(), self._timeout_s)

    async def live(self) -> bool:
        """Return whether the hub's process answers; asked once, never raises for a hub that is away."""
        try:
            return (await self._attempt(wire.describe_live(), self._timeout_s)).live
        except HubFailure:
            return False

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        return self._queue.counts

    async def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until the queue is empty, but no longer than this; return whether it is."""
        return await self._queue.flush(timeout_s)

    async def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Send what is queued and take no more; what is not sent in time is given up. Return whether all was sent."""
        done = await self._queue.close(timeout_s)
        await self._http.aclose()
        return done

    async def _send(self, call: wire.Call[T]) -> T:
        ends_at_s = time.monotonic() + self._deadline_s
        failures = 0
        while True:
            try:
                return await self._attempt(call, min(self._timeout_s, ends_at_s - time.monotonic()))
            except HubFailure as failure:
                failures += 1
                delay_s = choose_delay_s(self._retry, failures, failure.retry_after_s)
                is_over = time.monotonic() + delay_s >= ends_at_s
                if not failure.retryable or failures >= self._retry.attempts or is_over:
                    raise
            await asyncio.sleep(delay_s)

    async def _attempt(self, call: wire.Call[T], timeout_s: float) -> T:
        try:
            # httpx counts each read by itself; an answer that comes byte by byte would never be late.
            async with asyncio.timeout(timeout_s):
                response = await self._http.request(
                    call.method, self._url + call.path, content=call.body, headers=call.headers(self._key)
                )
        except (TimeoutError, httpx.TimeoutException):
            raise HubUnreachable(f"The hub cannot be reached: no answer within {timeout_s:.1f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
            # RuntimeError: httpx's word for a client that was closed meanwhile.
            raise HubUnreachable(f"The hub cannot be reached: {type(error).__name__}") from error
        return wire.read_answer(call, response.status_code, response.headers, response.content)
