"""The state index: every change is part of a record, the newest of each key counts, and it outlives its record."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.log.port import Appended, Change, Draft, Entry, Kind, Log
from hub.log.sqlite.check import check
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.schema import LOG_NAME
from hub.target import CONTROL, EVERYONE, user_target
from tests.log.conftest import OpenLog
from tests.log.engines import DEADLINE_S, Clock, Follower, draft, drain

ANNA, BRUNO = user_target("acme", "anna"), user_target("acme", "bruno")
_SCHEMA_2 = (Path(__file__).parent / "schema_2.sql").read_text()
LIGHT = 1_000_000


def change(identifier: str, *changes: Change, key: bytes | None = None) -> Draft:
    """Return the draft of a state record of Anna's."""
    return Draft(
        id=identifier,
        targets=(ANNA,),
        payload=b'{"id":"%s"}' % identifier.encode(),
        kind=Kind.STATE,
        changes=changes,
        idempotency=key,
    )


class TestIndex:
    async def test_the_newest_change_of_each_key_counts(self, log: Log) -> None:
        """A later one replaces or removes it, within a record, a transaction, and over several."""
        await log.append([change("a", Change("o", "1", b"x"), Change("o", "2", b"y"), Change("o", "1", b"z"))])
        assert Entry("o", "1", b"z", 1) == await log.read_state("o", "1")
        await log.append([change("b", Change("o", "2", None)), change("c", Change("o", "3", b""))])
        assert [Entry("o", "1", b"z", 1), Entry("o", "3", b"", 3)] == await log.list_state("o", limit=10)
        await log.append([change("d", Change("o", "3", None)), change("e", Change("o", "3", b"again"))])
        assert Entry("o", "3", b"again", 5) == await log.read_state("o", "3")
        assert None is await log.read_state("o", "2")
        assert None is await log.read_state("other", "1")

    async def test_a_notification_may_change_state_with_its_own_record(self, log: Log) -> None:
        """A deadline comes with its notification, which is delivered as any other is."""
        (stored,) = await log.append([Draft(id="n", targets=(ANNA,), payload=b"{}", changes=(Change("d", "1", b"v"),))])
        assert isinstance(stored, Appended)
        assert Entry("d", "1", b"v", stored.position) == await log.read_state("d", "1")
        assert [Kind.NOTIFICATION] == [record.kind for record in await drain(log, ANNA)]

    async def test_a_repeat_changes_nothing(self, log: Log) -> None:
        """Under an idempotency key the first draft's changes are made, and no other's."""
        await log.append(
            [change("a", Change("o", "1", b"first"), key=b"k"), change("b", Change("o", "1", b"2"), key=b"k")]
        )
        await log.append([change("c", Change("o", "1", b"third"), key=b"k")])
        assert Entry("o", "1", b"first", 1) == await log.read_state("o", "1")

    async def test_changes_among_many_drafts(self, log: Log) -> None:
        """However many drafts share the transaction, each change is made, and each notification stored."""
        drafts = [
            draft(f"n{number}") if number % 3 else change(f"s{number}", Change("o", f"{number:03}", b"v"))
            for number in range(300)
        ]
        await log.append(drafts)
        assert [f"{number:03}" for number in range(0, 300, 3)] == [
            entry.key for entry in await log.list_state("o", limit=1_000)
        ]
        assert 200 == len(await drain(log, EVERYONE))

    async def test_rows_are_listed_in_pages_in_the_order_of_keys(self, log: Log) -> None:
        """`after` is left out, `upto` is let in; of several owners nobody's row falls between two pages."""
        await log.append(
            [change("a", *(Change(owner, f"{key}", b"") for key in range(9) for owner in ("p", "q", "r")))]
        )
        assert ["3", "4", "5"] == [entry.key for entry in await log.list_state("p", after="2", upto="5", limit=9)]
        assert ["3", "4"] == [entry.key for entry in await log.list_state("p", after="2", upto="5", limit=2)]
        after, listed = "", []
        while page := await log.list_state(["q", "p", "q"], after=after, limit=5):
            assert 5 <= len(page) <= 6
            listed += [(entry.key, entry.owner) for entry in page]
            after = page[-1].key
        assert [(f"{key}", owner) for key in range(9) for owner in ("p", "q")] == listed
        assert [] == await log.list_state([], limit=5)
        assert [] == await log.list_state("p", limit=0)
        with pytest.raises(ValueError, match="100 owners"):
            await log.list_state([str(number) for number in range(101)], limit=5)

    async def test_survives_a_restart(self, open_log: OpenLog) -> None:
        """What was acknowledged is there in the next life."""
        log = await open_log()
        await log.append([change("a", Change("o", "1", b"\x00\xff"))])
        await log.close()
        assert Entry("o", "1", b"\x00\xff", 1) == await (await open_log()).read_state("o", "1")

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_equals_the_changes_folded_from_the_start(
        self, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """Whatever was put and removed in whatever batches, restarts between them, the index is the fold."""
        changes = st.builds(Change, st.sampled_from("pq"), st.sampled_from("123"), st.none() | st.binary(max_size=3))
        batches = data.draw(st.lists(st.lists(st.lists(changes, max_size=4), min_size=1, max_size=3), max_size=6))

        async def run() -> None:
            folder = tmp_path_factory.mktemp("fold")
            log = await _open(folder / LOG_NAME)
            expected: dict[tuple[str, str], Entry] = {}
            position = 0
            for batch in batches:
                for each in batch:
                    position += 1
                    for one in each:
                        expected.pop((one.owner, one.key), None)
                        if one.value is not None:
                            expected[one.owner, one.key] = Entry(one.owner, one.key, one.value, position)
                await log.append([change("x", *each) for each in batch])
                assert sorted(expected.values(), key=lambda entry: (entry.key, entry.owner)) == await log.list_state(
                    ["p", "q"], limit=100
                )
            await log.close()
            again = await _open(folder / LOG_NAME)
            assert len(expected) == len(await again.list_state(["p", "q"], limit=100))
            await again.close()
            assert {"ok"} == {finding.state for finding in check(folder, refuses_damage=True, deep=True)}

        asyncio.run(run())


class TestRecords:
    async def test_only_those_that_ask_read_state_records(self, log: Log) -> None:
        """They are left out of all other readings, shorten no page of them, and positions go on all the same."""
        await log.append(
            [draft("a", ANNA), *(change(f"s{n}", Change("o", "1", b"")) for n in range(20)), draft("b", ANNA)]
        )
        plain = await log.read([ANNA], after=0, upto=22, limit=2, limit_bytes=LIGHT)
        assert ([1, 22], 22) == ([record.position for record in plain.records], plain.upto)
        told = await log.read([ANNA], after=0, upto=22, limit=100, limit_bytes=LIGHT, with_states=True)
        assert [Kind.NOTIFICATION, *[Kind.STATE] * 20, Kind.NOTIFICATION] == [record.kind for record in told.records]
        assert [] == await drain(log, BRUNO)

    async def test_a_page_of_state_records_alone_is_empty_and_goes_on(self, log: Log) -> None:
        """A reader that does not know them comes past them."""
        await log.append([change(f"s{n}", Change("o", "1", b"")) for n in range(3_000)])
        reading = await log.read([ANNA], after=0, upto=3_000, limit=5, limit_bytes=LIGHT)
        assert ([], 3_000) == (reading.records, reading.upto)

    async def test_the_tail_has_all_kinds(self, log: Log) -> None:
        """Each record comes with its kind, live and read again."""
        follower = Follower(log.follow())
        await log.append([draft("n"), change("s", Change("o", "1", b"")), draft("c", CONTROL)])
        await follower.wait_for(3)
        assert [Kind.NOTIFICATION, Kind.STATE, Kind.CONTROL] == [record.kind for record in follower.records]

    async def test_state_of_the_hub_alone_is_no_revocation(self, open_log: OpenLog) -> None:
        """A state record for the hub itself is not among the control records, and the log opens with it."""
        log = await open_log()
        claim = Draft(id="c", targets=(CONTROL,), payload=b"{}", kind=Kind.STATE, changes=(Change("claim", "1", b""),))
        await log.append([claim, draft("r", CONTROL)])
        assert [2] == [record.position for record in await drain(log, CONTROL)]
        await log.close()
        again = await open_log()
        assert (log.epoch, [2]) == (again.epoch, [record.position for record in await drain(again, CONTROL)])

    async def test_is_not_found_by_an_id(self, log: Log) -> None:
        """Only notifications are traced."""
        await log.append([change("s", Change("o", "1", b""))])
        assert None is await log.find("s")


class TestRetention:
    async def test_rows_outlive_their_records_unless_they_end(self, tmp_path: Path) -> None:
        """A preference stays when retention has taken its record; a read flag goes with its notification."""
        clock = Clock()
        log = await _open(tmp_path / LOG_NAME, clock=clock, retention_s=100)
        await log.append([draft("n", ANNA), change("s", Change("flags", "1", b"r", ends=1), Change("muted", "t", b""))])
        await log.append([change("r", Change("flags", "9", b"r", ends=9))])
        clock.pass_by(200)
        async with asyncio.timeout(DEADLINE_S):
            while log.first < 4 or await log.list_state("flags", upto="5", limit=5):
                await log.append([draft("later")])
                await asyncio.sleep(0.05)
        assert Entry("muted", "t", b"", 2) == await log.read_state("muted", "t")
        assert Entry("flags", "9", b"r", 3) == await log.read_state("flags", "9")
        await log.close()
        assert {"ok"} == {finding.state for finding in check(tmp_path, refuses_damage=True, deep=True)}


class TestFile:
    async def test_a_log_of_schema_2_goes_on(self, tmp_path: Path) -> None:
        """Epoch, records, revocations, keys and checksums are what they were, and state can be kept."""
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute(_SCHEMA_2)
        connection.close()
        # A hub of that schema had a mark, so a missing one is told of, not made up.
        log = await _open(tmp_path / LOG_NAME)
        assert "jyjfsnpeqy" != log.epoch
        await log.close()
        (tmp_path / f"{LOG_NAME}.mark").unlink()
        (tmp_path / LOG_NAME).unlink()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute(_SCHEMA_2)
        connection.close()
        _write_mark(tmp_path / LOG_NAME)
        log = await _open(tmp_path / LOG_NAME)
        assert ("jyjfsnpeqy", 3, 1) == (log.epoch, log.head, log.first)
        assert [b'{"id":"third"}'] == [record.payload for record in await drain(log, ANNA)]
        assert [b'{"id":"second"}'] == [record.payload for record in await drain(log, CONTROL)]
        assert [Appended("first", 1, True)] == await log.append([draft("again", key=b"key", body=b"body")])
        await log.append([change("s", Change("o", "1", b"v"))])
        await log.close()
        assert {"ok"} == {finding.state for finding in check(tmp_path, refuses_damage=True, deep=True)}
        again = await _open(tmp_path / LOG_NAME)
        assert ("jyjfsnpeqy", Entry("o", "1", b"v", 4)) == (again.epoch, await again.read_state("o", "1"))
        await again.close()

    @pytest.mark.parametrize(
        ("damage", "told"),
        [
            ("UPDATE state SET value = x'00' WHERE key = '1'", "1 rows of the state index are damaged"),
            ("UPDATE state SET owner = 'p' WHERE key = '1'", "1 rows of the state index are damaged"),
            ("UPDATE state SET ends = 7 WHERE key = '1'", "1 rows of the state index are damaged"),
            ("DROP INDEX state_key", "the tables are not defined as the hub defined them"),
        ],
    )
    async def test_a_deep_check_finds_damage(self, tmp_path: Path, damage: str, told: str) -> None:
        """A row that is not what was stored is found, and what it says is never returned."""
        log = await _open(tmp_path / LOG_NAME)
        await log.append([change("s", Change("o", "1", b"v"), Change("o", "2", b"w"))])
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute(damage)
        connection.close()
        findings = [
            finding.detail for finding in check(tmp_path, refuses_damage=True, deep=True) if finding.state == "fail"
        ]
        assert any(told in finding for finding in findings), findings
        if "INDEX" not in damage:
            log = await _open(tmp_path / LOG_NAME)
            assert [Entry("o", "2", b"w", 1)] == await log.list_state("o", limit=5)
            assert (None, None) == (await log.read_state("o", "1"), await log.read_state("p", "1"))
            assert 1 == log.damaged
            await log.close()

    async def test_what_is_whole_of_a_spoilt_log_is_kept(self, tmp_path: Path) -> None:
        """State moves to the new file with the revocations; what belonged to a notification is gone with it."""
        log = await _open(tmp_path / LOG_NAME)
        await log.append(
            [draft("n", ANNA), change("s", Change("muted", "t", b"v"), Change("flags", "1", b"r", ends=1))]
        )
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute("UPDATE record SET payload = x'00' WHERE position = 2")
        connection.close()
        again = await _open(tmp_path / LOG_NAME)
        assert log.epoch != again.epoch
        assert Entry("muted", "t", b"v", 2) == await again.read_state("muted", "t")
        assert [] == await again.list_state("flags", limit=5)
        await again.append([change("later", Change("muted", "t", None))])
        assert None is await again.read_state("muted", "t")
        await again.close()

    async def test_one_bit_never_changes_what_is_read(self, tmp_path: Path) -> None:
        """With any one bit of the file flipped, a row is returned as it was stored, or not at all."""
        log = await _open(tmp_path / LOG_NAME)
        await log.append([change(f"s{n}", Change("o", f"{n:02}", b"value-%d" % n)) for n in range(40)])
        expected = {entry.key: entry for entry in await log.list_state("o", limit=100)}
        await log.close()
        content = (tmp_path / LOG_NAME).read_bytes()
        choice = random.Random(11)
        for number in range(40):
            folder = tmp_path / str(number)
            folder.mkdir()
            damaged = bytearray(content)
            # The pages behind the first three hold the tables.
            bit = choice.randrange(3 * 4_096 * 8, len(damaged) * 8)
            damaged[bit // 8] ^= 1 << bit % 8
            (folder / LOG_NAME).write_bytes(damaged)
            _write_mark(folder / LOG_NAME, mark_of=tmp_path / LOG_NAME)
            log = await _open(folder / LOG_NAME)
            for entry in await log.list_state("o", limit=100):
                assert expected[entry.key] == entry
            await log.close()


def _write_mark(path: Path, *, mark_of: Path | None = None) -> None:
    from hub.log.sqlite.mark import Mark, MarkFile, read_mark

    inode = path.stat().st_ino
    if mark_of is None:
        from hub.cursor import Epoch

        mark = Mark(Epoch("jyjfsnpeqy"), 3, 1, inode)
    else:
        known = read_mark(mark_of)
        assert known is not None
        mark = Mark(known.epoch, known.head, known.controls, inode)
    file = MarkFile(path)
    file.write(mark)
    file.close()


async def _open(path: Path, *, clock: Clock | None = None, retention_s: float = 1e7) -> SqliteLog:
    clock = clock or Clock()
    return await open_sqlite_log(
        path,
        now=clock,
        retention_s=retention_s,
        retention_records=10**6,
        idempotency_s=1e6,
        max_pending=100,
        monotonic=clock.monotonic,
    )
