"""The statements on a real PostgreSQL: what is claimed, in which order, and what several relays see of each other."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import asyncpg  # type: ignore[import-untyped]  # it has no types of its own
import pytest

from hub.errors import SettingsError
from hub.relay.bounds import RelayBounds
from hub.relay.database import Database
from hub.relay.row import Dead, Row
from hub.relay.table import OutboxTable, TableName
from tests.relay.outbox import NAME, Outbox, body, write_rows

TABLE = OutboxTable(NAME, RelayBounds())


@contextlib.asynccontextmanager
async def transaction(outbox: Outbox) -> AsyncIterator[asyncpg.Connection]:
    """Give a transaction of its own, which is rolled back at the end."""
    connection = await asyncpg.connect(outbox.url)
    try:
        await connection.execute("BEGIN")
        yield connection
    finally:
        await connection.close()


async def claim(connection: asyncpg.Connection, table: OutboxTable = TABLE) -> list[Row]:
    """Claim what there is, as a relay that begins anew."""
    scan = await table.scan(connection, after="", keys=64)
    return await table.claim(connection, scan.due_ids)


def titles(rows: list[Row]) -> list[str]:
    """Return the titles in the rows' bodies."""
    return [row.body.decode().partition('"title": "')[2].partition('"')[0] for row in rows if row.body is not None]


async def test_rows_of_a_key_come_in_the_order_of_their_positions(outbox: Outbox) -> None:
    """The heads of all keys come first, and of each key the older row before the newer."""
    await outbox.write(("b", "b1"), ("a", "a1"), ("b", "b2"), ("a", "a2"))
    async with transaction(outbox) as relay:
        assert ["a1", "b1", "a2", "b2"] == titles(await claim(relay))


async def test_a_key_is_one_relays(outbox: Outbox) -> None:
    """What one relay has claimed another passes over, with all that follows in the same key, and takes other keys."""
    await outbox.write(("a", "a1"), ("a", "a2"))
    async with transaction(outbox) as first, transaction(outbox) as second:
        assert ["a1", "a2"] == titles(await claim(first))
        await outbox.write(("a", "a3"), ("b", "b1"))
        assert ["b1"] == titles(await claim(second))


async def test_a_statement_that_takes_too_long_is_said_with_its_time(outbox: Outbox) -> None:
    """The server ends it, and the words name the relay's own time and no other."""
    database = Database(outbox.url, NAME, RelayBounds(database_s=0.2))
    with pytest.raises(asyncpg.QueryCanceledError) as raised:
        async with database.transaction() as connection:
            await connection.execute("SELECT pg_sleep(10)")
    assert "after 0.2 s: the table is locked" in database.describe(raised.value)


async def test_a_key_is_free_when_its_relay_is_gone(outbox: Outbox) -> None:
    """A relay that dies holds nothing: its transaction is rolled back with its connection."""
    await outbox.write(("a", "a1"))
    async with transaction(outbox) as first:
        assert ["a1"] == titles(await claim(first))
    async with transaction(outbox) as second:
        assert ["a1"] == titles(await claim(second))


async def test_a_row_that_another_relay_has_just_published_is_not_claimed(outbox: Outbox) -> None:
    """The scan of one relay may be older than the commit of another; the lock looks again."""
    await outbox.write(("a", "a1"))
    async with transaction(outbox) as second:
        scan = await TABLE.scan(second, after="", keys=64)
        async with transaction(outbox) as first:
            await TABLE.mark_published(first, await claim(first))
            await first.execute("COMMIT")
        assert 1 == len(scan.due_ids)
        assert [] == await TABLE.claim(second, scan.due_ids)


async def test_a_transaction_that_commits_late_is_not_skipped(outbox: Outbox) -> None:
    """Its rows have lower positions than what was published long before; they are claimed all the same."""
    async with transaction(outbox) as slow:
        await write_rows(slow, [("a", "late")])
        await outbox.write(("a", "early"))
        async with transaction(outbox) as relay:
            rows = await claim(relay)
            assert ["early"] == titles(rows)
            await TABLE.mark_published(relay, rows)
            await relay.execute("COMMIT")
        await slow.execute("COMMIT")
    async with transaction(outbox) as relay:
        assert ["late"] == titles(await claim(relay))


