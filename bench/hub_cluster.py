"""What three hubs over three NATS servers cost: publishing beside the least client of NATS, mirrors, and fan-out."""

from __future__ import annotations

import asyncio
import functools
import json
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import jwt

from bench.figure import Budget, Figures
from bench.load import Load, Publish, run_load
from bench.notice import ACCOUNT, publish_body, user_claims, user_id
from bench.process import read_cpu_s
from bench.raw_nats import connect_raw
from hub.log.jetstream.append import Limits
from hub.log.jetstream.log import open_jetstream_log
from hub.log.sqlite.retention import Retention
from hub.nats.address import read_servers
from hub.nats.connection import open_nats
from tests.cluster.checker import Report, check
from tests.cluster.local import LocalCluster, make_cluster
from tests.cluster.member import Member

__all__ = [
    "FANOUT_CONNECTIONS",
    "FANOUT_RATE",
    "IN_FLIGHT",
    "PUBLISH",
    "RATE_PER_S",
    "RAW",
    "draw_seed",
    "make_hub_cluster",
    "make_token",
    "measure_catch_up",
    "measure_dispatch",
    "measure_hub_fanout",
    "measure_hub_publish",
    "measure_raw",
    "note_dispatch",
    "run_fanout",
]

RAW = "raw client"
IN_FLIGHT = 64
RATE_PER_S = 200.0
#: Records that an empty mirror is filled with.
CATCH_UP = 40_000
#: Connections at each node, and notifications a second to all of them.
FANOUT_CONNECTIONS, FANOUT_RATE = 300, 20.0
#: How long what nobody asks a process to do is watched.
IDLE_S = 2.0
PUBLISH = f"publish, {IN_FLIGHT} in flight, at one node"
RAW_STREAM = {
    "name": "raw",
    "subjects": ["raw.log"],
    "storage": "file",
    "num_replicas": 3,
    "allow_direct": True,
    "duplicate_window": 600 * 10**9,
    "republish": {"src": "raw.log", "dest": "raw.tap"},
}
_PAYLOAD = b"x" * 400
_HUB_PATH = "/api/internal/notify"


def make_hub_cluster(folder: Path) -> LocalCluster:
    """Return a cluster that does not run yet, with the intervals that a deployed one has."""
    return make_cluster(folder, WS_HEARTBEAT_INTERVAL="10", WS_MAX_CONNECTIONS="20000", HUB_LOG_LEVEL="warning")


def draw_seed() -> int:
    """Return a seed of the loss checker: keys of two runs of it must not be the same."""
    return secrets.randbelow(2**32)


def make_token(cluster: LocalCluster, number: int) -> str:
    """Return a user's token."""
    claims = user_claims(number, now_s=int(time.time()), series=0)
    return jwt.encode(claims, cluster.target.jwt_secret, algorithm="HS256")


async def measure_raw(figures: Figures, cluster: LocalCluster, seconds: float) -> None:
    """Publish with acknowledgement as fast as the acknowledgements come, by the least client there can be."""
    client = await connect_raw(cluster.ports.nats(1), "admin", cluster.password("admin"))
    created = json.loads(await client.request("$JS.API.STREAM.CREATE.raw", json.dumps(RAW_STREAM).encode()))
    assert created.get("error", {}).get("err_code", 0) in {0, 10058}, created
    count = 0
    ends_s = time.monotonic() + seconds

    async def publish(lane: int) -> None:
        nonlocal count
        number = 0
        while time.monotonic() < ends_s:
            number += 1
            headers = b"Nats-Msg-Id: %d-%d-%d\r\n" % (time.time_ns(), lane, number)
            assert b'"seq"' in await client.request("raw.log", _PAYLOAD, headers)
            count += 1

    before_s, own_s = _read_all(cluster.nats), time.process_time()
    began_s = time.monotonic()
    await asyncio.gather(*(publish(lane) for lane in range(IN_FLIGHT)))
    took_s = time.monotonic() - began_s
    servers_us, own_us = (_read_all(cluster.nats) - before_s) / count * 1e6, (time.process_time() - own_s) / count * 1e6
    await client.request("$JS.API.STREAM.DELETE.raw", b"")
    client.close()
    print(f"    {RAW}: {count / took_s:,.0f}/s, {servers_us:.0f} us of the servers each", flush=True)
    figures.row(PUBLISH, "/s", Budget(0.6, RAW, at_least=True)).add(RAW, count / took_s)
    figures.row(f"{PUBLISH}: CPU of what the nodes share", "us").add(RAW, servers_us)
    figures.row(f"{PUBLISH}: CPU of all together", "us").add(RAW, servers_us + own_us)


