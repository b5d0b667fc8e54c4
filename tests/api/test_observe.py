"""An operator's stream, and one user's connections."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from contracts.observation import Feed, Figures, Introduction, ObservationEnd, ObservationEvent
from hub.bounds import Bounds
from hub.histogram import BOUNDS_S
from tests.attacks.identity import write_keys
from tests.harness import ACCOUNT, DEADLINE_S, USER, RunningHub, run_hub

WATCHERS = Bounds().watchers
PATH = "/api/internal/observe"
FIND = "/api/internal/connections"
Kind = TypeVar("Kind")
_decode = msgspec.json.Decoder(ObservationEvent).decode


class Observer:
    """A reader of the stream, which decodes every event by the contract."""

    def __init__(self, events: AsyncIterator[ServerSentEvent]) -> None:
        self._events = events

    async def event(self) -> Introduction | Figures | Feed | ObservationEnd:
        """Wait for the next event."""
        async with asyncio.timeout(DEADLINE_S):
            while not (event := await anext(self._events)).data:
                pass
        decoded: Introduction | Figures | Feed | ObservationEnd = _decode(event.data)
        return decoded

    async def next_of(self, kind: type[Kind]) -> Kind:
        """Wait for the next event of this kind."""
        while not isinstance(event := await self.event(), kind):
            pass
        return event


@contextlib.asynccontextmanager
async def observe(hub: RunningHub) -> AsyncIterator[Observer]:
    """Open the stream with the hub's key."""
    async with aconnect_sse(hub.http, "GET", PATH, headers=hub.headers()) as source:
        assert 200 == source.response.status_code
        yield Observer(source.aiter_sse())


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[RunningHub]:
    """A hub with the first company's users connected from anywhere."""
    async with run_hub(tmp_path) as running:
        yield running


async def test_the_stream_begins_with_who_looks(hub: RunningHub) -> None:
    """The first event says what the key may do and how to read durations; figures follow at once."""
    async with observe(hub) as observer:
        first = await observer.event()
        assert isinstance(first, Introduction)
        assert ("tests", ["disconnect", "forget", "observe", "observe_ids", "publish", "stats"]) == (
            first.service,
            first.operations,
        )
        assert (None, True, list(BOUNDS_S)) == (first.types, first.everyone, first.bounds_seconds)
        assert isinstance(await observer.event(), Figures)


async def test_figures_follow_what_happens(hub: RunningHub) -> None:
    """Connections, publishes, deliveries, durations and refusals are in the figures that come after them."""
    async with observe(hub) as observer:
        before = await observer.next_of(Figures)
        assert (0, 0, 0) == (before.connections.total, before.users, before.accounts)
        async with hub.websocket() as websocket, hub.events():
            assert 202 == (await hub.publish(data={"productName": [1]})).status_code
            await websocket.frame()
            assert 401 == (await hub.http.get("/sse")).status_code
            async with asyncio.timeout(DEADLINE_S):
                while (figures := await observer.next_of(Figures)).refused != {"unauthenticated": 1} or (
                    figures.deliveries != {"websocket": 1, "sse": 1}
                ):
                    pass
        assert (2, 1, 1) == (figures.connections.total, figures.connections.websocket, figures.connections.sse)
        assert (1, 1) == (figures.users, figures.accounts)
        assert {"stock_alert": 1} == figures.published
        assert {"stock_alert.productName": 1} == figures.mismatches
        assert 1 == sum(figures.durations["publish_to_disk"].counts)
        assert 1 == sum(figures.durations["publish_to_socket:websocket"].counts)
        assert len(BOUNDS_S) + 1 == len(figures.durations["loop_lag"].counts)
        assert (1, 1, True, 0) == (figures.log.first, figures.log.head, figures.log.writable, figures.dispatch_lag)
        assert (True, False) == (figures.ready, figures.draining)


async def test_the_log_and_the_accounts_are_measured(hub: RunningHub) -> None:
    """The first figures have the bytes of the log's files, and the accounts with the most connections first."""
    async with (
        hub.websocket(hub.token("1", "small")),
        hub.websocket(hub.token("1", "large")),
        hub.websocket(hub.token("2", "large")),
        observe(hub) as observer,
    ):
        figures = await observer.next_of(Figures)
    assert figures.log.bytes > 0
    named = [(each.account_id, each.connections) for each in figures.largest_accounts]
    assert [("large", 2), ("small", 1)] == named


