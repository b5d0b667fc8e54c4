"""The durations in `/metrics`: counted where they belong, once each, and in the shape that Prometheus reads."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hub.directory.demo import create_demo_directory
from hub.directory.sqlite import SqliteSource
from hub.directory.tables import Row
from hub.edge.handshake_limiter import HandshakeLimiter
from hub.histogram import BOUNDS_S, Histogram
from hub.log.sqlite.mark import Mark, MarkFile
from tests.harness import RunningHub, run_hub

#: Of the demo directory.
BUYER, HOME = "00000000001", "00000000000101"
#: What something is made to take; all else of these tests is far below, but for what a busy machine adds.
SLOW_S = 0.3
#: A timer may end a little early by another clock.
PAUSE_S = SLOW_S + 0.05
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_each_duration_is_in_its_range() -> None:
    """A duration is in the range that ends with it or above it; longer ones are in the last."""
    histogram = Histogram()
    for duration_s in (0.0, 0.0005, 0.0006, 10.0, 11.0):
        histogram.observe(duration_s)
    histogram.observe(0.02, 7)
    expected = dict.fromkeys([*BOUNDS_S, float("inf")], 0) | {0.0005: 2, 0.001: 1, 0.025: 7, 10.0: 1, float("inf"): 1}
    assert list(expected.values()) == histogram.counts
    assert abs(histogram.sum_s - (21.0011 + 0.14)) < 1e-9


async def read_samples(hub: RunningHub) -> dict[tuple[str, str], list[Sample]]:
    """Return the samples of `/metrics` by name and by their label other than the bucket's."""
    headers = hub.headers({"accept": "application/openmetrics-text; version=1.0.0"})
    samples: dict[tuple[str, str], list[Sample]] = {}
    text = (await hub.http.get("/metrics", headers=headers)).text
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]  # the parser has no types
        for sample in family.samples:
            label = "".join(value for name, value in sample.labels.items() if name != "le")
            samples.setdefault((sample.name, label), []).append(sample)
    return samples


async def test_what_happens_is_measured(tmp_path: Path) -> None:
    """Publishes, deliveries by transport, replays, handshakes and queries are each counted once, in OpenMetrics."""
    database = tmp_path / "directory.sqlite3"
    await create_demo_directory(database)
    async with run_hub(tmp_path / "hub", directory_url=f"sqlite+aiosqlite:///{database}") as hub:
        token = hub.token(BUYER, HOME, role="buyer")
        first = (await hub.publish(user_id=BUYER, account_id=HOME)).json()["cursor"]
        await hub.publish(user_id=BUYER, account_id=HOME)
        async with (
            hub.websocket(token, cursor=first) as back,
            hub.websocket(token) as other,
            hub.events(token) as events,
        ):
            await back.frame()
            items = [{"type": "stock_alert", "title": "a", "message": "b", "user_id": BUYER, "account_id": HOME}] * 3
            await hub.post("/api/internal/notify/batch", {"notifications": items})
            for client in (back, other, events):
                await client.frames(3)
            lags = hub.hub.metrics.loop_lag
            await hub.wait_until(lambda: sum(lags.counts) > 0)
            samples = await read_samples(hub)
    counted = {
        ("hub_publish_to_disk_seconds", ""): 3,
        ("hub_publish_to_socket_seconds", "websocket"): 6,
        ("hub_publish_to_socket_seconds", "sse"): 3,
        ("hub_replay_seconds", ""): 1,
        ("hub_handshake_seconds", "websocket"): 2,
        ("hub_handshake_seconds", "sse"): 1,
    }
    at_least_one = {
        ("hub_directory_query_seconds", ""),
        ("hub_fsync_seconds", "log"),
        ("hub_fsync_seconds", "mark"),
        ("hub_loop_lag_seconds", ""),
    }
    for name, label in [*counted, *at_least_one]:
        (count,), (total,) = samples[f"{name}_count", label], samples[f"{name}_sum", label]
        buckets = samples[f"{name}_bucket", label]
        assert count.value >= 1
        assert count.value == counted.get((name, label), count.value)
        assert 0 <= total.value < 30 * count.value
        assert [*BOUNDS_S, float("inf")] == [float(bucket.labels["le"]) for bucket in buckets]
        assert sorted(bucket.value for bucket in buckets) == [bucket.value for bucket in buckets]
        assert count.value == buckets[-1].value


async def test_the_process_is_measured(hub: RunningHub) -> None:
    """Processor time, memory, descriptors and collections of this process are in the same text."""
    samples = await read_samples(hub)
    for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds"):
        assert samples[name, ""][0].value > 0
    assert ("python_gc_collections_total", "0") in samples


