"""Collapse: a record supersedes the newest one before it with the same digest; nobody who reads later meets both."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import apsw
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.log.inbox import Inbox, InboxQuery
from hub.log.port import COLLAPSE, Change, Draft, Log
from hub.log.sqlite.check import check
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.schema import LOG_NAME
from hub.target import EVERYONE, Target, account_target, user_target
from tests.log.conftest import OpenLog
from tests.log.engines import DEADLINE_S, Clock, Follower, draft, drain, stored

ANNA, BRUNO, ACME = user_target("acme", "anna"), user_target("acme", "bruno"), account_target("acme")


def collapsing(identifier: str, digest: bytes, *targets: Target, **fields: object) -> Draft:
    """Return a draft that takes the place of the last one with this digest."""
    return msgspec.structs.replace(draft(identifier, *(targets or (ANNA,))), collapse=digest, **fields)


async def names(log: Log, *targets: Target) -> list[str]:
    """Return the ids of what a subscriber of these targets would be replayed."""
    return [msgspec.json.decode(record.payload)["id"] for record in await drain(log, *targets)]


async def test_the_newest_is_replayed_and_the_tail_has_all(log: Log) -> None:
    """Who was there gets every one; who returns gets the newest of each digest, at its own place in the order."""
    follower = Follower(log.follow())
    await log.append([collapsing("a1", b"a"), draft("n", ANNA), collapsing("b1", b"b")])
    await log.append([collapsing("a2", b"a")])
    await log.append([collapsing("a3", b"a"), collapsing("c1", b"c")])
    await follower.wait_for(6)
    assert [1, 2, 3, 4, 5, 6] == follower.positions
    assert ["n", "b1", "a3", "c1"] == await names(log, ANNA)


async def test_within_one_transaction(log: Log) -> None:
    """The drafts of a batch supersede each other in their order, however many there are."""
    await log.append([collapsing(f"a{number}", b"a") for number in range(200)])
    assert ["a199"] == await names(log, ANNA)
    (found,) = [await log.find("a7")]
    assert found is not None
    assert 9 == found.superseded_by


async def test_several_targets_lose_it_together(log: Log) -> None:
    """All users of the older one get the newer one in its place."""
    await log.append([collapsing("x1", b"x", ANNA, BRUNO, ACME), collapsing("y1", b"y", EVERYONE)])
    await log.append([collapsing("x2", b"x", ANNA, BRUNO, ACME)])
    assert ["x2"] == await names(log, ANNA)
    assert ["y1", "x2"] == await names(log, BRUNO, EVERYONE)
    assert ["x2"] == await names(log, ACME)


async def test_the_superseded_one_is_found_with_what_superseded_it(log: Log) -> None:
    """Its trace is kept, and says which one took its place; the newest has none."""
    for number in range(1, 4):
        await log.append([collapsing(f"a{number}", b"a")])
    found = [await log.find(f"a{number}") for number in range(1, 4)]
    assert [2, 3, None] == [each.superseded_by for each in found if each is not None]


async def test_a_repeat_supersedes_nothing(log: Log) -> None:
    """Under an idempotency key the first one was stored; the repeat does not take another one's place."""
    first, second = collapsing("a1", b"a", idempotency=b"k"), collapsing("a2", b"a")
    await log.append([first])
    await log.append([second])
    (again,) = await log.append([collapsing("a3", b"a", idempotency=b"k")])
    assert stored(again).duplicate
    assert ["a2"] == await names(log, ANNA)


async def test_it_may_bring_changes_of_its_own(log: Log) -> None:
    """A deadline that comes with a notification is stored beside what it supersedes."""
    await log.append([collapsing("a1", b"a"), collapsing("a2", b"a", changes=(Change("deadline", "1", b"v"),))])
    entry = await log.read_state("deadline", "1")
    assert entry is not None
    assert (2, ["a2"]) == (entry.position, await names(log, ANNA))


async def test_it_holds_over_a_restart(open_log: OpenLog) -> None:
    """The next life of the log knows what is newest, and its check finds nothing wrong."""
    log = await open_log()
    await log.append([collapsing("a1", b"a"), collapsing("a2", b"a")])
    await log.close()
    again = await open_log()
    await again.append([collapsing("a3", b"a")])
    assert ["a3"] == await names(again, ANNA)
    assert log.epoch == again.epoch


class TestInbox:
    async def test_lists_and_counts_the_newest_alone(self, log: SqliteLog) -> None:
        """An inbox has one item of each digest; a client that has an older one on its screen may still mark it."""
        drafts = [collapsing("a1", b"a"), collapsing("a2", b"a"), collapsing("b1", b"b")]
        await log.append([msgspec.structs.replace(each, type="t") for each in drafts])
        inbox = Inbox(person=ANNA, targets=(ANNA, ACME, EVERYONE), hidden=frozenset())
        page = await log.list_inbox(inbox, InboxQuery(limit=10, limit_bytes=10_000))
        assert ([3, 2], 2) == ([item.record.position for item in page.items], page.unread)
        look = await log.look_at_inbox(inbox, ["a1", "a2", "nothing"], read_until=None)
        assert {"a1": 1, "a2": 2} == look.positions


