"""The durations in `/metrics`: counted where they belong, once each, and in the shape that Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from hub.directory.demo import create_demo_directory
from hub.histogram import BOUNDS_S, Histogram
from tests.harness import RunningHub, run_hub

#: Of the demo directory.
BUYER, HOME = "00000000001", "00000000000101"


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
