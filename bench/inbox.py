"""`python -m bench.inbox`: what an inbox costs in a large log: a page, an unread count, and a change beside a publish.

A log of a million records, of which a tenth are for one account, is written first; then the log answers without a hub
around it, and a hub over HTTP. Times are of this machine. `cpu` is what the process took, whatever else went on. Each
row takes `--seconds` at most, so the whole takes as long as writing the log does, and four minutes more at most.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from bench.hub import HubFolder
from bench.notice import ACCOUNT, publish_body, user_id
from bench.process import read_cpu_s
from hub.log.inbox import Flags, Inbox, InboxQuery, put_flags, put_watermark
from hub.log.port import Draft, Kind
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.schema import LOG_NAME
from hub.target import Target, account_target, subscriber_targets, user_target

__all__ = ["main"]

_BATCH = 1_000
#: A row has at least so many requests, however long they take.
_LEAST = 20
#: A hub listens before it has opened its log, and a large one takes a while on a busy machine.
_READY_S = 120.0
_TYPES = ("order_created", "stock_alert", "cart_updated", "payment_confirmed")


def main(arguments: Sequence[str]) -> int:
    """Write the log, measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.inbox")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--share", type=int, default=10, help="one record in so many is for the account")
    parser.add_argument("--requests", type=int, default=500, help="of each row")
    parser.add_argument("--seconds", type=float, default=20.0, help="after which a row has no further requests")
    given = parser.parse_args(arguments)
    with HubFolder(users=2) as folder:
        asyncio.run(_measure(folder, given.records, given.share, Row(given.requests, given.seconds)))
    return 0


class Row(NamedTuple):
    """How much is measured for a row: so many requests, or as many as these seconds allow."""

    requests: int
    seconds: float


async def _measure(folder: HubFolder, records: int, share: int, row: Row) -> None:
    began_s = time.monotonic()
    log = await _open(folder.path / "data" / LOG_NAME, synchronous="OFF")
    await _fill(log, records, share)
    print(f"{log.head:,} records in {time.monotonic() - began_s:.0f} s, {log.measure_bytes() / 2**20:,.0f} MiB")
    await _measure_log(log, row)
    await log.close()
    with folder.serve(start_s=60.0) as (port, pid):
        await _measure_hub(folder, port, pid, row)


async def _fill(log: SqliteLog, records: int, share: int) -> None:
    choice = random.Random(1)
    mine = (account_target(ACCOUNT), user_target(ACCOUNT, user_id(0)))
    for start in range(0, records, _BATCH):
        drafts = []
        for number in range(start, start + _BATCH):
            target = choice.choice(mine) if number % share == 0 else _draw(choice)
            kind = choice.choice(_TYPES)
            identifier = f"{choice.getrandbits(128):032x}"
            payload = (
                b'{"type":"%s","title":"Pedido","message":"%s","timestamp":"2026-11-26T10:00:00.000Z","id":"%s"}'
                % (
                    kind.encode(),
                    b"x" * 200,
                    identifier.encode(),
                )
            )
            drafts.append(Draft(id=identifier, targets=(target,), payload=payload, type=kind))
        await log.append(drafts)


def _draw(choice: random.Random) -> Target:
    return user_target(f"{choice.randrange(200):014d}", f"{choice.randrange(20):011d}")


async def _measure_log(log: SqliteLog, row: Row) -> None:
    inbox = Inbox(
        person=user_target(ACCOUNT, user_id(0)),
        targets=subscriber_targets(ACCOUNT, user_id(0)),
        hidden=frozenset({"cart_updated"}),
    )
    page = InboxQuery(limit=30, limit_bytes=524_288)
    await _time("log: page of 30, all unread", row, lambda: log.list_inbox(inbox, page))
    await _time("log: unread count, more than 999", row, lambda: log.count_unread(inbox))
    read = Draft(
        id="w",
        targets=(inbox.person,),
        payload=b"{}",
        kind=Kind.STATE,
        changes=(put_watermark(inbox, log.head - 9_000),),
    )
    await log.append([read])
    await _time("log: unread count, 675 of them", row, lambda: log.count_unread(inbox))
    rare = msgspec.structs.replace(page, tag="no_such_type")
    await _time("log: page of a type that is not there", row, lambda: log.list_inbox(inbox, rare))
    oldest = (await log.list_inbox(inbox, msgspec.structs.replace(page, before=1_000))).items[-1].record
    named = msgspec.json.decode(oldest.payload)["id"]
    await _time("log: the oldest by its id", row, lambda: log.look_at_inbox(inbox, [named], read_until=None))
    await _time("log: an id that is not there", row, lambda: log.look_at_inbox(inbox, ["x"], read_until=None))
    await _archive(log, inbox, 10_000)
    await _time("log: unread count, 10,000 archived", row, lambda: log.count_unread(inbox))