async def test_two_relays_that_share_a_key_do_not_wait_for_each_other(outbox: Outbox) -> None:
    """A row that was committed late may make another head of a key; both relays then mark what they can, at once."""
    async with transaction(outbox) as slow, transaction(outbox) as first, transaction(outbox) as second:
        await write_rows(slow, [("a", "a0")])
        await outbox.write(("a", "a1"), ("a", "a2"))
        ones = await claim(first)
        await slow.execute("COMMIT")
        both = await claim(second)
        assert (["a1", "a2"], ["a0", "a1", "a2"]) == (titles(ones), titles(both))
        async with asyncio.timeout(5):
            await TABLE.mark_published(second, both)
            await TABLE.mark_published(first, ones)
            await first.execute("COMMIT")
            await second.execute("COMMIT")
    assert 3 == await outbox.count("published_at IS NOT NULL")


async def test_a_row_that_waits_for_its_next_attempt_holds_its_key(outbox: Outbox) -> None:
    """Neither it nor its successors are claimed before the time has come."""
    await outbox.write(("a", "a1"), ("a", "a2"), ("b", "b1"))
    async with transaction(outbox) as relay:
        rows = await claim(relay)
        await TABLE.postpone(relay, [(rows[0], 3600.0)])
        await relay.execute("COMMIT")
    async with transaction(outbox) as relay:
        assert ["b1"] == titles(await claim(relay))
    await outbox.connection.execute("UPDATE notification_outbox SET next_attempt_at = now() WHERE key = 'a'")
    async with transaction(outbox) as relay:
        rows = await claim(relay)
        assert ([1, 0, 0], ["a1", "b1", "a2"]) == ([row.attempts for row in rows], titles(rows))


async def test_a_dead_row_frees_its_key_and_keeps_its_reason(outbox: Outbox) -> None:
    """Its successors are claimed; the row stays with what the hub said."""
    await outbox.write(("a", "a1"), ("a", "a2"))
    async with transaction(outbox) as relay:
        rows = await claim(relay)
        await TABLE.mark_dead(relay, [(rows[0], Dead("unknown_type", "unknown_type (400): not known"))])
        await relay.execute("COMMIT")
    async with transaction(outbox) as relay:
        assert ["a2"] == titles(await claim(relay))
        (dead,) = await TABLE.list_dead(relay, limit=10)
        assert ("cart_updated", 1, "unknown_type (400): not known") == (dead.type, dead.attempts, dead.reason)


async def test_a_round_is_bounded_in_rows_and_bytes(outbox: Outbox) -> None:
    """What does not fit is always the end of a key, and the first row of a round always fits."""
    big = body("x" * 400)
    await outbox.write(*[("a", big)] * 5, ("b", big), ("c", big))
    for changes, expected in [
        ({"rows_per_key": 2}, "abca"),
        ({"rows": 4}, "abca"),
        ({"round_bytes": 3 * len(big)}, "abc"),
        ({"round_bytes": 1}, "a"),
    ]:
        async with transaction(outbox) as relay:
            rows = await claim(relay, OutboxTable(NAME, RelayBounds(**changes)))
            assert expected == "".join(row.key for row in rows)


async def test_a_body_that_no_hub_takes_is_not_read(outbox: Outbox) -> None:
    """A row of many megabytes costs the relay no memory; it is claimed without its body."""
    await outbox.write(("a", body("x" * 5000)), ("a", "small"))
    async with transaction(outbox) as relay:
        rows = await claim(relay, OutboxTable(NAME, RelayBounds(body_bytes=4096)))
        assert [True, False] == [row.body is None for row in rows]