async def test_a_disk_that_fails_takes_no_figures_away(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log's files cannot be measured, the stream goes on with everything else."""

    def fail() -> int:
        raise OSError("Input/output error")

    monkeypatch.setattr(hub.hub.log, "measure_bytes", fail)
    async with observe(hub) as observer:
        for _ in range(2):
            assert 0 == (await observer.next_of(Figures)).log.bytes


async def test_a_disk_that_hangs_takes_no_figures_away(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures come without the size of the log's files, and however many look, one thread waits for the disk."""
    released = threading.Event()
    waiting: list[threading.Thread] = []

    def hang() -> int:
        waiting.append(threading.current_thread())
        released.wait(DEADLINE_S)
        return 1

    monkeypatch.setattr(hub.hub.log, "measure_bytes", hang)
    try:
        async with observe(hub) as observer, observe(hub) as other:
            for each in (observer, other, observer, other):
                assert 0 == (await each.next_of(Figures)).log.bytes
        assert 1 == len(waiting)
    finally:
        released.set()


async def test_a_notification_is_in_the_feed(hub: RunningHub) -> None:
    """What is published shows up with its receipt's id and cursor, and without its texts and its person."""
    async with hub.websocket(), observe(hub) as observer:
        await observer.next_of(Figures)
        receipt = (await hub.publish(title="<b>Segredo</b>")).json()
        feed = await observer.next_of(Feed)
    (item,) = feed.items
    assert (receipt["id"], receipt["cursor"], receipt["connections"]) == (item.id, item.cursor, item.connections)
    assert ("user", ACCOUNT, USER) == (item.target.kind, item.target.account_id, item.target.user_id)
    assert "Segredo" not in msgspec.json.encode(feed).decode()


async def test_ids_are_masked_for_a_key_that_may_not_see_them(tmp_path: Path) -> None:
    """Without `observe_ids` neither the feed nor the figures nor a user's connections name a person or an account."""
    key = write_keys(tmp_path / "only.json", {"only": {"operations": ["observe", "publish"]}})["only"]
    async with run_hub(tmp_path, service_keys_file=tmp_path / "only.json") as hub:
        hub.key = key
        async with hub.websocket(), observe(hub) as observer:
            figures = await observer.next_of(Figures)
            await hub.publish()
            feed = await observer.next_of(Feed)
            found = await find(hub, user_id=USER)
            assert ACCOUNT == (await find(hub, user_id=USER, account_id=ACCOUNT))["connections"][0]["account_id"]
    assert [1] == [each.connections for each in figures.largest_accounts]
    assert 1 == found["total"]
    seen = msgspec.json.encode([figures, feed, found]).decode()
    assert USER not in seen
    assert ACCOUNT not in seen
    assert ("*********91", "************90") == (feed.items[0].target.user_id, feed.items[0].target.account_id)


async def test_nothing_is_kept_for_a_reader_who_left(hub: RunningHub) -> None:
    """Once its client has left, a stream is closed and the feed is not watched any more."""
    async with observe(hub) as observer:
        await observer.next_of(Figures)
        assert hub.hub.delivery.feed.is_watched
    await hub.wait_until(lambda: not hub.hub.delivery.feed.is_watched)


async def test_a_reader_who_takes_nothing_holds_little(hub: RunningHub) -> None:
    """A client that stops reading is owed no more than one event: what comes meanwhile is bounded, and then counted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", hub.port, limit=1)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {hub.key}\r\n\r\n".encode())
    try:
        await hub.wait_until(lambda: hub.hub.delivery.feed.is_watched)
        batch = {
            "notifications": [
                {"type": "stock_alert", "title": "t", "message": "m", "account_id": ACCOUNT} for _ in range(1_000)
            ]
        }
        for _ in range(5):
            assert 202 == (await hub.post("/api/internal/notify/batch", batch)).status_code
        (watcher,) = hub.hub.delivery.feed._watchers
        await hub.wait_until(lambda: hub.hub.delivery.progress.position == 5_000)
        items, _ = watcher.take()
        assert len(items) <= 50
    finally:
        writer.close()
        await writer.wait_closed()
        del reader


async def test_only_so_many_may_look(hub: RunningHub) -> None:
    """One operator more than the bound is told to come back, and is let in once another one has left."""
    async with contextlib.AsyncExitStack() as stack:
        # Each is kept: a generator of events that nobody refers to closes its response.
        observers = [await stack.enter_async_context(observe(hub)) for _ in range(WATCHERS - 1)]
        for observer in observers:
            await observer.event()
        async with observe(hub) as last:
            await last.event()
            refused = await hub.http.get(PATH, headers=hub.headers())
            assert (503, "overloaded", "5") == (
                refused.status_code,
                refused.json()["code"],
                refused.headers["retry-after"],
            )
        await hub.wait_until(lambda: len(hub.hub.delivery.feed._watchers) < WATCHERS)
        async with observe(hub) as next_one:
            assert isinstance(await next_one.event(), Introduction)


async def test_a_drain_ends_the_stream_in_order(tmp_path: Path) -> None:
    """A hub that stops says so in a last event, and does not wait for its operators."""
    async with run_hub(tmp_path) as hub, observe(hub) as observer:
        await observer.next_of(Figures)
        hub.server.should_exit = True
        end = await observer.next_of(ObservationEnd)
        assert "the hub is restarting" == end.reason
        with pytest.raises(StopAsyncIteration):
            await observer.event()


async def test_the_key_is_never_taken_from_the_url(hub: RunningHub) -> None:
    """A key in the query opens nothing: it would be in the logs of every proxy."""
    answer = await hub.http.get(f"{PATH}?token={hub.key}&key={hub.key}")
    assert (401, "unauthenticated") == (answer.status_code, answer.json()["code"])


async def test_a_key_without_observe_is_told_so(tmp_path: Path) -> None:
    """A key that may do all else is refused with the name of the operation that it lacks."""
    key = write_keys(tmp_path / "shop.json", {"shop": {"operations": ["publish", "stats"]}})["shop"]
    async with run_hub(tmp_path, service_keys_file=tmp_path / "shop.json") as hub:
        for answer in (
            await hub.http.get(PATH, headers={"authorization": f"Bearer {key}"}),
            await hub.http.post(FIND, json={"user_id": USER}, headers={"authorization": f"Bearer {key}"}),
        ):
            assert (403, "forbidden") == (answer.status_code, answer.json()["code"])
            assert "'observe'" in answer.json()["detail"]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 204), ("POST", 405), ("DELETE", 405)])
async def test_other_methods(hub: RunningHub, method: str, status: int) -> None:
    """HEAD gets what GET would and no stream, OPTIONS the methods, and others are refused with them."""
    answer = await hub.http.request(method, PATH, headers=hub.headers())
    assert status == answer.status_code
    assert method == "HEAD" or "GET, HEAD, OPTIONS" == answer.headers["allow"]


async def find(hub: RunningHub, **asked: object) -> Any:
    """Ask for a user's connections."""
    answer = await hub.post(FIND, asked)
    assert 200 == answer.status_code, answer.text
    assert "no-store" == answer.headers["cache-control"]
    return answer.json()


async def test_one_users_connections_are_described(hub: RunningHub) -> None:
    """Each connection of exactly this user is described, in one account or in all, and nobody else's."""
    async with hub.websocket(), hub.events(hub.token(USER, "other")), hub.websocket(hub.token(USER[:-1])):
        everywhere = await find(hub, user_id=USER)
        assert (2, [ACCOUNT, "other"]) == (
            everywhere["total"],
            sorted(each["account_id"] for each in everywhere["connections"]),
        )
        (one,) = (await find(hub, user_id=USER, account_id=ACCOUNT))["connections"]
        assert ("websocket", "hub.v1", "live", "user", 0) == (
            one["transport"],
            one["protocol"],
            one["state"],
            one["role"],
            one["waiting_bytes"],
        )
        assert {"total": 0, "connections": []} == await find(hub, user_id="nobody")
        assert {"total": 0, "connections": []} == await find(hub, user_id=USER, account_id="elsewhere")


async def test_many_connections_of_one_user_are_counted(tmp_path: Path) -> None:
    """Beyond the bound connections are counted and not described."""
    async with run_hub(tmp_path, max_connections_per_user=200) as hub, contextlib.AsyncExitStack() as stack:
        for _ in range(103):
            await stack.enter_async_context(hub.websocket())
        found = await find(hub, user_id=USER)
        assert (103, 100) == (found["total"], len(found["connections"]))


@pytest.mark.parametrize(
    "body", [{}, {"user_id": ""}, {"account_id": "a"}, {"user_id": "a\n"}, {"user_id": "1", "x": 1}]
)
async def test_a_request_without_a_usable_id_is_refused(hub: RunningHub, body: dict[str, object]) -> None:
    """The refusal names the field and does not repeat the id."""
    answer = await hub.post(FIND, body)
    assert (400, "invalid_field") == (answer.status_code, answer.json()["code"])