async def _archive(log: SqliteLog, inbox: Inbox, count: int) -> None:
    """Have the newest archived one by one, and all that is older read."""
    query = InboxQuery(limit=100, limit_bytes=524_288)
    positions: list[int] = []
    while len(positions) < count and (not positions or query.before is not None):
        page = await log.list_inbox(inbox, query)
        positions += [item.record.position for item in page.items]
        query = msgspec.structs.replace(query, before=page.next)
    changes = [put_watermark(inbox, positions[-1] - 1)]
    changes += [put_flags(inbox, position, Flags(archived=True)) for position in positions]
    for start in range(0, len(changes), _BATCH):
        some = tuple(changes[start : start + _BATCH])
        await log.append([Draft(id="w", targets=(inbox.person,), payload=b"{}", kind=Kind.STATE, changes=some)])
    assert await log.count_unread(inbox) == 0


async def _measure_hub(folder: HubFolder, port: int, pid: int, row: Row) -> None:
    # Not the one whose inbox was changed before.
    bearer = {"authorization": f"Bearer {folder.token(1)}", "content-type": "application/json"}
    service = dict(header.split(": ", 1) for header in folder.publish_headers)
    body = publish_body({"account_id": ACCOUNT, "user_id": user_id(0)}).replace(b"@TS@", b"1")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_READY_S) as client:
        began_s = time.perf_counter()
        while not (await client.get("/health/ready")).is_success:
            if time.perf_counter() - began_s > _READY_S:
                raise RuntimeError("the hub is not ready")
            await asyncio.sleep(0.1)
        print(f"hub: ready {time.perf_counter() - began_s:.1f} s after it listened")
        ids: list[str] = []
        before: dict[str, str] = {}
        while len(ids) < row.requests:
            found = (await client.get("/api/inbox", params={"limit": "100", **before}, headers=bearer)).json()
            ids += [item["id"] for item in found["notifications"]]
            before = {"before": found["next"]}
        waiting = iter(ids)

        async def ask(method: str, path: str, change: object = None) -> httpx.Response:
            content = None if change is None else msgspec.json.encode(change)
            return await client.request(method, path, content=content, headers=bearer)

        async def measure(title: str, each: Callable[[], Awaitable[httpx.Response]]) -> None:
            spent_s = read_cpu_s(pid)
            requests = await _time(title, row, each)
            print(f"{'':<44}{(read_cpu_s(pid) - spent_s) / requests * 1e3:8.2f} ms cpu of the hub each")

        def read_one() -> Awaitable[httpx.Response]:
            return ask("POST", "/api/inbox", {"read": [next(waiting)]})

        await measure("hub: GET /api/inbox", lambda: ask("GET", "/api/inbox"))
        await measure("hub: POST, one read, more than 999 unread", read_one)
        # From here on a few are unread, as a person has them.
        assert (await ask("POST", "/api/inbox", {"read_until": found["cursor"]})).is_success
        assert (await ask("POST", "/api/inbox", {"unread": ids[:10]})).is_success
        await measure("hub: GET /api/inbox, 10 unread", lambda: ask("GET", "/api/inbox"))
        flip = itertools.cycle(({"read": ids[:1]}, {"unread": ids[:1]}))
        await measure("hub: POST, one read or unread, 10 unread", lambda: ask("POST", "/api/inbox", next(flip)))
        await measure(
            "hub: a publish to one user", lambda: client.post("/api/internal/notify", content=body, headers=service)
        )


async def _time(title: str, row: Row, ask: Callable[[], Awaitable[object]]) -> int:
    took_ms: list[float] = []
    cpu_s, ends_s = time.process_time(), time.perf_counter() + row.seconds
    while len(took_ms) < row.requests and (len(took_ms) < _LEAST or time.perf_counter() < ends_s):
        began_s = time.perf_counter()
        answer = await ask()
        took_ms.append((time.perf_counter() - began_s) * 1e3)
        assert not isinstance(answer, httpx.Response) or answer.is_success, answer
    cpu_ms = (time.process_time() - cpu_s) / len(took_ms) * 1e3
    cuts = statistics.quantiles(took_ms, n=100)
    print(f"{title:<44}{cuts[49]:8.2f} ms median{cuts[98]:8.2f} ms p99{cpu_ms:8.2f} ms cpu of this process", flush=True)
    return len(took_ms)


async def _open(path: Path, *, synchronous: str) -> SqliteLog:
    return await open_sqlite_log(
        path,
        now=time.time,
        retention_s=1e9,
        retention_records=10**8,
        idempotency_s=86_400,
        max_pending=1_000,
        synchronous=synchronous,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
