"""`Hub`: the client for threads."""

from __future__ import annotations

import atexit
import codecs
import time
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
from notification_hub.thread_queue import ThreadQueue

__all__ = ["Hub"]

T = TypeVar("T")


class Hub(Client):
    """A service's way to the hub, for use from any number of threads.

    `enqueue` is for the middle of other work: it never raises and never waits; what it took is sent by a thread of its
    own, in order. All other calls are waited for, for `deadline_s` at most, an attempt for `timeout_s`; they raise
    `HubRefused` or `HubUnreachable` once repeating did not help. Repeats carry the same Idempotency-Key, so nothing is
    published twice.
    """

    _queue: ThreadQueue

    def _open(self, route: Route, outbox: Outbox, on_error: OnError | None) -> None:
        self._http = httpx.Client(
            timeout=self._timeout_s, follow_redirects=False, trust_env=False, proxy=route.proxy, verify=route.trust
        )
        self._queue = ThreadQueue(lambda call: self._attempt(call, self._timeout_s), outbox, on_error)
        # Every request needs this codec, which loads its module when it is first looked up. A process that is forked in
        # the middle of that would never have the codec, and could send nothing.
        codecs.lookup("idna")
        # The queue's thread does not delay the end of the interpreter; `close` does, for a moment.
        atexit.register(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def notify(
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
        return self._send(wire.describe_publish(addressed, idempotency_key or wire.new_idempotency_key()))

    def notify_batch(self, batch: Sequence[Addressed], *, idempotency_key: str | None = None) -> list[BatchResult]:
        """Publish up to 1,000 at once; return a receipt or a problem for each, in order."""
        return self._send(wire.describe_batch(batch, idempotency_key or wire.new_idempotency_key())).results

    def signal(
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
        return self._send(
            wire.describe_signal(
                signal,
                user_id=user_id,
                account_id=account_id,
                user_ids=user_ids,
                everyone=everyone,
                collapse_key=collapse_key,
            )
        )

    def stats(self) -> Stats:
        """Return the connections and what happened since the hub started."""
        return self._send(wire.describe_stats())

    def disconnect(self, whom: DisconnectRequest) -> DisconnectReceipt:
        """Close a user's, an account's or a token's connections and, with `revoke`, refuse their tokens from now on."""
        return self._send(wire.describe_disconnect(whom))

    def forget(self, whom: ForgetRequest) -> ForgetReceipt:
        """Erase what the hub has of a user; the key needs the operation `forget`."""
        return self._send(wire.describe_forget(whom))

    def explain(
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
        return self._send(wire.describe_explain(addressed, *question))

    def trace(self, notification_id: str, *, cursor: str | None = None) -> Trace:
        """Return what became of a notification; the key needs `observe`.

        With the `cursor` of its receipt the hub need not search its log.
        """
        return self._send(wire.describe_trace(notification_id, cursor))

    def ticket(self, user_token: str) -> Ticket:
        """Return a one-use stand-in for a user's token, for a URL."""
        return self._send(wire.describe_ticket(user_token))

    def health(self) -> Readiness:
        """Return whether the hub wants new work, and how its parts are; asked once."""
        return self._attempt(wire.describe_ready(), self._timeout_s)

    def live(self) -> bool:
        """Return whether the hub's process responds; asked once, never raises for a hub that is away."""
        try:
            return self._attempt(wire.describe_live(), self._timeout_s).live
        except HubFailure:
            return False

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until the queue is empty, but no longer than this; return whether it is."""
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Send what is queued, up to 100 notifications in one request, and take no more.

        What is not sent in time is given up. Return whether all was sent.
        """
        atexit.unregister(self.close)
        done = self._queue.close(timeout_s)
        self._http.close()
        return done

    def _send(self, call: wire.Call[T]) -> T:
        attempts = self._attempts()
        while True:
            try:
                return self._attempt(call, attempts.timeout_s)
            except HubFailure as failure:
                delay_s = attempts.choose_delay_s(failure)
            time.sleep(delay_s)

    def _attempt(self, call: wire.Call[T], timeout_s: float) -> T:
        ends_at_s = time.monotonic() + timeout_s
        body = bytearray()
        with (
            describe_transport_errors(timeout_s),
            self._http.stream(
                call.method,
                self._url + call.path,
                content=call.body,
                headers=call.headers(self._key),
                timeout=max(timeout_s, 0.001),
            ) as response,
        ):
            # httpx limits each read alone; a response that comes byte by byte would never be late.
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > ends_at_s:
                    raise httpx.ReadTimeout("late")
        return wire.read_response(call, response.status_code, response.headers, bytes(body))
