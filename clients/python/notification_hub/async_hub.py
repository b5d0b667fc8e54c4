"""`AsyncHub`: the client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TypeVar

import httpx

from contracts.explanation import Explanation
from contracts.health import Readiness
from contracts.notification import Notification
from contracts.policy import Confirm
from contracts.receipt import BatchResult, DisconnectReceipt, ForgetReceipt, Receipt, Ticket
from contracts.request import DisconnectRequest, ForgetRequest
from contracts.signal import Signal, SignalReceipt
from contracts.stats import Stats
from contracts.trace import Trace
from notification_hub import wire
from notification_hub.address import Addressed
from notification_hub.client import CLOSE_S, Client, describe_transport_errors
from notification_hub.environment import Route
from notification_hub.failure import HubFailure
from notification_hub.outbox import OnError, Outbox
from notification_hub.task_queue import TaskQueue

__all__ = ["AsyncHub"]

T = TypeVar("T")


class AsyncHub(Client):
    """A service's way to the hub, for use from any number of tasks of one event loop.

    `enqueue` is for the middle of other work: it never raises and never waits; what it took is sent by a task of its
    own, in order, while the loop runs: close the client before the loop ends. All other calls are waited for, for
    `deadline_s` at most, an attempt for `timeout_s`; they raise `HubRefused` or `HubUnreachable` once repeating did not
    help. Repeats carry the same Idempotency-Key, so nothing is published twice.
    """

    _queue: TaskQueue

    def _open(self, route: Route, outbox: Outbox, on_error: OnError | None) -> None:
        self._http = httpx.AsyncClient(
            timeout=self._timeout_s, follow_redirects=False, trust_env=False, proxy=route.proxy, verify=route.trust
        )
        self._queue = TaskQueue(lambda call: self._attempt(call, self._timeout_s), outbox, on_error)

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
        collapse_key: str | None = None,
        confirm: Confirm | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Publish and wait until the hub has it on disk.

        For whom: see `Addressed`. With an `idempotency_key` of the caller's own (1 to 255 printable ASCII characters)
        a repeat by the caller is harmless too, for 24 hours.
        """
        addressed = Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s, collapse_key, confirm)
        return await self._send(wire.describe_publish(addressed, idempotency_key or wire.new_idempotency_key()))

    async def notify_batch(
        self, batch: Sequence[Addressed], *, idempotency_key: str | None = None
    ) -> list[BatchResult]:
        """Publish up to 1,000 at once; return a receipt or a problem for each, in order."""
        return (await self._send(wire.describe_batch(batch, idempotency_key or wire.new_idempotency_key()))).results

    async def signal(
        self,
        signal: Signal,
        *,
        user_id: str | None = None,
        account_id: str | None = None,
        user_ids: Sequence[str] | None = None,
        everyone: bool = False,
        collapse_key: str | None = None,
    ) -> SignalReceipt:
        """Send a signal to the clients that are connected and asked for its type; nobody gets it later.

        A client that takes too little gets the newest of each `collapse_key`. A repeat after a broken connection may
        reach a client a second time.
        """
        return await self._send(
            wire.describe_signal(
                signal,
                user_id=user_id,
                account_id=account_id,
                user_ids=user_ids,
                everyone=everyone,
                collapse_key=collapse_key,
            )
        )

    async def stats(self) -> Stats:
        """Return the connections and what happened since the hub started."""
        return await self._send(wire.describe_stats())

    async def disconnect(self, whom: DisconnectRequest) -> DisconnectReceipt:
        """Close a user's, an account's or a token's connections and, with `revoke`, refuse their tokens from now on."""
        return await self._send(wire.describe_disconnect(whom))

    async def forget(self, whom: ForgetRequest) -> ForgetReceipt:
        """Erase what the hub has of a user; the key needs the operation `forget`."""
        return await self._send(wire.describe_forget(whom))

    async def explain(
        self,
        notification: Notification,
        *,
        user_id: str | None = None,
        account_id: str | None = None,
        user_ids: Sequence[str] | None = None,
        everyone: bool = False,
        ttl_s: int | None = None,
        collapse_key: str | None = None,
        confirm: Confirm | None = None,
        explain_user_id: str | None = None,
        explain_account_id: str | None = None,
        explain_service: str | None = None,
    ) -> Explanation:
        """Return what `notify` with these arguments would do, without publishing; the key needs `observe`.

        `explain_user_id` asks why this user would get it, or why not.
        """
        addressed = Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s, collapse_key, confirm)
        question = (explain_user_id, explain_account_id, explain_service)
        return await self._send(wire.describe_explain(addressed, *question))

    async def trace(self, notification_id: str, *, cursor: str | None = None) -> Trace:
        """Return what became of a notification; the key needs `observe`.

        With the `cursor` of its receipt the hub need not search its log.
        """
        return await self._send(wire.describe_trace(notification_id, cursor))

    async def ticket(self, user_token: str) -> Ticket:
        """Return a one-use stand-in for a user's token, for a URL."""
        return await self._send(wire.describe_ticket(user_token))

    async def health(self) -> Readiness:
        """Return whether the hub wants new work, and how its parts are; asked once."""
        return await self._attempt(wire.describe_ready(), self._timeout_s)

    async def live(self) -> bool:
        """Return whether the hub's process responds; asked once, never raises for a hub that is away."""
        try:
            return (await self._attempt(wire.describe_live(), self._timeout_s)).live
        except HubFailure:
            return False

    async def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until the queue is empty, but no longer than this; return whether it is."""
        return await self._queue.flush(timeout_s)

    async def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Send what is queued, up to 100 notifications in one request, and take no more.

        What is not sent in time is given up. Return whether all was sent.
        """
        done = await self._queue.close(timeout_s)
        await self._http.aclose()
        return done

    async def _send(self, call: wire.Call[T]) -> T:
        attempts = self._attempts()
        while True:
            try:
                return await self._attempt(call, attempts.timeout_s)
            except HubFailure as failure:
                delay_s = attempts.choose_delay_s(failure)
            await asyncio.sleep(delay_s)

    async def _attempt(self, call: wire.Call[T], timeout_s: float) -> T:
        with describe_transport_errors(timeout_s):
            # httpx limits each read alone; a response that comes byte by byte would never be late.
            async with asyncio.timeout(timeout_s):
                response = await self._http.request(
                    call.method, self._url + call.path, content=call.body, headers=call.headers(self._key)
                )
        return wire.read_response(call, response.status_code, response.headers, response.content)
