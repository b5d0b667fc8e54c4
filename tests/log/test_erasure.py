"""Erasing a person: what was for them alone is gone from every file, and all else is as it was."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from hub.errors import StorageUnavailable
from hub.log.inbox import Inbox, InboxQuery
from hub.log.port import Appended, Change, Draft, Erased, Kind, Record
from hub.log.sqlite import erasure
from hub.log.sqlite.check import check
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.schema import LOG_NAME
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.log.engines import Clock, draft, drain, wait_until

#: As Brazil's documents of persons are numbered.
CPF = "12345678909"
OTHERS = [f"{number:011d}" for number in range(20_000_000_000, 20_000_000_060)]
ACCOUNTS = ["acme", "bolt", "cord"]
ME = user_target("acme", CPF)


class TestErasure:
    async def test_removes_what_is_the_persons_and_nothing_else(self, tmp_path: Path) -> None:
        """Records for the user alone, the user among others, rows of state and keys; and it says how much."""
        log = await _open(tmp_path)
        other = user_target("acme", "other")
        await log.append(
            [
                draft("mine", ME, key=b"mine"),
                draft("ours", ME, other, key=b"ours"),
                draft("the account's", account_target("acme")),
                draft("everybody's", EVERYONE),
                draft("my namesake's", user_target("bolt", CPF)),
                _state("read", ME, Change(f"inbox{ME}", "1", b"r-", ends=1), Change("deadline", "1", b"", person=ME)),
                _state("read", other, Change(f"inbox{other}", "1", b"r-", ends=1)),
                Draft(id="n", targets=(ME,), payload=b"{}", changes=(Change("deadline", "2", b""),)),
                draft("revoked", CONTROL),
            ]
        )
        erased = await log.erase(CPF, "acme")
        told = Erased(persons=(ME,), records=3, shared=1, states=3, keys=1, final=True, ids={ME: ("mine", "ours", "n")})
        assert told == erased
        assert [] == await drain(log, ME)
        assert ["ours", "the account's", "everybody's"] == [
            record.payload.decode().split('"')[3]
            for record in await drain(log, other, account_target("acme"), EVERYONE)
        ]
        assert 1 == len(await drain(log, user_target("bolt", CPF)))
        assert 1 == len(await drain(log, CONTROL))
        assert ([], 1) == (
            await log.list_state("deadline", limit=9),
            len(await log.list_state(f"inbox{other}", limit=9)),
        )
        # The key is free again, the one of the notification that others have is not.
        again, kept = await log.append([draft("mine", ME, key=b"mine"), draft("ours", ME, other, key=b"ours")])
        assert isinstance(again, Appended)
        assert isinstance(kept, Appended)
        assert (False, True) == (again.duplicate, kept.duplicate)
        await log.close()
        assert {"ok"} == _check(tmp_path)

    async def test_in_every_account_if_none_is_named(self, tmp_path: Path) -> None:
        """Also where only a row of state is left of the user in an account."""
        log = await _open(tmp_path)
        alone = user_target("zeta", CPF)
        await log.append(
            [draft("a", user_target(account, CPF), user_target(account, f"{CPF}0")) for account in ACCOUNTS]
        )
        await log.append([_state("s", EVERYONE, Change("muted", alone, b"", person=alone))])
        erased = await log.erase(CPF, None)
        assert ({user_target(account, CPF) for account in [*ACCOUNTS, "zeta"]}, 0, 3, 1) == (
            {*erased.persons},
            erased.records,
            erased.shared,
            erased.states,
        )
        assert 1 == len(await drain(log, user_target("acme", f"{CPF}0")))
        await log.close()

    async def test_once_more_finds_nothing(self, tmp_path: Path) -> None:
        """An erasure that is repeated, or of a user whom the log never saw, removes nothing."""
        log = await _open(tmp_path)
        await log.append([draft("mine", ME)])
        await log.erase(CPF, "acme")
        nothing = Erased(persons=(ME,), records=0, shared=0, states=0, keys=0, final=True)
        assert nothing == await log.erase(CPF, "acme")
        assert () == (await log.erase("never seen", None)).persons
        await log.close()

    async def test_the_log_goes_on_meanwhile_and_afterwards(self, tmp_path: Path) -> None:
        """Publishes are stored between its slices, positions stay, and nobody is told of damage or a gap."""
        log = await _open(tmp_path)
        await log.append([draft(f"n{number}", ME if number % 2 else EVERYONE) for number in range(3_000)])
        erasing = asyncio.create_task(log.erase(CPF, "acme"))
        stored = 0
        while not erasing.done():
            await log.append([draft(f"m{stored}")])
            stored += 1
        erased = await erasing
        assert 1_500 == erased.records
        assert tuple(f"n{number}" for number in range(3_000) if number % 2)[-1_000:] == erased.ids[ME]
        assert stored > 1
        assert (3_000 + stored, 1, 0) == (log.head, log.first, log.damaged)
        records = await drain(log, EVERYONE)
        assert 1_500 + stored == len(records)
        assert not any(record.is_damaged for record in records)
        again = [record async for record in _read_every(log)]
        assert [*range(1, log.head + 1)] == [record.position for record in again]
        assert not any(record.is_damaged for record in again)
        await log.close()
        assert {"ok"} == _check(tmp_path)

    async def test_an_inbox_has_nothing_of_it(self, tmp_path: Path) -> None:
        """Neither list nor count, and no id of it can be named."""
        log = await _open(tmp_path)
        await log.append([Draft(id="n", targets=(ME,), payload=b'{"type":"t","id":"n"}', type="t")])
        inbox = Inbox(person=ME, targets=(ME, account_target("acme"), EVERYONE))
        assert 1 == await log.count_unread(inbox)
        await log.erase(CPF, "acme")
        page = await log.list_inbox(inbox, InboxQuery(limit=9, limit_bytes=1_000))
        assert ([], 0) == (page.items, page.unread)
        assert {} == (await log.look_at_inbox(inbox, ["n", ""], read_until=None)).positions
        assert None is await log.find("n")
        await log.close()

    async def test_a_closing_log_says_so(self, tmp_path: Path) -> None:
        """Who waits for an erasure is not left waiting, and it can be begun again."""
        log = await _open(tmp_path)
        await log.append([draft(f"n{number}", ME) for number in range(3_000)])
        erasing = asyncio.create_task(log.erase(CPF, "acme"))
        await asyncio.sleep(0)
        await log.close()
        with pytest.raises(StorageUnavailable):
            await erasing
        with pytest.raises(StorageUnavailable):
            await log.erase(CPF, "acme")
        again = await _open(tmp_path)
        left = len(await drain(again, ME))
        assert left == (await again.erase(CPF, "acme")).records
        await again.close()
        assert {"ok"} == _check(tmp_path)

    async def test_a_damaged_record_is_gone_as_well(self, tmp_path: Path) -> None:
        """Whatever it says, nothing of it stays."""
        log = await _open(tmp_path)
        await log.append([draft("a", ME, payload=b'{"cpf":"%s"}' % CPF.encode()), draft("b")])
        await log.close()
        connection = apsw.Connection(str(tmp_path / LOG_NAME))
        connection.execute("UPDATE record SET targets = 'no JSON' WHERE position = 1")
        connection.close()
        log = await _open(tmp_path)
        assert 1 == (await log.erase(CPF, "acme")).records
        await log.close()
        assert 0 == _count_traces(tmp_path)


class TestFiles:
    @pytest.mark.parametrize("kept", [10**6, 1_500], ids=["all are there", "retention has taken most"])
    async def test_no_file_has_a_byte_of_it(self, tmp_path: Path, kept: int) -> None:
        """After many splits of pages, records of all sizes and retention, a search of the files finds no trace."""
        log = await _open(tmp_path, records=kept)
        choice = random.Random(7)
        for _ in range(60):
            await log.append([_draw(choice, number) for number in range(50)])
        if kept < 3_000:
            await wait_until(lambda: log.first == log.head - kept + 1, "retention")
        assert _count_traces(tmp_path) > 100
        erased = await log.erase(CPF, None)
        assert erased.final
        assert erased.records > 20
        assert 0 == _count_traces(tmp_path)
        await log.append([draft("later")])
        await log.close()
        assert 0 == _count_traces(tmp_path)
        assert {"ok"} == _check(tmp_path)

    async def test_without_the_care_bytes_would_be_left(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The test above can fail: a plain deletion leaves them in the pages."""
        monkeypatch.setattr(erasure, "_scrub", lambda connection: False)
        monkeypatch.setattr(erasure, "_overwrite", lambda connection: connection.execute("PRAGMA secure_delete = OFF"))
        log = await _open(tmp_path)
        choice = random.Random(7)
        for _ in range(30):
            await log.append([_draw(choice, number) for number in range(50)])
        await log.erase(CPF, None)
        await log.close()
        assert _count_traces(tmp_path) > 0

    async def test_a_reader_that_stays_holds_the_last_of_it(self, tmp_path: Path) -> None:
        """While a backup reads, the write-ahead log cannot be emptied: the answer says so, and a repeat is final."""
        log = await _open(tmp_path)
        await log.append([draft("mine", ME)])
        reader = apsw.Connection(str(tmp_path / LOG_NAME))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM record").fetchall()
        assert not (await log.erase(CPF, "acme")).final
        reader.execute("COMMIT")
        reader.close()
        assert (await log.erase(CPF, "acme")).final
        assert 0 == _count_traces(tmp_path)
        await log.close()