async def test_a_long_queue_of_one_key_costs_other_keys_nothing(outbox: Outbox) -> None:
    """The scan looks at the head of each key, not at what waits behind it."""
    await outbox.connection.execute(
        "INSERT INTO notification_outbox (key, body) SELECT 'a', '{}' FROM generate_series(1, 20000)"
    )
    await outbox.write(("b", "b1"))
    await outbox.connection.execute("ANALYZE notification_outbox")
    plan = "\n".join(
        row[0]
        for row in await outbox.connection.fetch(
            "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) " + TABLE.scan_sql.replace("$1", "''").replace("$2", "64")
        )
    )
    assert "notification_outbox_waiting" in plan
    assert "Seq Scan" not in plan
    async with transaction(outbox) as relay:
        scan = await TABLE.scan(relay, after="", keys=64)
        assert (2, "b") == (scan.keys, scan.last_key)


async def test_a_purge_is_bounded_and_takes_the_oldest(outbox: Outbox) -> None:
    """One statement deletes so many rows that were published long enough ago; waiting and dead ones stay."""
    await outbox.write(*[(f"k{number}", "old") for number in range(5)], ("waiting", "w"), ("dead", "d"))
    await outbox.connection.execute(
        "UPDATE notification_outbox SET published_at = now() - interval '2 days' WHERE key LIKE 'k%'"
    )
    await outbox.connection.execute(
        "UPDATE notification_outbox SET dead_at = now() - interval '9 days' WHERE key = 'dead'"
    )
    table = OutboxTable(NAME, RelayBounds(purge_rows=3))
    assert 0 == await table.purge(outbox.connection, older_than_s=3 * 86_400.0)
    assert [3, 2, 0] == [await table.purge(outbox.connection, older_than_s=86_400.0) for _ in range(3)]
    assert 2 == await outbox.count("true")


async def test_what_waits_is_measured(outbox: Outbox) -> None:
    """How many wait, since when, how many are dead; counting has a bound."""
    await outbox.write(*[(f"k{number}", "x") for number in range(4)])
    await outbox.connection.execute("UPDATE notification_outbox SET dead_at = now() WHERE key = 'k0'")
    await outbox.connection.execute(
        "UPDATE notification_outbox SET created_at = now() - interval '1 hour' WHERE key = 'k1'"
    )
    backlog = await TABLE.measure(outbox.connection)
    assert (3, 1) == (backlog.waiting, backlog.dead)
    assert 3600 <= backlog.oldest_s < 3660
    assert 2 == (await OutboxTable(NAME, RelayBounds(count_rows=2)).measure(outbox.connection)).waiting


async def test_dead_rows_are_sent_again_or_discarded(outbox: Outbox) -> None:
    """By id or all; a row that is not dead is never touched."""
    ids = await outbox.write(("a", "a1"), ("a", "a2"), ("a", "a3"))
    await outbox.connection.execute("UPDATE notification_outbox SET dead_at = now(), dead_reason = 'r', attempts = 3")
    assert 1 == await TABLE.retry_dead(outbox.connection, [ids[0], str(uuid.uuid4())])
    assert 0 == await TABLE.discard_dead(outbox.connection, [ids[0]])
    assert 1 == await TABLE.discard_dead(outbox.connection, [ids[1]])
    assert 1 == await outbox.count("dead_at IS NULL AND dead_reason IS NULL AND attempts = 0")
    assert 1 == await TABLE.retry_dead(outbox.connection, None)
    assert (0, 2) == (await outbox.count("dead_at IS NOT NULL"), await outbox.count("true"))


@pytest.mark.parametrize("text", ["", "a.b.c", 'a"b', "a b", "1a", "a;drop", "x" * 42, "ação", "a.", ".a"])
def test_what_is_not_a_name_is_refused(text: str) -> None:
    """The name is put into the statements, so only a plain one is taken."""
    with pytest.raises(SettingsError, match="HUB_RELAY_TABLE"):
        TableName.read(text)
