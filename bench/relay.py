"""`python -m bench.relay`: what publishing through an outbox costs, beside publishing directly.

Both publish the same notifications to a new hub with the same number of requests in flight, in turns. PostgreSQL syncs
its log as in production. Times are of this machine; the CPU of a row and the ratio of a round are what to compare.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import httpx
import msgspec

from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT
from tests.postgres import Postgres, run_postgres
from tests.relay.outbox import open_outbox
from tests.relay.processes import RelayProcess

__all__ = ["Cost", "main"]

IN_FLIGHT = 16
KEYS = 500
DEADLINE_S = 600.0
DURABLE = "fsync = on\nfull_page_writes = on\nautovacuum = on\n"
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one run cost: rows in a second, and microseconds of CPU for each row."""

    rows_per_s: float
    sender_us: float
    hub_us: float
    database_us: float = 0.0


def main(arguments: Sequence[str]) -> int:
    """Measure both ways in turns and print the medians."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay")
    parser.add_argument("--rows", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args(arguments)
    asyncio.run(_measure(given.rows, given.rounds))
    return 0


async def _measure(rows: int, rounds: int) -> None:
    through: list[Cost] = []
    direct: list[Cost] = []
    with run_postgres(configuration=DURABLE) as server, tempfile.TemporaryDirectory() as folder:
        server.start()
        for number in range(rounds):
            through.append(await _relay(server, Path(folder) / f"relay-{number}", rows))
            direct.append(await _publish(Path(folder) / f"direct-{number}", rows))
    for name, costs in (("through the outbox", through), ("directly", direct)):
        print(
            f"{name}: {_median(costs, 'rows_per_s'):.0f} rows/s; CPU of a row:"
            f" sender {_median(costs, 'sender_us'):.0f} us, hub {_median(costs, 'hub_us'):.0f} us,"
            f" database {_median(costs, 'database_us'):.0f} us"
        )
    ratios = [one.rows_per_s / other.rows_per_s for one, other in zip(through, direct, strict=True)]
    print(f"rows/s through the outbox, as a share of direct ones in the same round: {statistics.median(ratios):.2f}")


async def _relay(server: Postgres, folder: Path, rows: int) -> Cost:
    async with _running(folder) as (hub, url), open_outbox(server) as outbox:
        await outbox.connection.execute(
            "INSERT INTO notification_outbox (key, body)"
            " SELECT 'key-' || n % $2, $3::text::json FROM generate_series(1, $1) AS n",
            rows,
            KEYS,
            _body().decode(),
        )
        relay = RelayProcess(folder / "relay.log", outbox.url, url, hub.key, HUB_RELAY_IN_FLIGHT=str(IN_FLIGHT))
        before_s = _cpu_s(hub.process_id), _cpu_of_children_s(server)
        await relay.start()
        try:
            await outbox.wait_for("EXISTS (SELECT FROM notification_outbox WHERE published_at IS NOT NULL)")
            begun_s, begun_rows = time.monotonic(), await outbox.count("published_at IS NOT NULL")
            begun_cpu_s = _cpu_s(relay.process_id)
            await outbox.wait_settled(DEADLINE_S)
            took_s = time.monotonic() - begun_s
            sender_s = _cpu_s(relay.process_id)
        finally:
            await relay.stop()
        assert rows == await outbox.count("published_at IS NOT NULL")
        return Cost(
            rows_per_s=(rows - begun_rows) / took_s,
            sender_us=(sender_s - begun_cpu_s) / (rows - begun_rows) * 1e6,
            hub_us=(_cpu_s(hub.process_id) - before_s[0]) / rows * 1e6,
            database_us=(_cpu_of_children_s(server) - before_s[1]) / rows * 1e6,
        )


async def _publish(folder: Path, rows: int) -> Cost:
    async with _running(folder) as (hub, url):
        limits = httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
        headers = {"authorization": f"Bearer {hub.key}", "content-type": "application/json"}
        body, left = _body(), iter(range(rows))
        async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=10.0) as client:

            async def send() -> None:
                for _ in left:
                    key = {"idempotency-key": str(uuid.uuid4())}
                    response = await client.post("/api/internal/notify", content=body, headers=key)
                    assert response.status_code == 202

            begun_s, cpu_s, hub_s = time.monotonic(), time.process_time(), _cpu_s(hub.process_id)
            await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))
            return Cost(
                rows_per_s=rows / (time.monotonic() - begun_s),
                sender_us=(time.process_time() - cpu_s) / rows * 1e6,
                hub_us=(_cpu_s(hub.process_id) - hub_s) / rows * 1e6,
            )


class _running:
    """A hub of its own, and its address."""

    def __init__(self, folder: Path) -> None:
        self._hub = HubProcess(folder)

    async def __aenter__(self) -> tuple[HubProcess, str]:
        url = f"http://127.0.0.1:{self._hub.port}"
        await self._hub.start()
        async with httpx.AsyncClient(base_url=url) as client:
            await wait_ready(client)
        return self._hub, url

    async def __aexit__(self, *exception: object) -> None:
        await self._hub.stop()


def _body() -> bytes:
    return msgspec.json.encode(
        {
            "type": "stock_alert",
            "title": "Estoque baixo",
            "message": "Restam 3 unidades de Caixa 30x20.",
            "account_id": ACCOUNT,
            "data": {"productId": 77, "productName": "Caixa 30x20", "currentStock": 3, "minStock": 5},
        }
    )


def _cpu_s(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _cpu_of_children_s(server: Postgres) -> float:
    """Return what the backends that run have used; those of the test's own connection do little."""
    found = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == server.process_id:
            found += (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def _median(costs: Sequence[Cost], name: str) -> float:
    median: float = statistics.median(getattr(cost, name) for cost in costs)
    return median


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