def _draw(choice: random.Random, number: int) -> Draft:
    user_id = CPF if choice.random() < 0.03 else choice.choice(OTHERS)
    targets: tuple[Target, ...] = (user_target(choice.choice(ACCOUNTS), user_id),)
    if choice.random() < 0.1:
        targets = (*targets, user_target(choice.choice(ACCOUNTS), choice.choice(OTHERS)))
    said = user_id if len(targets) == 1 else "several"
    size = choice.choice([10, 200, 2_000, 9_000])
    text = b'{"to":"%s","text":"%s"}' % (said.encode(), b"x" * size)
    identifier = f"{choice.getrandbits(64):016x}"
    if choice.random() < 0.2:
        key = f"{choice.randrange(10**6):019d}"
        return Draft(
            id=identifier,
            targets=targets[:1],
            payload=text,
            kind=Kind.STATE,
            changes=(Change(f"inbox{targets[0]}", key, b"r-"),),
        )
    return Draft(
        id=identifier,
        targets=targets,
        payload=text,
        idempotency=choice.randbytes(32) if number % 3 else None,
        type="order",
    )


def _state(identifier: str, target: Target, *changes: Change) -> Draft:
    return Draft(id=identifier, targets=(target,), payload=b'{"id":"s"}', kind=Kind.STATE, changes=changes)


def _count_traces(folder: Path) -> int:
    return sum(path.read_bytes().count(CPF.encode()) for path in folder.glob(f"{LOG_NAME}*"))


def _check(folder: Path) -> set[str]:
    return {finding.state for finding in check(folder, refuses_damage=True, deep=True)}


async def _read_every(log: SqliteLog) -> AsyncIterator[Record]:
    """Yield what the tail would, if it read the log."""
    after = 0
    while after < log.head:
        reading = await log._readers.read_every(after, log.head, 1_000, 2**20)
        for record in reading.records:
            yield record
        after = reading.upto


async def _open(folder: Path, *, records: int = 10**6) -> SqliteLog:
    clock = Clock()
    return await open_sqlite_log(
        folder / LOG_NAME,
        now=clock,
        retention_s=1e9,
        retention_records=records,
        idempotency_s=1e6,
        max_pending=100,
        monotonic=clock.monotonic,
        checkpoint_bytes=200_000,
    )
