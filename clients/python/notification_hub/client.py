"""What `Hub` and `AsyncHub` have in common: all of them but the waiting."""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

import httpx

from contracts.notification import Notification
from contracts.policy import Confirm
from notification_hub import wire
from notification_hub.address import Addressed
from notification_hub.environment import Route, find_route
from notification_hub.failure import HubFailure, HubUnreachable
from notification_hub.outbox import OnError, Outbox, QueueCounts, QueueLimits
from notification_hub.retry import Attempts, RetryPolicy

__all__ = ["CLOSE_S", "Client", "describe_transport_errors"]

#: How long `close` waits for the queue unless told otherwise; also at the end of the interpreter.
CLOSE_S = 5.0


class _Queue(Protocol):
    @property
    def counts(self) -> QueueCounts: ...

    def add(self, addressed: Addressed) -> bool: ...


class Client(ABC):
    """The address, the key, the limits and the queue of one client."""

    _queue: _Queue

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

        `on_error` is called for every queued notification that was given up, from any thread where the client is a
        `Hub`; without it a line is logged.

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
        self._open(route, Outbox(queue or QueueLimits(), self._retry, now=time.monotonic), on_error)

    def enqueue(
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
    ) -> bool:
        """Publish in the background; return whether the queue took it. Never raises and never waits.

        `on_error` is called for what is lost: because the queue is full, the hub refuses it or stays away for too long.
        """
        return self._queue.add(
            Addressed(notification, user_id, account_id, user_ids, everyone, ttl_s, collapse_key, confirm)
        )

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        return self._queue.counts

    @abstractmethod
    def _open(self, route: Route, outbox: Outbox, on_error: OnError | None) -> None:
        """Make the HTTP client and the queue; nothing is sent yet."""

    def _attempts(self) -> Attempts:
        """Return the attempts of a call that begins now."""
        return Attempts(self._retry, timeout_s=self._timeout_s, deadline_s=self._deadline_s, now=time.monotonic)


@contextlib.contextmanager
def describe_transport_errors(timeout_s: float) -> Iterator[None]:
    """Raise what the HTTP library raises as a `HubUnreachable`, whose text holds no address and no key."""
    try:
        yield
    except HubFailure:
        raise
    except (TimeoutError, httpx.TimeoutException):
        raise HubUnreachable(f"The hub cannot be reached: no response within {timeout_s:.1f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, RuntimeError) as error:
        # httpx raises a RuntimeError where its client was closed meanwhile.
        raise HubUnreachable(f"The hub cannot be reached: {type(error).__name__}") from error
