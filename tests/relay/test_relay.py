"""A relay between a real PostgreSQL and a real hub: each row once, in order per key, whatever fails on the way."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import httpx
import pytest

from hub.edge.metrics_port import serve_metrics
from hub.relay.bounds import RelayBounds
from hub.relay.health import make_health_app
from hub.relay.metrics import Metrics
from hub.settings import Settings
from tests.clients.stand_in import Responder, StandIn, accept, reply, reset, stall
from tests.faults.process import HubProcess, wait_ready
from tests.harness import ACCOUNT, RunningHub
from tests.pooler import run_pooler
from tests.relay.outbox import DEADLINE_S, Outbox, body, read_titles, run_relay, write_rows

KEY = "hubk_of-the-tests"
BOUNDS = RelayBounds(away_base_s=0.05, away_cap_s=0.2, row_base_s=0.05, row_cap_s=0.2, publish_s=0.5)


def refuse(status: int, code: str, **headers: str) -> Responder:
    """Return what responds with a problem of a hub."""
    problem = {"type": f"urn:notification-hub:problem:{code}", "title": code, "detail": "No", "code": code}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return reply(status, problem | {"status": status}, named, "application/problem+json")


def numbered(keys: int, rows: int) -> list[tuple[str, str]]:
    """Return rows of several keys, whose titles say the key and the place in it."""
    return [(f"key-{number % keys}", f"{number % keys}:{number:05}") for number in range(rows)]


def check_order(rows: list[tuple[str, str]], titles: list[str]) -> None:
    """Compare what a hub has with what the service wrote: each once, and each key in order."""
    assert sorted(title for _, title in rows) == sorted(titles)
    for key in {key for key, _ in rows}:
        expected = [title for each, title in rows if each == key]
        mine = set(expected)
        assert expected == [title for title in titles if title in mine]


async def test_rows_are_published_once_and_in_order_per_key(outbox: Outbox, hub: RunningHub) -> None:
    """Every committed row is in the hub's log once; the rows of each key are in the order of the table."""
    rows = numbered(7, 200)
    await outbox.write(*rows)
    async with run_relay(outbox.url, hub.url, hub.key):
        await outbox.wait_settled()
    check_order(rows, read_titles(hub.settings.data_dir))
    assert 200 == await outbox.count("published_at IS NOT NULL")


async def test_a_row_is_published_when_its_transaction_commits(outbox: Outbox, hub: RunningHub) -> None:
    """Not before, and not at all if it is rolled back; the commit wakes a relay that would look in an hour."""
    async with run_relay(outbox.url, hub.url, hub.key, poll_s=3600.0) as (relay, metrics):
        await outbox.write(("a", "first"))
        await outbox.wait_settled()
        transaction = outbox.connection.transaction()
        await transaction.start()
        await write_rows(outbox.connection, [("a", "rolled back")])
        await transaction.rollback()
        async with outbox.connection.transaction():
            await write_rows(outbox.connection, [("a", "second")])
            assert ["first"] == read_titles(hub.settings.data_dir)
        await outbox.wait_settled()
        assert relay.is_ready
        assert b"hub_relay_listening 1.0" in metrics.write()
    assert ["first", "second"] == read_titles(hub.settings.data_dir)


async def test_what_commits_late_is_published(outbox: Outbox, hub: RunningHub) -> None:
    """A long transaction's rows have lower positions than what was published meanwhile: they are not skipped."""
    slow = await asyncpg.connect(outbox.url)
    try:
        async with run_relay(outbox.url, hub.url, hub.key):
            async with slow.transaction():
                await write_rows(slow, [("a", "late")])
                await outbox.write(("a", "early"))
                await outbox.wait_for("EXISTS (SELECT FROM notification_outbox WHERE published_at IS NOT NULL)")
            await outbox.wait_settled()
    finally:
        await slow.close()
    assert ["early", "late"] == read_titles(hub.settings.data_dir)