async def test_an_erasure_takes_what_was_superseded_too(log: SqliteLog, tmp_path: Path) -> None:
    """Nothing of a person stays, also of older ones that no replay has; others keep what was for them as well."""
    await log.append([collapsing("anna1", b"a", payload=b'{"id":"anna1","secret":"one"}')])
    await log.append([collapsing("both1", b"b", ANNA, BRUNO), collapsing("anna2", b"a")])
    await log.append([collapsing("both2", b"b", ANNA, BRUNO)])
    erased = await log.erase("anna", "acme")
    assert (2, 2) == (erased.records, erased.shared)
    assert (["both2"], []) == (await names(log, BRUNO), await names(log, ANNA))
    assert (None, 4) == (await log.find("anna1"), (await log.find("both1") or pytest.fail("gone")).superseded_by)
    await log.close()
    (path,) = tmp_path.rglob("*.db")
    assert b"anna" not in path.read_bytes()
    connection = apsw.Connection(str(path))
    assert [("superseded", "0000000000000000002")] == connection.execute(
        "SELECT owner, key FROM state WHERE owner = 'superseded'"
    ).fetchall()
    connection.close()


class TestFile:
    async def test_retention_takes_everything_of_it(self, tmp_path: Path) -> None:
        """What was superseded goes with its place in the log, and leaves no row behind; so does the newest."""
        clock = Clock()
        log = await _open(tmp_path, clock=clock, retention_s=100)
        await log.append([collapsing("a1", b"a", ANNA, BRUNO), collapsing("a2", b"a", ANNA, BRUNO)])
        clock.pass_by(200)
        async with asyncio.timeout(DEADLINE_S):
            while log.first < 3 or await log.list_state(COLLAPSE, limit=5):
                await log.append([draft("later")])
                await asyncio.sleep(0.05)
        await log.append([collapsing("a3", b"a", ANNA, BRUNO)])
        assert ["a3"] == await names(log, ANNA)
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        assert [] == connection.execute("SELECT * FROM target WHERE target LIKE 's%'").fetchall()
        assert [("collapse",)] == connection.execute("SELECT owner FROM state").fetchall()
        connection.close()
        assert {"ok"} == {finding.state for finding in check(tmp_path, refuses_damage=True, deep=True)}

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            ("DELETE FROM state WHERE owner = 'superseded'", "1 records are left out as superseded"),
            ("UPDATE target SET target = 's' || char(31) || target WHERE position = 3", "1 records are left out"),
            ("DELETE FROM target WHERE position = 1", "the index of targets lacks 1 entries"),
        ],
        ids=["reason", "mark", "row"],
    )
    async def test_a_deep_check_finds_what_is_left_out_without_a_reason(
        self, tmp_path: Path, damage: str, told: str
    ) -> None:
        """A notification that no replay has must have been superseded."""
        log = await _open(tmp_path)
        await log.append([collapsing("a1", b"a"), collapsing("a2", b"a"), draft("n", ANNA)])
        await log.close()
        assert {"ok"} == {finding.state for finding in check(tmp_path, refuses_damage=True, deep=True)}
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute(damage)
        connection.close()
        found = [each.detail for each in check(tmp_path, refuses_damage=True, deep=True) if each.state == "fail"]
        assert any(told in each for each in found), found

    async def test_a_damaged_row_supersedes_nothing(self, tmp_path: Path) -> None:
        """Rather than a newer one that goes by mistake, an older one stays."""
        log = await _open(tmp_path)
        await log.append([collapsing("a1", b"a"), draft("n", ANNA)])
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute("UPDATE state SET position = 2 WHERE owner = 'collapse'")
        connection.close()
        log = await _open(tmp_path)
        await log.append([collapsing("a2", b"a")])
        assert ["a1", "n", "a2"] == await names(log, ANNA)
        await log.close()


def _fold(published: list[tuple[str, bytes | None, Target]]) -> Iterator[tuple[str, Target]]:
    newest = {(digest, target): name for name, digest, target in published if digest is not None}
    for name, digest, target in published:
        if digest is None or newest[digest, target] == name:
            yield name, target


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from([None, b"a", b"b"]), st.sampled_from([ANNA, BRUNO, ACME, EVERYONE])),
            min_size=1,
            max_size=5,
        ),
        max_size=8,
    )
)
def test_any_reader_sees_the_log_folded(batches: list[list[tuple[bytes | None, Target]]]) -> None:
    """After any publishes, a replay from the start, in pages of any size, is the fold of all that was published."""

    async def run() -> None:
        with TemporaryDirectory() as folder:
            log = await _open(Path(folder))
            published: list[tuple[str, bytes | None, Target]] = []
            for batch in batches:
                drafts = []
                for digest, target in batch:
                    name = f"n{len(published)}"
                    published.append((name, digest, target))
                    # A digest is of the targets, too.
                    named = None if digest is None else digest + target.encode()
                    drafts.append(msgspec.structs.replace(draft(name, target), collapse=named))
                await log.append(drafts)
                for targets in ((ANNA, ACME, EVERYONE), (BRUNO, ACME, EVERYONE)):
                    expected = [name for name, target in _fold(published) if target in targets]
                    records = await drain(log, *targets, page=2)
                    assert expected == [msgspec.json.decode(record.payload)["id"] for record in records]
            await log.close()
            assert {"ok"} == {finding.state for finding in check(Path(folder), refuses_damage=True, deep=True)}

    asyncio.run(run())


async def _open(folder: Path, *, clock: Clock | None = None, retention_s: float = 86_400) -> SqliteLog:
    clock = clock or Clock()
    return await open_sqlite_log(
        folder / LOG_NAME,
        now=clock,
        retention_s=retention_s,
        retention_records=1_000_000,
        idempotency_s=86_400,
        max_pending=100,
        monotonic=clock.monotonic,
    )