async def measure_hub_publish(figures: Figures, cluster: LocalCluster, seconds: float) -> None:
    """Publish over HTTP at one node, and count what the others spend on each record."""
    others = cluster.hubs[1:]
    idle_s = await _measure_idle(others)
    before_s = [read_cpu_s(member.pid) for member in others]
    servers_s, began_s = _read_all(cluster.nats), time.monotonic()
    run = functools.partial(
        run_load,
        "hub",
        port=cluster.ports.hub(1),
        pid=cluster.hubs[0].pid,
        transport="ws",
        paths=[f"/ws?token={make_token(cluster, 1)}"],
        connections=1,
        publish=Publish(
            path=_HUB_PATH,
            body=publish_body({"user_id": user_id(2), "account_id": ACCOUNT}),
            headers=_headers(cluster),
            rate=0,
            seconds=seconds,
            fanout=0,
            in_flight=IN_FLIGHT,
        ),
    )
    load: Load = await asyncio.to_thread(run)
    await asyncio.sleep(1)
    # What the others do anyway, such as telling each other that they live, is not the records'.
    took_s = time.monotonic() - began_s
    spent_s = [
        read_cpu_s(member.pid) - before - idle * took_s
        for member, before, idle in zip(others, before_s, idle_s, strict=True)
    ]
    for flaw in load.flaws:
        figures.warn(f"hub, {PUBLISH}: {flaw}")
    mirror_us = max(spent_s) / load.published * 1e6
    figures.row(PUBLISH, "/s").add("hub", load.publishes_per_s)
    figures.row(f"{PUBLISH}: CPU of that node", "us").add("hub", load.publish_cpu_us)
    figures.row("tap and mirror: CPU of a record at another node", "us", Budget(120)).add("hub", mirror_us)
    servers_us = (_read_all(cluster.nats) - servers_s) / load.published * 1e6
    figures.row(f"{PUBLISH}: CPU of what the nodes share", "us").add("hub", servers_us)
    together_us = load.publish_cpu_us + sum(spent_s) / load.published * 1e6 + servers_us
    figures.row(f"{PUBLISH}: CPU of all together", "us").add("hub", together_us)
    print(
        f"    hub: {load.publishes_per_s:,.0f}/s, {load.publish_cpu_us:.0f} us, mirror {mirror_us:.0f} us", flush=True
    )


async def measure_dispatch(figures: Figures, cluster: LocalCluster, seconds: float) -> None:
    """Publish at a steady rate at all nodes, and see when every node's clients have it, by the loss checker."""
    wait = functools.partial(asyncio.sleep, seconds)
    note_dispatch(
        figures, "hub", await check(cluster.target, rate_per_s=RATE_PER_S, meanwhile=wait, seed=draw_seed(), hoppers=0)
    )


def note_dispatch(figures: Figures, who: str, report: Report) -> None:
    """Note what the loss checker saw of a run in which nothing was killed."""
    print(f"    {who}: {report.describe()}", flush=True)
    at = f"at {RATE_PER_S:.0f}/s"
    figures.row(f"acknowledgement {at}, p50", "ms").add(who, report.wait_p50_s * 1e3)
    figures.row(f"acknowledgement {at}, p99", "ms").add(who, report.wait_p99_s * 1e3)
    title = f"frame at a client of any node after the acknowledgement, {at}, p50"
    figures.row(title, "ms", Budget(10)).add(who, report.dispatch_p50_s * 1e3)
    title = f"lost, twice or out of order, {at}, nothing killed"
    figures.row(title, "", Budget(0)).add(who, len(report.violations))


async def measure_hub_fanout(figures: Figures, cluster: LocalCluster, seconds: float) -> None:
    """Publish to connections at every node."""
    paths = [f"/ws?token={make_token(cluster, number)}" for number in range(FANOUT_CONNECTIONS)]
    ports = [cluster.ports.hub(number) for number in (1, 2, 3)]
    publish = Publish(
        path=_HUB_PATH,
        body=publish_body({"account_id": ACCOUNT}),
        headers=_headers(cluster),
        rate=FANOUT_RATE,
        seconds=seconds,
        fanout=FANOUT_CONNECTIONS,
    )
    await run_fanout(figures, "hub", cluster.hubs, ports, paths, publish)


