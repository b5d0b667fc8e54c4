"""Clients without a cursor, as the deployed frontends are: what they missed comes by itself, and comes once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from hub.cli.support.connection_faults import Faults
from hub.cli.support.fault_proxy import FaultProxy
from hub.delivery.resume_points import RESUME_POINTS_NAME
from hub.delivery.subscribers import Subscriber
from tests.faults.clients import dial
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, WebSocket, run_hub
from tests.transports.test_fallback import serve_plainly


@contextlib.asynccontextmanager
async def old_socket(hub: RunningHub, token: str, *, port: int | None = None) -> AsyncIterator[WebSocket]:
    """Connect as a deployed frontend: no cursor, no subprotocol; the greeting was read and stands in `hello`."""
    url = f"ws://127.0.0.1:{port or hub.port}/ws?token={token}"
    async with connect(url, compression=None, ping_interval=None) as connection:
        client = WebSocket(connection)
        client.hello = await client.frame()
        yield client


async def publish(hub: RunningHub, *titles: str) -> None:
    """Publish to the default user, in order."""
    for title in titles:
        assert 202 == (await hub.publish(title=title)).status_code


async def titles_of(client: WebSocket, count: int) -> list[str]:
    """Wait for this many notifications and return their titles."""
    return [frame["title"] for frame in await client.frames(count)]


async def wait_confirmed(hub: RunningHub) -> None:
    """Wait until every peer has confirmed all that it was sent."""
    await hub.wait_until(
        lambda: all(
            subscriber.point is None or subscriber.point.confirmed >= subscriber.session.last
            for subscriber in hub.hub.subscribers.everyone()
        )
    )


async def leave(hub: RunningHub, connection: ClientConnection, how: str) -> None:
    """End a connection as clients do, and wait until the hub knows."""
    if how == "abort":
        connection.transport.abort()
    else:
        await connection.close(int(how))
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("how", ["abort", "1001", "1000"])
async def test_what_was_missed_comes_once(tmp_path: Path, how: str, compression: bool) -> None:
    """However the connection ended, the next one with the token begins where it ended."""
    async with run_hub(tmp_path, compression=compression) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            assert "live" == first.hello["data"]["resume"]
            await publish(hub, "1", "2")
            assert ["1", "2"] == await titles_of(first, 2)
            await wait_confirmed(hub)
            await leave(hub, first.connection, how)
        await publish(hub, "3", "4", "5")
        async with old_socket(hub, token) as second:
            assert "replayed" == second.hello["data"]["resume"]
            await publish(hub, "6")
            assert ["3", "4", "5", "6"] == await titles_of(second, 4)


async def test_four_tabs_of_one_token_come_back(hub: RunningHub) -> None:
    """Each gets what it missed, once; a fifth begins at the present."""
    token = hub.token()
    async with contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(old_socket(hub, token)) for _ in range(4)]
        await publish(hub, "1")
        for tab in tabs:
            assert ["1"] == await titles_of(tab, 1)
        await wait_confirmed(hub)
        for tab in tabs:
            tab.connection.transport.abort()
        await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    await publish(hub, "2", "3")
    async with contextlib.AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(old_socket(hub, token)) for _ in range(5)]
        assert ["replayed"] * 4 + ["live"] == [tab.hello["data"]["resume"] for tab in tabs]
        await publish(hub, "4")
        for tab in tabs[:4]:
            assert ["2", "3", "4"] == await titles_of(tab, 3)
        assert ["4"] == await titles_of(tabs[4], 1)


async def test_another_token_begins_at_the_present(hub: RunningHub) -> None:
    """A new login is a new visit: what came meanwhile was for who was there before."""
    async with old_socket(hub, hub.token()) as first:
        await leave(hub, first.connection, "1001")
    await publish(hub, "missed")
    async with old_socket(hub, hub.token(ttl_s=1800)) as second:
        assert "live" == second.hello["data"]["resume"]


async def test_too_late_is_a_new_visit(tmp_path: Path) -> None:
    """After `HUB_LEGACY_RESUME` a client begins at the present."""
    async with run_hub(tmp_path, legacy_resume_s=0.2) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            await leave(hub, first.connection, "abort")
        await publish(hub, "missed")
        loop = asyncio.get_running_loop()
        ended_s = loop.time()
        await hub.wait_until(lambda: loop.time() > ended_s + 0.3)
        async with old_socket(hub, token) as second:
            assert "live" == second.hello["data"]["resume"]


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    """With 0 nothing is remembered, and no file is made."""
    async with run_hub(tmp_path, legacy_resume_s=0.0) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            await leave(hub, first.connection, "abort")
        await publish(hub, "missed")
        async with old_socket(hub, token) as second:
            assert "live" == second.hello["data"]["resume"]
        assert not (hub.settings.data_dir / RESUME_POINTS_NAME).exists()


async def test_clients_that_can_give_a_cursor_are_left_alone(hub: RunningHub) -> None:
    """`hub.v1` and event streams keep their own place: without a cursor they begin at the present, as ever."""
    token = hub.token()
    async with hub.websocket(token), hub.events(token):
        pass
    await hub.wait_until(lambda: len(hub.hub.subscribers) == 0)
    await publish(hub, "missed")
    async with hub.websocket(token) as websocket, hub.events(token) as events, old_socket(hub, token) as old:
        assert ["live"] * 3 == [client.hello["data"]["resume"] for client in (websocket, events, old)]


async def test_a_client_on_a_new_network_gets_what_went_into_the_void(hub: RunningHub) -> None:
    """Its old connection still looks alive to the hub; what was sent there and never answered comes on the new one."""
    token = hub.token()
    async with FaultProxy(hub.port) as proxy, old_socket(hub, token, port=proxy.port) as first:
        await publish(hub, "1")
        assert ["1"] == await titles_of(first, 1)
        await wait_confirmed(hub)
        proxy.end("stall")
        await publish(hub, "2", "3")
        async with old_socket(hub, token) as second:
            assert 2 == len(hub.hub.subscribers)
            await publish(hub, "4")
            assert ["2", "3", "4"] == await titles_of(second, 3)
        first.connection.transport.abort()


@pytest.mark.parametrize("seed", range(5))
async def test_a_network_that_breaks_at_any_byte_loses_nothing(hub: RunningHub, seed: int) -> None:
    """Cut within a frame while notifications come: the tab has each, and twice at most what was under way."""
    random = Random(seed)
    token = hub.token()
    expected = [f"{number}" for number in range(120)]
    seen: list[str] = []
    plan = lambda draws: Faults(ending="reset", ending_bytes=1_500 + draws.randrange(4_000))  # noqa: E731
    async with FaultProxy(hub.port, plan=plan, seed=seed) as proxy:
        publishing = asyncio.create_task(publish_slowly(hub, expected, random))
        async with asyncio.timeout(DEADLINE_S):
            while len(set(seen)) < len(expected):
                with contextlib.suppress(ConnectionClosed):
                    async with old_socket(hub, token, port=proxy.port) as client:
                        while len(set(seen)) < len(expected):
                            seen.append((await client.frame())["title"])
        await publishing
        assert len(proxy.drawn) > 3
    assert expected == list(dict.fromkeys(seen)), "lost, or out of order"


async def publish_slowly(hub: RunningHub, titles: list[str], random: Random) -> None:
    """Publish with pauses of some milliseconds."""
    for title in titles:
        await publish(hub, title)
        await asyncio.sleep(random.random() * 0.02)


async def test_what_retention_took_is_no_frame_that_an_old_client_would_show(tmp_path: Path) -> None:
    """It cannot be told of a gap; it gets all that is left, and nothing but notifications."""
    async with run_hub(tmp_path, retention_records=5) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            await leave(hub, first.connection, "abort")
        await publish(hub, *[f"{number}" for number in range(20)])
        await hub.wait_until(lambda: hub.hub.log.first > 10)
        left = [f"{number}" for number in range(hub.hub.log.first - 1, 20)]
        async with old_socket(hub, token) as second:
            frames = await second.frames(len(left))
            assert left == [frame["title"] for frame in frames]
            assert {"stock_alert"} == {frame["type"] for frame in frames}


async def test_an_idle_tab_keeps_up_with_retention(tmp_path: Path) -> None:
    """Who gets nothing while the log moves on has nothing left out when it is back."""
    async with run_hub(tmp_path, retention_records=5, heartbeat_s=0.3) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            for number in range(20):
                await hub.publish(title=f"{number}", user_id="00000000272", account_id=ACCOUNT)
            await hub.wait_until(lambda: hub.hub.log.first > 10)
            (subscriber,) = hub.hub.subscribers.everyone()
            reading = asyncio.create_task(first.wait_closed())
            await hub.wait_until(lambda: subscriber.point is not None and subscriber.point.confirmed >= 20)
            await leave(hub, first.connection, "abort")
            await reading
        await publish(hub, "missed")
        async with old_socket(hub, token) as second:
            assert ["missed"] == await titles_of(second, 1)


async def test_it_works_under_another_server(tmp_path: Path) -> None:
    """There is no ping there; what the server's `send` has taken counts."""
    async with serve_plainly(tmp_path, "h11") as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            await publish(hub, "1")
            assert ["1"] == await titles_of(first, 1)
            await leave(hub, first.connection, "1001")
        await publish(hub, "2")
        async with old_socket(hub, token) as second:
            await publish(hub, "3")
            assert ["2", "3"] == await titles_of(second, 2)


