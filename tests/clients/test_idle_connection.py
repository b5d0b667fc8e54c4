"""A publish on a connection that the hub is just closing: repeated with its Idempotency-Key, and there once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notification_hub import AsyncHub, Hub, HubUnreachable, RetryPolicy
from tests.clients.conftest import RETRY, Client, alert
from tests.documented_proxies.network import SlowNetwork
from tests.harness import ACCOUNT, run_hub

DELAY_S = 0.15
#: Shorter than httpx keeps an idle connection (5 s).
KEEP_ALIVE_S = 0.8


@pytest.mark.parametrize("kind", [Hub, AsyncHub])
async def test_a_publish_that_meets_a_close_is_there_once(tmp_path: Path, kind: type[Hub | AsyncHub]) -> None:
    """Over a slow network the publish crosses the hub's close; the caller does not notice."""
    async with (
        run_hub(tmp_path, keep_alive_s=KEEP_ALIVE_S) as hub,
        SlowNetwork(hub.port, delay_s=DELAY_S) as network,
    ):
        client = Client(kind(f"http://127.0.0.1:{network.port}", hub.key, retry=RETRY), [])
        receipts = [await client.notify(alert(), account_id=ACCOUNT)]
        for crossing_s in (-1.5 * DELAY_S, -DELAY_S, 0.0):
            await asyncio.sleep(KEEP_ALIVE_S + crossing_s)
            receipts.append(await client.notify(alert(), account_id=ACCOUNT))
        await client.call("close")
        assert 4 == len({receipt.id for receipt in receipts}) == hub.hub.metrics.published.total()
        assert 0 == hub.hub.metrics.duplicates


async def test_without_repeating_it_would_be_lost(tmp_path: Path) -> None:
    """The publish does meet the close: a client that tries once gets no response."""
    async with (
        run_hub(tmp_path, keep_alive_s=KEEP_ALIVE_S) as hub,
        SlowNetwork(hub.port, delay_s=DELAY_S) as network,
        AsyncHub(f"http://127.0.0.1:{network.port}", hub.key, retry=RetryPolicy(attempts=1)) as client,
    ):
        await client.notify(alert(), account_id=ACCOUNT)
        await asyncio.sleep(KEEP_ALIVE_S - 1.5 * DELAY_S)
        with pytest.raises(HubUnreachable):
            await client.notify(alert(), account_id=ACCOUNT)