async def run_fanout(
    figures: Figures,
    who: str,
    nodes: Sequence[Member],
    ports: Sequence[int],
    paths: Sequence[str],
    publish: Publish,
) -> None:
    """Hold connections at every node, publish at the first to all of them, and note what a delivery costs."""

    def run(number: int) -> Load:
        is_first = number == 0
        return run_load(
            who,
            port=ports[number],
            pid=nodes[number].pid,
            transport="ws",
            paths=paths,
            connections=len(paths),
            # The others stand before the first begins, and until it has ended.
            settle_s=4.0 if is_first else 0.5,
            hold_s=0.0 if is_first else publish.seconds + 9.0,
            publish=publish if is_first else None,
        )

    loads = asyncio.gather(*(asyncio.to_thread(run, number) for number in range(len(nodes))))
    await asyncio.sleep(3.0)
    spent_s = _read_all(nodes)
    found = await loads
    spent_s = _read_all(nodes) - spent_s
    first = found[0]
    delivered, expected = sum(load.delivered for load in found), first.published * len(paths) * len(nodes)
    if delivered < expected:
        figures.warn(f"{who}, fan-out: {expected - delivered:,} deliveries missing")
    for number, load in enumerate(found, 1):
        if load.ended or load.refused or load.publish_errors:
            figures.warn(f"{who}, fan-out at node {number}: {', '.join(load.flaws)}")
    title = f"fan-out to {len(paths)} connections at each of 3 nodes, {publish.rate:.0f}/s"
    figures.row(f"{title}: CPU of all nodes, per delivery", "us").add(who, spent_s / max(1, delivered) * 1e6)
    figures.row(f"{title}: from the publish to a client, p50", "ms").add(
        who, sum(load.delivery_p50_ms for load in found) / len(found)
    )
    figures.row(f"{title}: p99 of the slowest node", "ms").add(who, max(load.delivery_p99_ms for load in found))
    print(f"    {who}, fan-out: {spent_s / max(1, delivered) * 1e6:.1f} us a delivery", flush=True)


async def measure_catch_up(figures: Figures, cluster: LocalCluster) -> None:
    """Open the log of a node that has nothing, then again with everything: the difference is what filling it takes.

    Here in this process: a whole hub takes longer to start than its mirror to be filled.
    """
    records = await _publish_more(cluster)
    path = cluster.folder / "catch-up" / "hub.db"
    took_s = [await _open_log(cluster, path) for _ in range(2)]
    per_s = records / max(0.01, took_s[0] - took_s[1])
    row = figures.row("an empty mirror is filled, records a second", "/s", Budget(15_000, at_least=True))
    row.add("hub", per_s)
    print(f"    hub, catch-up: {records:,} records, {per_s:,.0f}/s", flush=True)


async def _open_log(cluster: LocalCluster, path: Path) -> float:
    """Open and close a node's log; return how long the opening took."""
    servers, credentials = read_servers(cluster.log_url())
    nats = await open_nats(servers, name="catch-up", credentials=credentials, timeout_s=30)
    began_s = time.monotonic()
    log = await open_jetstream_log(
        nats,
        stream="hub",
        node="catch-up",
        path=path,
        limits=Limits(max_pending=1, deadline_s=15),
        retention=Retention(
            retention_s=30 * 86_400, retention_records=10_000_000, idempotency_s=86_400, monotonic=time.monotonic
        ),
        now=time.time,
        owns_nats=True,
    )
    took_s = time.monotonic() - began_s
    await log.close()
    return took_s


async def _publish_more(cluster: LocalCluster) -> int:
    """Publish in batches until there are enough records for a measurable time; return how many there are."""
    one = json.loads(publish_body({"user_id": user_id(1), "account_id": ACCOUNT}).replace(b"@TS@", b"1"))
    headers = {"authorization": f"Bearer {cluster.target.service_key}"}
    async with httpx.AsyncClient(base_url=cluster.target.urls[0], timeout=60, headers=headers) as http:
        stored = 0
        while stored < CATCH_UP:
            response = await http.post(f"{_HUB_PATH}/batch", json={"notifications": [one] * 1_000})
            assert response.status_code == 202, response.text
            cursors = [each["receipt"]["cursor"] for each in response.json()["results"]]
            stored = max(int(cursor.rpartition("-")[2], 36) for cursor in cursors)
    return stored


async def _measure_idle(members: Sequence[Member]) -> list[float]:
    """Return what part of a core each takes while nothing is asked of it."""
    before_s = [read_cpu_s(member.pid) for member in members]
    await asyncio.sleep(IDLE_S)
    return [(read_cpu_s(member.pid) - before) / IDLE_S for member, before in zip(members, before_s, strict=True)]


def _read_all(members: Sequence[Member]) -> float:
    return sum(read_cpu_s(member.pid) for member in members)


def _headers(cluster: LocalCluster) -> tuple[str, ...]:
    return (f"Authorization: Bearer {cluster.target.service_key}", "Content-Type: application/json")
