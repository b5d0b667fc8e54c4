"""`python -m bench.cluster`: what three hubs over three NATS servers cost, on one machine; a part of `make bench`.

Publishing stands beside the least client that NATS can have, in the same run against the same servers. All of it shares
the cores of this machine: read the ratios.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt

from bench.load import Load, Publish, compile_tools, run_load
from bench.machine import describe_machine, describe_versions
from bench.notice import ACCOUNT, publish_body, user_claims, user_id
from bench.process import BUILD, ROOT, read_cpu_s
from bench.raw_nats import RawNats, connect_raw
from tests.cluster.checker import check
from tests.cluster.local import LocalCluster, make_cluster

__all__ = ["main"]

PAGE = ROOT / "docs/reference/benchmarks-cluster.md"
IN_FLIGHT = 64
PUBLISH_S = {"quick": 3.0, "brief": 5.0, "full": 10.0}
ROUNDS = {"quick": 1, "brief": 2, "full": 3}
RATE_PER_S = 200.0
DISPATCH_S = 8.0
#: Records that an empty mirror is filled with.
CATCH_UP = 20_000
RAW_STREAM = {
    "name": "raw",
    "subjects": ["raw.log"],
    "storage": "file",
    "num_replicas": 3,
    "allow_direct": True,
    "duplicate_window": 600 * 10**9,
    "republish": {"src": "raw.log", "dest": "raw.tap"},
}


class Rows:
    """Rows of the table: what, unit, figures, budget."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, list[float], str, bool | None]] = {}

    def add(self, what: str, unit: str, value: float, budget: str = "", is_met: bool | None = None) -> None:
        """Add a figure of one round; the verdict is the last one's."""
        _, values, _, _ = self._rows.get(what, (unit, [], budget, is_met))
        self._rows[what] = (unit, [*values, value], budget, is_met)
        print(f"    {what}: {value:,.2f} {unit}", flush=True)

    def median(self, what: str) -> float:
        """Return the median over the rounds."""
        return statistics.median(self._rows[what][1])

    def table(self) -> list[str]:
        """Return the rows as a page has them."""
        lines = ["| What | Unit | Median | Rounds | Budget | Met |", "|---|---|---|---|---|---|"]
        for what, (unit, values, budget, is_met) in self._rows.items():
            rounds = ", ".join(f"{value:,.2f}" for value in values)
            met = "" if is_met is None else "yes" if is_met else "NO"
            lines.append(f"| {what} | {unit} | {statistics.median(values):,.2f} | {rounds} | {budget} | {met} |")
        return lines


async def measure_raw(cluster: LocalCluster, rows: Rows, seconds: float) -> None:
    """Publish with acknowledgement as fast as the acknowledgements come, by the least client there can be."""
    password = cluster.password("admin")
    client = await connect_raw(cluster.ports.nats(1), "admin", password)
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

    began_s = time.monotonic()
    await asyncio.gather(*(publish(lane) for lane in range(IN_FLIGHT)))
    rows.add("raw client, publish, 64 in flight", "/s", count / (time.monotonic() - began_s))
    await _delete(client)


async def _delete(client: RawNats) -> None:
    await client.request("$JS.API.STREAM.DELETE.raw", b"")
    client.close()


async def measure_publish(cluster: LocalCluster, rows: Rows, seconds: float) -> int:
    """Publish over HTTP at one node, and count what the others spend on each record; return how many were stored."""
    others = cluster.hubs[1:]
    before = [read_cpu_s(member.pid) for member in others]
    path = f"/ws?token={_token(cluster)}"
    run = functools.partial(
        run_load,
        "hub",
        port=cluster.ports.hub(1),
        pid=cluster.hubs[0].pid,
        transport="ws",
        paths=[path],
        connections=1,
        publish=Publish(
            path="/api/internal/notify",
            body=publish_body({"user_id": user_id(1), "account_id": ACCOUNT}),
            headers=(f"Authorization: Bearer {cluster.target.service_key}", "Content-Type: application/json"),
            rate=0,
            seconds=seconds,
            fanout=0,
            in_flight=IN_FLIGHT,
        ),
    )
    load: Load = await asyncio.to_thread(run)
    await asyncio.sleep(2)
    spent = [read_cpu_s(member.pid) - first for member, first in zip(others, before, strict=True)]
    published = load.published
    rows.add("hub, publish at one node, 64 in flight", "/s", load.publishes_per_s)
    ratio = load.publishes_per_s / rows.median("raw client, publish, 64 in flight")
    rows.add("hub / raw client", "ratio", ratio, "≥ 0.6", ratio >= 0.6)
    rows.add("hub, publish, CPU at that node", "us", load.publish_cpu_us)
    mirror_us = max(spent) / published * 1e6
    rows.add("tap and mirror, CPU of a record at another node", "us", mirror_us, "≤ 120", mirror_us <= 120)
    return published


