"""What the Python clients send in the background: no delay for the caller, in order, bounded, reported, counted."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from contracts.avelarsys import CartUpdated
from notification_hub import AsyncHub, Hub, HubRefused, NotificationLost, QueueCounts, QueueLimits, RetryPolicy
from tests.clients.conftest import Client, MakeClient, alert
from tests.clients.stand_in import StandIn, accept, refuse, stall


async def until_counts(client: Client, **expected: int) -> None:
    """Wait until the counts are these."""
    async with asyncio.timeout(10):
        while any(getattr(client.counts, name) != value for name, value in expected.items()):
            await asyncio.sleep(0.005)


def reasons(client: Client) -> list[str]:
    """Return why notifications were lost."""
    return [failure.reason for failure in client.lost if isinstance(failure, NotificationLost)]


class TestEnqueue:
    async def test_order(self, open_client: MakeClient) -> None:
        """Notifications arrive in the order of the calls, though one had to be repeated."""
        titles = [f"Aviso {number}" for number in range(20)]
        with StandIn(refuse(503), accept) as server:
            async with open_client(server.url) as client:
                assert all(client.enqueue(alert(title)) for title in titles)
                assert await client.call("flush")
                assert QueueCounts(queued=0, sent=20, failed=0, dropped=0) == client.counts
        assert titles == server.fields("title")[1:]

    async def test_never_waits(self, open_client: MakeClient) -> None:
        """A hub that does not respond costs the caller no time."""
        with StandIn(stall) as server:
            async with open_client(server.url) as client:
                started_s = time.monotonic()
                for _ in range(100):
                    client.enqueue()
                assert time.monotonic() - started_s < 0.5

    async def test_content_is_of_the_moment(self, open_client: MakeClient) -> None:
        """What is changed after it was queued is sent as it was."""
        with StandIn(accept) as server:
            async with open_client(server.url) as client:
                changing = alert("antes")
                client.enqueue(changing)
                changing.title = "depois"
                await client.call("flush")
        assert ["antes"] == server.fields("title")

    async def test_keeps_trying_with_one_key(self, open_client: MakeClient) -> None:
        """A hub that was away for more attempts than a call makes still gets it, with one key."""
        with StandIn(*[refuse(status) for status in (503, 502, 504, 429, 503, 503)], accept) as server:
            async with open_client(server.url) as client:
                client.enqueue()
                assert await client.call("flush")
        assert 7 == len(server.keys)
        assert 1 == len(set(server.keys))

    async def test_refused(self, open_client: MakeClient) -> None:
        """A refused notification is reported and counted, and delays no other."""
        with StandIn(refuse(400, code="unknown_type"), accept) as server:
            async with open_client(server.url) as client:
                client.enqueue()
                client.enqueue()
                await client.call("flush")
                assert [HubRefused] == [type(failure) for failure in client.lost]
                assert QueueCounts(queued=0, sent=1, failed=1, dropped=0) == client.counts

    async def test_full(self, open_client: MakeClient) -> None:
        """What does not fit is not taken, and is reported and counted."""
        with StandIn(stall) as server:
            async with open_client(server.url, queue=QueueLimits(notifications=2)) as client:
                assert [True, True, False] == [client.enqueue() for _ in range(3)]
                assert ["queue_full"] == reasons(client)
                assert (2, 1) == (client.counts.queued, client.counts.dropped)

    async def test_bounded_in_bytes(self, open_client: MakeClient) -> None:
        """Few large notifications fill the queue as well."""
        with StandIn(stall) as server:
            async with open_client(server.url, queue=QueueLimits(bytes=1000)) as client:
                assert [True, False] == [client.enqueue(alert("a" * 800)) for _ in range(2)]

    async def test_room_is_free_again(self, open_client: MakeClient) -> None:
        """What was sent takes no room."""
        with StandIn(accept) as server:
            async with open_client(server.url, queue=QueueLimits(notifications=1, bytes=200)) as client:
                for _ in range(5):
                    assert client.enqueue()
                    await client.call("flush")

    async def test_too_old(self, nobody: str, open_client: MakeClient) -> None:
        """What waited too long is given up, reported and counted."""
        async with open_client(nobody, queue=QueueLimits(max_age_s=0.05)) as client:
            client.enqueue()
            await until_counts(client, failed=1, queued=0)
            assert ["too_old"] == reasons(client)

    @pytest.mark.parametrize("wrong", [object(), None, CartUpdated(title="a", message="b", data={"x": object()})])
    async def test_never_raises(self, wrong: Any, nobody: str, open_client: MakeClient) -> None:
        """What cannot be written as JSON is reported, not raised."""
        async with open_client(nobody) as client:
            assert not client.hub.enqueue(wrong, account_id="1")
            assert ["not_json"] == reasons(client)

    async def test_hook_that_fails(
        self, nobody: str, open_client: MakeClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A hook that raises is logged, and the caller goes on."""

        def fail(failure: object, addressed: object) -> None:
            raise RuntimeError("the hook")

        async with open_client(nobody, queue=QueueLimits(notifications=0), on_error=fail) as client:
            assert not client.enqueue()
        assert ["the on_error hook failed"] == [record.message for record in caplog.records]

    def test_without_a_hook(self, nobody: str, caplog: pytest.LogCaptureFixture) -> None:
        """Without a hook a loss is a log line, which names the type and no person."""
        with Hub(nobody, "hubk_test", queue=QueueLimits(notifications=0)) as hub:
            hub.enqueue(alert(), user_id="00000000191")
        expected = "stock_alert was not sent: A notification was not sent: the queue is full"
        assert [(logging.WARNING, expected)] == [(record.levelno, record.message) for record in caplog.records]

    def test_without_a_loop(self, nobody: str) -> None:
        """`AsyncHub.enqueue` outside of a loop is reported and counted, and raises nothing."""
        lost: list[Exception] = []
        hub = AsyncHub(nobody, "hubk_test", on_error=lambda failure, addressed: lost.append(failure))
        assert not hub.enqueue(alert(), account_id="1")
        assert ["A notification was not sent: no event loop runs"] == list(map(str, lost))
        assert 1 == hub.counts.failed