async def test_a_restart_in_order_repeats_nothing(tmp_path: Path) -> None:
    """The hub waits for the last answers, so that its next life begins where each tab is."""
    async with run_hub(tmp_path, drain_s=0.0) as hub:
        token = hub.token()
        async with old_socket(hub, token) as first:
            await publish(hub, "1")
            hub.server.should_exit = True
            frames = []
            with contextlib.suppress(ConnectionClosed):
                while True:
                    frames.append((await first.frame())["title"])
            assert ["1"] == frames
            assert 1012 == first.connection.close_code
        secret = hub.settings.jwt_secret
    async with run_hub(tmp_path, jwt_secret=secret) as hub:
        await publish(hub, "2")
        async with old_socket(hub, token) as second:
            assert ["2"] == await titles_of(second, 1)


class TestLimits:
    async def test_an_old_client_is_told_to_stop(self, tmp_path: Path) -> None:
        """A user's oldest connection goes with 1000 where its hook would come back after any other code."""
        async with run_hub(tmp_path, max_connections_per_user=1) as hub:
            async with old_socket(hub, hub.token()) as first, old_socket(hub, hub.token()):
                assert 1000 == await first.wait_closed()
            assert 1 == hub.hub.metrics.closes[4002]

    async def test_a_client_that_reads_codes_is_told_why(self, tmp_path: Path) -> None:
        """With `hub.v1` it is 4002."""
        async with (
            run_hub(tmp_path, max_connections_per_user=1) as hub,
            hub.websocket() as first,
            old_socket(hub, hub.token()),
        ):
            assert 4002 == await first.wait_closed()

    async def test_an_event_stream_is_told_to_wait(self, tmp_path: Path) -> None:
        """An EventSource comes back by itself whatever it is told, so it is told to take minutes."""
        async with (
            run_hub(tmp_path, max_connections_per_user=1) as hub,
            hub.events() as first,
            old_socket(hub, hub.token()),
        ):
            closing = await first.event()
            assert '"code":4002' in closing.data
            assert first.retry_ms is not None
            assert 300_000 <= first.retry_ms < 600_000