async def test_a_publish_that_nobody_gets_is_not_a_delivery(hub: RunningHub) -> None:
    """Where no client is connected, or the publish is refused, nothing counts as written to a socket."""
    await hub.publish()
    await hub.publish(type="unheard_of")
    samples = await read_samples(hub)
    assert 1 == samples["hub_publish_to_disk_seconds_count", ""][0].value
    for transport in ("websocket", "sse"):
        assert 0 == samples["hub_publish_to_socket_seconds_count", transport][0].value


def sums(samples: dict[tuple[str, str], list[Sample]], *names: tuple[str, str]) -> list[float]:
    """Return the seconds that these histograms have in all."""
    return [samples[f"hub_{name}_seconds_sum", label][0].value for name, label in names]


async def test_slow_disk_is_in_the_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish waits for the mark: the fsync of that file, publish-to-disk and publish-to-socket have its time."""
    write = MarkFile.write

    def crawl(file: MarkFile, mark: Mark) -> None:
        time.sleep(PAUSE_S)
        write(file, mark)

    async with run_hub(tmp_path) as hub, hub.websocket() as client, hub.events() as other:
        before = await read_samples(hub)
        monkeypatch.setattr(MarkFile, "write", crawl)
        await hub.publish()
        await client.frame()
        await other.frame()
        after = await read_samples(hub)
        monkeypatch.undo()
    waiting = [("fsync", "mark"), ("publish_to_disk", ""), ("publish_to_socket", "websocket")]
    waiting.append(("publish_to_socket", "sse"))
    assert [True] * 4 == [
        late - early >= SLOW_S for late, early in zip(sums(after, *waiting), sums(before, *waiting), strict=True)
    ]
    # No time of the mark is counted for the log's own file.
    (log,), (mark,) = sums(after, ("fsync", "log")), sums(after, ("fsync", "mark"))
    assert log < mark


async def test_slow_directory_is_in_the_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up of the user is part of the handshake, and a query that fails is measured as well."""
    database = tmp_path / "directory.sqlite3"
    await create_demo_directory(database)
    find = SqliteSource.find

    async def crawl(source: SqliteSource, ids: Sequence[str], *, limit: int) -> list[Row]:
        await asyncio.sleep(PAUSE_S)
        return await find(source, ids, limit=limit)

    async def fail(source: SqliteSource, ids: Sequence[str], *, limit: int) -> list[Row]:
        await asyncio.sleep(PAUSE_S)
        raise sqlite3.OperationalError("no such table: users")

    async with run_hub(tmp_path / "hub", directory_url=f"sqlite+aiosqlite:///{database}") as hub:
        monkeypatch.setattr(SqliteSource, "find", crawl)
        async with hub.websocket(hub.token(BUYER, HOME, role="buyer")):
            samples = await read_samples(hub)
        slow = sums(samples, ("directory_query", ""), ("handshake", "websocket"))
        assert [True, True] == [each >= SLOW_S for each in slow]
        monkeypatch.setattr(SqliteSource, "find", fail)
        headers = {"authorization": f"Bearer {hub.token('00000000002', '00000000000202', role='manager')}"}
        assert 503 == (await hub.http.get("/sse", headers=headers)).status_code
        samples = await read_samples(hub)
        assert 2 == samples["hub_directory_query_seconds_count", ""][0].value
        assert 2 * SLOW_S <= sums(samples, ("directory_query", ""))[0]
        assert 0 == samples["hub_handshake_seconds_count", "sse"][0].value


async def test_turn_in_a_storm_is_not_in_the_handshake(hub: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a client waits for its turn before its request is read is not the handshake's time."""

    def wait(limiter: HandshakeLimiter, begin: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(10 * PAUSE_S, begin)

    monkeypatch.setattr(HandshakeLimiter, "enter", lambda _: False)
    monkeypatch.setattr(HandshakeLimiter, "wait", wait)
    began_s = time.monotonic()
    async with hub.websocket():
        assert time.monotonic() - began_s >= 10 * SLOW_S
        monkeypatch.undo()
        assert sums(await read_samples(hub), ("handshake", "websocket"))[0] < 10 * SLOW_S


async def test_exemplars_are_off(tmp_path: Path) -> None:
    """No sample has an exemplar, also where the hub knows the trace of a publish: a scraper would keep such ids."""
    async with run_hub(tmp_path, tracing=True) as hub, hub.websocket() as client:
        await hub.publish(headers={"traceparent": f"00-{TRACE_ID}-00f067aa0cd902b7-01"})
        await client.frame()
        samples = await read_samples(hub)
        assert samples["hub_publish_to_disk_seconds_count", ""][0].value == 1
        assert {None} == {sample.exemplar for found in samples.values() for sample in found}
        for kind in ("application/openmetrics-text; version=1.0.0", "text/plain"):
            assert TRACE_ID not in (await hub.http.get("/metrics", headers=hub.headers({"accept": kind}))).text