def test_end_of_the_process_sends_first() -> None:
    """A program that ends without closing its client still sends what it queued."""
    code = (
        "from contracts.avelarsys import StockAlert\n"
        "from notification_hub import Hub\n"
        "import sys\n"
        "hub = Hub(sys.argv[1], 'hubk_test')\n"
        "for title in 'abc':\n"
        "    hub.enqueue(StockAlert(title=title, message='b'), account_id='1')\n"
    )
    with StandIn(accept) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.url],
            env={"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            timeout=30,
        )
    assert (0, b"") == (done.returncode, done.stderr)
    assert ["a", "b", "c"] == server.fields("title")


class TestClose:
    async def test_sends_first(self, open_client: MakeClient) -> None:
        """Closing sends what is queued."""
        with StandIn(accept) as server:
            async with open_client(server.url) as client:
                for _ in range(10):
                    client.enqueue()
                assert await client.call("close")
                assert 10 == client.counts.sent

    async def test_asks_once_more(self, open_client: MakeClient) -> None:
        """A wait that is under way is cut short: the hub may be back."""
        with StandIn(refuse(503, {"retry-after": "60"}), accept) as server:
            async with open_client(server.url) as client:
                client.enqueue()
                async with asyncio.timeout(10):
                    while not server.seen:
                        await asyncio.sleep(0.005)
                assert await client.call("close")

    async def test_ends_in_time(self, open_client: MakeClient) -> None:
        """What cannot be sent in time is given up, reported and counted."""
        with StandIn(stall) as server:
            async with open_client(server.url) as client:
                client.enqueue()
                client.enqueue()
                assert not await client.call("close", 0.05)
                assert ["closed", "closed"] == reasons(client)
                assert QueueCounts(queued=0, sent=0, failed=2, dropped=0) == client.counts

    async def test_takes_nothing_afterwards(self, nobody: str, open_client: MakeClient) -> None:
        """A closed client takes nothing, and reports it."""
        async with open_client(nobody) as client:
            assert await client.call("close")
            assert not client.enqueue()
            assert ["closed"] == reasons(client)

    async def test_twice(self, nobody: str, open_client: MakeClient) -> None:
        """Closing again is harmless."""
        async with open_client(nobody, retry=RetryPolicy(base_s=60, cap_s=60)) as client:
            client.enqueue()
            assert not await client.call("close", 0.05)
            assert await client.call("close")