class TestWhatTheKernelTook:
    @pytest.mark.parametrize("tabs", [3, 40])
    async def test_it_is_noted_as_it_is_written(self, tmp_path: Path, tabs: int) -> None:
        """To few and to many, one by one and in batches: in order, and noted before anything else happens."""
        async with run_hub(tmp_path, max_connections_per_user=50) as hub, contextlib.AsyncExitStack() as stack:
            token = hub.token()
            clients = [await stack.enter_async_context(old_socket(hub, token)) for _ in range(tabs)]
            await publish(hub, "1", "2")
            batch = [
                {"type": "stock_alert", "title": f"{number}", "message": "m", "user_id": USER, "account_id": ACCOUNT}
                for number in range(3, 23)
            ]
            assert 202 == (await hub.post("/api/internal/notify/batch", {"notifications": batch})).status_code
            await publish(hub, "23")
            for client in clients:
                assert [f"{number}" for number in range(1, 24)] == await titles_of(client, 23)
            assert {23} == {written(subscriber) for subscriber in hub.hub.subscribers.everyone()}

    async def test_what_waits_is_not_noted(self, hub: RunningHub) -> None:
        """Of a peer that does not read, what is still in this process dies with it."""
        peer = await dial(hub.port, hub.token(), transport="websocket", speaks_hub_v1=False, receive_buffer_bytes=4096)
        (subscriber,) = hub.hub.subscribers.everyone()
        peer.stall()
        while not subscriber.link.unsent_bytes:
            await hub.publish(message="x" * 20_000)
        assert written(subscriber) < subscriber.session.last
        assert subscriber.point is not None
        assert subscriber.point.confirmed < subscriber.session.last
        peer.drop()


def written(subscriber: Subscriber) -> int:
    """Return how far the kernel has taken what was written to a connection."""
    assert subscriber.point is not None
    return subscriber.point.words[subscriber.point.written_word]