async def measure_dispatch(cluster: LocalCluster, rows: Rows) -> None:
    """Publish at a steady rate at all nodes, and see when every node's clients have it, by the loss checker."""
    wait = functools.partial(asyncio.sleep, DISPATCH_S)
    report = await check(cluster.target, rate_per_s=RATE_PER_S, meanwhile=wait, seed=1, hoppers=0)
    rows.add(f"receipt at {RATE_PER_S:.0f}/s, p50", "ms", report.wait_p50_s * 1e3)
    rows.add(f"receipt at {RATE_PER_S:.0f}/s, p99", "ms", report.wait_p99_s * 1e3)
    after_ms = report.dispatch_p50_s * 1e3
    rows.add("frame at a client of any node, after the receipt, p50", "ms", after_ms, "≤ 10", after_ms <= 10)
    rows.add("violations that the loss checker found", "", len(report.violations), "0", not report.violations)


async def measure_catch_up(cluster: LocalCluster, rows: Rows, stored: int) -> None:
    """Take a node's mirror away, and see how long it takes until it is ready, beside a start with everything."""
    member = cluster.hubs[2]
    starts_s = []
    for is_empty in (False, True):
        await member.stop()
        if is_empty:
            shutil.rmtree(cluster.folder / "hub-3")
        began_s = time.monotonic()
        await member.start()
        await cluster.wait_ready(member)
        starts_s.append(time.monotonic() - began_s)
    per_s = stored / max(0.01, starts_s[1] - starts_s[0])
    rows.add(f"an empty mirror is filled ({stored:,} records)", "/s", per_s, "≥ 15,000", per_s >= 15_000)


def _token(cluster: LocalCluster) -> str:
    claims = user_claims(1, now_s=int(time.time()), series=0)
    return jwt.encode(claims, cluster.target.jwt_secret, algorithm="HS256")


_PAYLOAD = b"x" * 400


async def measure(plan: str) -> Rows:
    """Measure everything in fresh clusters, one a round."""
    rows = Rows()
    for number in range(ROUNDS[plan]):
        print(f"round {number + 1}", flush=True)
        with tempfile.TemporaryDirectory(dir=BUILD) as folder:
            async with make_cluster(Path(folder) / "cluster") as cluster:
                await cluster.start()
                await measure_raw(cluster, rows, PUBLISH_S[plan])
                stored = await measure_publish(cluster, rows, PUBLISH_S[plan])
                await measure_dispatch(cluster, rows)
                if number == 0:
                    await measure_catch_up(cluster, rows, await count_records(cluster, stored))
    return rows


async def count_records(cluster: LocalCluster, least: int) -> int:
    """Publish in batches until there are enough records for a measurable time; return how many there are."""
    one = json.loads(publish_body({"user_id": user_id(1), "account_id": ACCOUNT}).replace(b"@TS@", b"1"))
    headers = {"authorization": f"Bearer {cluster.target.service_key}"}
    stored = least
    async with httpx.AsyncClient(base_url=cluster.target.urls[0], timeout=60, headers=headers) as http:
        while stored < CATCH_UP:
            response = await http.post("/api/internal/notify/batch", json={"notifications": [one] * 1_000})
            assert response.status_code == 202, response.text
            stored += 1_000
    return stored


def main() -> int:
    """Measure, print the table, and write the page but for a quick run."""
    plan = os.environ.get("BENCH", "full")
    only = set(filter(None, os.environ.get("BENCH_ONLY", "").split(",")))
    if plan == "page" or (only and "cluster" not in only):
        return 0
    try:
        compile_tools()
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    rows = asyncio.run(measure(plan))
    table = rows.table()
    print("\n".join(["", *table]))
    if plan != "quick":
        page = [
            "# Benchmarks of a cluster",
            "",
            "Three NATS servers that sync every write, three hubs and the load, all on one machine. Made by "
            f"`BENCH={plan} BENCH_ONLY=cluster make bench`; do not edit.",
            "",
            "| | |",
            "|---|---|",
            f"| Date | {datetime.now(UTC):%Y-%m-%d %H:%M} UTC |",
            f"| Machine | {describe_machine()} |",
            f"| Load average | {os.getloadavg()[0]:.1f} at the end |",
            f"| Versions | {', '.join(f'{name} {version}' for name, version in describe_versions()[:7])} |",
            "",
            *table,
        ]
        PAGE.write_text("\n".join(page) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