async def test_several_relays_share_the_work(outbox: Outbox, hub: RunningHub) -> None:
    """Three relays on one table publish each row once and keep the order of each key."""
    rows = numbered(40, 300)
    async with (
        run_relay(outbox.url, hub.url, hub.key),
        run_relay(outbox.url, hub.url, hub.key),
        run_relay(outbox.url, hub.url, hub.key),
    ):
        for start in range(0, 300, 50):
            await outbox.write(*rows[start : start + 50])
        await outbox.wait_settled()
    check_order(rows, read_titles(hub.settings.data_dir))


async def test_a_dead_row_is_kept_and_its_key_goes_on(outbox: Outbox, hub: RunningHub) -> None:
    """A row that the hub will never take has the hub's reason; its successors are published."""
    dead, *_ = await outbox.write(("a", body("poison", type="unheard_of")), ("a", "next"), ("b", "other"))
    async with run_relay(outbox.url, hub.url, hub.key) as (relay, metrics):
        await outbox.wait_settled()
        assert relay.is_ready
    assert ["next", "other"] == sorted(read_titles(hub.settings.data_dir))
    row = await outbox.connection.fetchrow(
        "SELECT id::text, dead_reason FROM notification_outbox WHERE dead_at IS NOT NULL"
    )
    assert dead == row[0]
    assert row[1].startswith("unknown_type (400)")
    assert ACCOUNT not in row[1]
    assert b'hub_relay_dead_total{code="unknown_type"} 1.0' in metrics.write()


async def test_what_a_relay_published_and_could_not_mark_is_not_published_again(
    outbox: Outbox, hub: RunningHub
) -> None:
    """The row's id is the Idempotency-Key: the hub knows the row that another relay sent before it died."""
    ids = await outbox.write(("a", "one"), ("a", "two"))
    for row_id, title in zip(ids, ("one", "two"), strict=True):
        headers = hub.headers({"idempotency-key": row_id})
        assert 202 == (await hub.post("/api/internal/notify", body(title).encode(), headers=headers)).status_code
    async with run_relay(outbox.url, hub.url, hub.key) as (_, metrics):
        await outbox.wait_settled()
    assert ["one", "two"] == read_titles(hub.settings.data_dir)
    assert b"hub_relay_duplicates_total 2.0" in metrics.write()


async def test_a_row_on_which_the_hub_fails_is_given_up(outbox: Outbox) -> None:
    """After so many attempts it is dead, with the reason; meanwhile it holds its key, and no other."""
    failing = (refuse(500, "internal"),) * 3
    await outbox.write(("a", "poison"), ("a", "next"))
    with StandIn(*failing, accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS, max_attempts=3):
            await outbox.wait_settled()
    assert ["poison", "poison", "poison", "next"] == server.fields("title")
    assert 1 == len(set(server.keys[:3]))
    reason = await outbox.connection.fetchval("SELECT dead_reason FROM notification_outbox WHERE dead_at IS NOT NULL")
    assert "internal (500): No (given up after 3 attempts)" == reason


async def test_a_hub_whose_directory_is_down_makes_no_row_dead(outbox: Outbox) -> None:
    """503 for a user that cannot be looked up is about this row and this moment, however often it comes."""
    down = (refuse(503, "directory_unavailable", retry_after="0"),) * 6
    await outbox.write(("a", "one"))
    with StandIn(*down, accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS, max_attempts=3):
            await outbox.wait_settled()
    assert 7 == len(server.seen)
    assert 1 == await outbox.count("published_at IS NOT NULL AND attempts = 6")


