"""Both clients behind one interface, so that each promise is tested for both."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import pytest

from contracts.avelarsys import StockAlert
from contracts.notification import Notification
from contracts.receipt import Receipt
from notification_hub import AsyncHub, Hub, HubFailure, QueueCounts, QueueLimits, RetryPolicy
from notification_hub.address import Addressed

KEY = "hubk_secret-of-the-tests"
RETRY = RetryPolicy(attempts=4, base_s=0.001, cap_s=0.005)


def alert(title: str = "Estoque baixo") -> StockAlert:
    """Return a notification."""
    return StockAlert(title=title, message="Faltam peças")


class Client:
    """`Hub` or `AsyncHub`; everything that waits is awaited."""

    def __init__(self, hub: Hub | AsyncHub, lost: list[HubFailure]) -> None:
        self.hub = hub
        #: The failures that the hook was called with.
        self.lost = lost

    async def call(self, method: str, *arguments: object, **options: object) -> Any:
        """Call a method of the client and wait for it."""
        bound = getattr(self.hub, method)
        if isinstance(self.hub, Hub):
            return await asyncio.to_thread(bound, *arguments, **options)
        return await bound(*arguments, **options)

    async def notify(self, notification: Notification | None = None, **options: object) -> Receipt:
        """Publish, by default an alert to an account."""
        options = options or {"account_id": "1"}
        receipt: Receipt = await self.call("notify", notification or alert(), **options)
        return receipt

    def enqueue(self, notification: Notification | None = None) -> bool:
        """Queue, by default an alert, for an account."""
        return self.hub.enqueue(notification or alert(), account_id="1")

    @property
    def counts(self) -> QueueCounts:
        """What became of what was queued."""
        return self.hub.counts


class MakeClient(Protocol):
    """Opens a client."""

    def __call__(
        self,
        url: str,
        *,
        key: str = KEY,
        timeout_s: float = 5.0,
        deadline_s: float = 20.0,
        retry: RetryPolicy = RETRY,
        queue: QueueLimits | None = None,
        on_error: Callable[[HubFailure, Addressed], None] | None = None,
    ) -> AbstractAsyncContextManager[Client]: ...


@pytest.fixture(params=[Hub, AsyncHub], ids=["Hub", "AsyncHub"])
def open_client(request: pytest.FixtureRequest) -> MakeClient:
    """Return how to open a client that is closed, without waiting for its queue, at the end."""

    @contextlib.asynccontextmanager
    async def open_one(url: str, *, key: str = KEY, **options: Any) -> AsyncIterator[Client]:
        lost: list[HubFailure] = []
        hook = options.pop("on_error", None) or (lambda failure, addressed: lost.append(failure))
        client = Client(request.param(url, key, **{"retry": RETRY, **options}, on_error=hook), lost)
        try:
            yield client
        finally:
            await client.call("close", 0.0)

    return open_one


@pytest.fixture
def nobody() -> str:
    """Return an address at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