@pytest.mark.parametrize(
    "responder",
    [
        refuse(503, "overloaded"),
        refuse(429, "too_many"),
        refuse(401, "unauthenticated"),
        reply(502, b"<html>", kind="text/html"),
        reply(404, b"<html>", kind="text/html"),
        reply(200, b"welcome to the hotel", kind="text/html"),
        reply(200, b"x" * 200_000, kind="text/html"),
        reset,
    ],
    ids=["busy", "limited", "key", "proxy", "address", "portal", "flood", "reset"],
)
async def test_a_hub_that_is_away_costs_no_row(outbox: Outbox, responder: Responder) -> None:
    """Nothing is lost, counted against a row or overtaken while no row can be published."""
    await outbox.write(("a", "one"), ("a", "two"))
    with StandIn(responder, responder, responder, accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS) as (_, metrics):
            await outbox.wait_settled()
    assert ["one", "one", "one", "one", "two"] == server.fields("title")
    assert 2 == await outbox.count("published_at IS NOT NULL AND attempts = 0")
    assert b"hub_relay_hub_up 1.0" in metrics.write()


async def test_retry_after_is_heeded(outbox: Outbox) -> None:
    """The hub is not asked again before the second that it named is over."""
    await outbox.write(("a", "one"))
    with StandIn(refuse(429, "too_many", retry_after="1"), accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS):
            await outbox.wait_settled()
    first, second = server.seen
    assert second.at_s - first.at_s >= 1.0


async def test_a_row_that_the_hub_never_gets_done_with_holds_its_key_alone(outbox: Outbox) -> None:
    """One request without a response, while others have theirs, does not stop the relay."""
    await outbox.write(("a", "one"), ("b", "two"), ("b", "three"))
    with StandIn(stall, accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS):
            await outbox.wait_settled()
    assert 3 == await outbox.count("published_at IS NOT NULL")
    assert 1 == await outbox.count("attempts = 1")


async def test_a_key_that_may_not_publish_makes_no_row_dead(outbox: Outbox) -> None:
    """Where even an empty body gets 403, the rows wait until the operator gives the key its grant."""
    await outbox.write(("a", "one"))
    forbidden = refuse(403, "forbidden")
    with StandIn(forbidden, forbidden, accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS):
            await outbox.wait_settled()
    assert 1 == await outbox.count("published_at IS NOT NULL")
    assert [b"{}"] == [seen.body for seen in server.seen if "idempotency-key" not in seen.headers]


async def test_a_key_that_may_not_publish_this_makes_the_row_dead(outbox: Outbox) -> None:
    """Where the hub lets the key in, 403 is about the row's type or account."""
    await outbox.write(("a", "one"))
    with StandIn(refuse(403, "forbidden"), refuse(400, "invalid_field"), accept) as server:
        async with run_relay(outbox.url, server.url, KEY, bounds=BOUNDS):
            await outbox.wait_settled()
    assert 1 == await outbox.count("dead_reason LIKE 'forbidden (403)%'")


async def test_a_body_that_no_hub_takes_is_dead_unsent(outbox: Outbox, hub: RunningHub) -> None:
    """A megabyte and more is not even read; the reason says so."""
    await outbox.write(("a", body("x" * 1_100_000)), ("a", "next"))
    async with run_relay(outbox.url, hub.url, hub.key):
        await outbox.wait_settled()
    assert ["next"] == read_titles(hub.settings.data_dir)
    assert 1 == await outbox.count("dead_reason LIKE 'body_too_large%'")


async def test_the_hub_may_be_killed_and_started_again(outbox: Outbox, tmp_path: Path) -> None:
    """Rows wait while it is away; what it had stored without a receipt it does not store twice."""
    rows = numbered(10, 200)
    process = HubProcess(tmp_path / "hub")
    await process.start()
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}") as client,
            run_relay(outbox.url, f"http://127.0.0.1:{process.port}", process.key),
        ):
            await wait_ready(client)
            for start in range(0, 200, 100):
                await outbox.write(*rows[start : start + 100])
                await outbox.wait_for(
                    f"(SELECT count(*) FROM notification_outbox WHERE published_at IS NOT NULL) > {start}"
                )
                await process.kill()
                await process.start()
            await outbox.wait_settled()
    finally:
        await process.stop()
    check_order(rows, read_titles(process.data_dir))


async def test_a_pooler_in_transaction_mode_may_be_between(outbox: Outbox, hub: RunningHub) -> None:
    """There the relay polls, which it says; two relays keep their promises all the same."""
    rows = numbered(10, 200)
    with run_pooler(outbox.server) as pooler:
        async with (
            run_relay(pooler.url, hub.url, hub.key) as (_, metrics),
            run_relay(pooler.url, hub.url, hub.key),
        ):
            await outbox.write(*rows)
            await outbox.wait_settled()
        assert b"hub_relay_listening 0.0" in metrics.write()
    check_order(rows, read_titles(hub.settings.data_dir))


async def test_a_stop_marks_what_is_in_flight(outbox: Outbox) -> None:
    """Requests on their way get their response, their rows are marked, and nothing more is sent."""
    answered = asyncio.Event()
    loop = asyncio.get_running_loop()

    def accept_slowly(handler: object) -> None:
        loop.call_soon_threadsafe(answered.set)
        server.closed.wait(0.3)
        accept(handler)  # type: ignore[arg-type]

    await outbox.write(("a", "one"), ("a", "two"))
    with StandIn(accept_slowly) as server:
        async with run_relay(outbox.url, server.url, KEY) as (relay, _):
            async with asyncio.timeout(DEADLINE_S):
                await answered.wait()
            relay.stop()
    assert ["one"] == server.fields("title")
    assert 1 == await outbox.count("published_at IS NOT NULL")


async def test_published_rows_are_deleted_in_the_end(outbox: Outbox, hub: RunningHub) -> None:
    """A relay deletes what was published long enough ago, and counts what is left."""
    await outbox.write(*numbered(5, 20), ("poison", "{}"))
    bounds = RelayBounds(upkeep_s=0.05, purge_rows=7, purge_statements=2)
    async with run_relay(outbox.url, hub.url, hub.key, bounds=bounds, keep_s=0.0) as (_, metrics):
        await hub.wait_until(lambda: b"hub_relay_purged_total 20.0" in metrics.write())
        await hub.wait_until(lambda: b"hub_relay_dead_rows 1.0" in metrics.write())
    assert 1 == await outbox.count("dead_at IS NOT NULL")
    assert 1 == await outbox.count("true")


async def test_a_session_that_was_left_in_a_round_is_ended_by_the_database(outbox: Outbox, hub: RunningHub) -> None:
    """A relay that is frozen with the locks of a round holds up its keys for a bounded time; waking does no harm."""
    await outbox.write(("a", "one"))
    bounds = RelayBounds(idle_in_transaction_s=0.3, publish_s=2.0, away_base_s=0.05, away_cap_s=0.1)
    with StandIn(stall) as frozen:
        async with run_relay(outbox.url, frozen.url, hub.key, bounds=bounds):
            await hub.wait_until(lambda: len(frozen.seen) > 0)
            async with run_relay(outbox.url, hub.url, hub.key):
                await outbox.wait_settled()
    assert ["one"] == read_titles(hub.settings.data_dir)


async def test_the_port_for_machines(tmp_path: Path) -> None:
    """It says whether the relay lives and is ready, and has its metrics; nothing else is there."""
    ready, metrics = True, Metrics()
    async with (
        serve_metrics(
            make_health_app(metrics, is_ready=lambda: ready), Settings(), port=0, variable="HUB_RELAY_PORT"
        ) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert (200, {"live": True}) == (
            (await client.get("/health/live")).status_code,
            (await client.get("/health/live")).json(),
        )
        assert 200 == (await client.get("/health/ready")).status_code
        ready = False
        assert 503 == (await client.get("/health/ready")).status_code
        response = await client.get("/metrics")
        assert (200, "text/plain; version=0.0.4; charset=utf-8") == (
            response.status_code,
            response.headers["content-type"],
        )
        assert "hub_relay_published_total 0.0" in response.text
        assert b"" == (await client.head("/metrics")).content
        assert 404 == (await client.get("/anything")).status_code
        assert 405 == (await client.post("/metrics")).status_code
    with socket.socket() as probe:
        assert 0 != probe.connect_ex(("127.0.0.1", port))
