"""Whatever happens to the log's files, no acknowledged record is lost in silence and nothing false is told."""

from __future__ import annotations

import random
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hub.log.sqlite.log import open_sqlite_log
from tests.log.damage import make_specimen
from tests.log.engines import Clock, draft, drain, wait_until
from tests.log.test_sqlite import _open

_FLIPS = 250
_FLIPS_SOAK = 2_500


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory, where a sync costs nothing: thousands of logs are opened there."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=place if place.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


async def _flip_bits(folder: Path, *, closed: bool, name: str, flips: int) -> Counter[str]:
    specimen = await make_specimen(folder, closed=closed)
    choice = random.Random(f"{closed} {name}")
    seen: Counter[str] = Counter()
    for _ in range(flips):
        specimen.put_back()
        flipped = specimen.flip(choice, name)
        try:
            outcome = await specimen.judge()
        except Exception as error:
            raise AssertionError(f"{flipped}: {error}") from error
        seen["refused" if outcome.refused else "told" if outcome.new_epoch or outcome.damaged else "harmless"] += 1
    return seen


#: In order or as a kill leaves it, and the file that is damaged: together they hold every record.
_CASES = [(True, "log"), (False, "log"), (False, "log-wal"), (True, "log.mark")]


class TestFlippedBits:
    @pytest.mark.parametrize(("closed", "name"), _CASES)
    async def test_a_flipped_bit_loses_and_forges_nothing_in_silence(
        self, memory: Path, closed: bool, name: str
    ) -> None:
        """One bit anywhere in a file, 1,000 times in all: each record comes as it was, or its loss is told."""
        seen = await _flip_bits(memory, closed=closed, name=name, flips=_FLIPS)
        assert _FLIPS == sum(seen.values())
        # The mark has room for two, and mostly holds nothing; the log itself was not touched.
        assert (name == "log.mark") == (not seen["told"])

    @pytest.mark.soak
    @pytest.mark.parametrize(("closed", "name"), _CASES)
    async def test_ten_thousand_flipped_bits(self, memory: Path, closed: bool, name: str) -> None:
        """The same, 10,000 times in all."""
        assert _FLIPS_SOAK == sum((await _flip_bits(memory, closed=closed, name=name, flips=_FLIPS_SOAK)).values())


def _null(path: Path, column: str) -> None:
    """Take a column's value out of the second record."""
    disk = apsw.Connection(str(path))
    # What a file's schema forbids, its bytes may hold.
    disk.pragma("writable_schema", 1)
    disk.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'record'")
    disk.close()
    disk = apsw.Connection(str(path))
    disk.execute(f"UPDATE record SET {column} = NULL WHERE position = 2")
    disk.close()


class TestReading:
    async def test_a_position_that_is_missing_is_damage(self, tmp_path: Path) -> None:
        """The tail that reads the log itself meets each hole, and passes none over."""
        log = await _open(tmp_path / "log")
        await log.append([draft(str(number)) for number in range(1, 10)])
        disk = apsw.Connection(str(tmp_path / "log"))
        disk.execute("DELETE FROM record WHERE position IN (1, 4, 5, 9)")
        disk.close()
        reading = await log._readers.read_every(0, 9, 100, 2**20)
        assert [(1, True), (2, False), (3, False), (5, True), (6, False), (7, False), (8, False), (9, True)] == [
            (record.position, record.is_damaged) for record in reading.records
        ]
        reading = await log._readers.read_every(2, 9, 2, 2**20)
        assert ([3, 5, 6], 6) == ([record.position for record in reading.records], reading.upto)
        await log.close()

    async def test_targets_that_are_not_utf_8_are_damage_in_their_place(self, tmp_path: Path) -> None:
        """A flipped high bit in an id damages that record alone, and not the page that it is on."""
        log = await _open(tmp_path / "log")
        await log.append([draft(str(number)) for number in range(1, 4)])
        disk = apsw.Connection(str(tmp_path / "log"))
        disk.execute("UPDATE record SET targets = CAST(x'5b22ff225d' AS TEXT) WHERE position = 2")
        disk.close()
        reading = await log._readers.read_every(0, 3, 100, 2**20)
        assert [(1, False), (2, True), (3, False)] == [
            (record.position, record.is_damaged) for record in reading.records
        ]
        await log.close()

    async def test_a_page_that_sqlite_cannot_read_is_damage_up_to_the_end(self, tmp_path: Path) -> None:
        """A reader that would meet it again and again is told once, and goes on behind it."""
        path = tmp_path / "log"
        log = await _open(path)
        await log.append([draft(str(number), payload=b"x" * 900) for number in range(1, 200)])
        await log.close()
        log = await _open(path)
        content = bytearray(path.read_bytes())
        spoilt = [at for at in range(8_192, len(content), 4_096) if content[at : at + 4_096].count(b"x") > 2_000]
        for at in spoilt[5:]:
            content[at : at + 100] = b"\xff" * 100
        path.write_bytes(content)
        found = await drain(log)
        assert found[-1].is_damaged
        assert (199, 199) == (found[-1].position, log.head)
        assert [record.position for record in found if not record.is_damaged] == list(range(1, len(found)))
        await log.close()

    async def test_an_expiry_that_a_flipped_bit_set_hides_nothing(self, tmp_path: Path) -> None:
        """What expired is left out; what only looks so is damage."""
        log = await _open(tmp_path / "log")
        await log.append([draft("a", expires_at_s=Clock().now_s + 60), draft("b", expires_at_s=Clock().now_s - 60)])
        disk = apsw.Connection(str(tmp_path / "log"))
        disk.execute("UPDATE record SET expires_ms = 5 WHERE position = 1")
        disk.close()
        assert [(1, True)] == [(record.position, record.is_damaged) for record in await drain(log)]
        await log.close()

    @pytest.mark.parametrize("column", ["id", "targets", "payload", "created_s", "checksum"])
    async def test_a_column_that_vanished_spoils_its_own_record_alone(self, tmp_path: Path, column: str) -> None:
        """A page is cut up by sizes: what is missing in one record moves nothing of the next ones."""
        log = await _open(tmp_path / "log")
        await log.append([draft(str(number)) for number in range(1, 6)])
        _null(tmp_path / "log", column)
        found = await drain(log)
        assert [(number, number == 2) for number in range(1, 6)] == [(each.position, each.is_damaged) for each in found]
        await log.close()

    @pytest.mark.parametrize("heavy", [10, 2_000])
    async def test_a_control_that_vanished_from_what_expired_harms_nothing(self, tmp_path: Path, heavy: int) -> None:
        """One flipped bit makes SQLite's 0 a NULL; what comes before and after that record is read all the same."""
        log = await _open(tmp_path / "log")
        first, last = draft("1", payload=b"x" * heavy), draft("3", payload=b"x" * heavy)
        await log.append([first, draft("2", expires_at_s=Clock().now_s - 60), last])
        _null(tmp_path / "log", "control")
        assert [(1, False), (3, False)] == [(each.position, each.is_damaged) for each in await drain(log)]
        await log.close()

    async def test_a_control_that_vanished_hides_no_record_from_a_search(self, tmp_path: Path) -> None:
        """What a replay brings is found by its id too, and what was never there is not."""
        log = await _open(tmp_path / "log")
        await log.append([draft(str(number)) for number in range(1, 4)])
        _null(tmp_path / "log", "control")
        found = [await log.find(str(number)) for number in range(1, 5)]
        assert [1, 2, 3, None] == [each and each.record.position for each in found]
        assert [1, 2, 3] == [each.position for each in await drain(log)]
        await log.close()

    async def test_retention_passes_damage(self, tmp_path: Path) -> None:
        """A record that holds no JSON any more goes in its time, and the log stays writable."""
        log = await open_sqlite_log(
            tmp_path / "log", now=Clock(), retention_s=1e6, retention_records=2, idempotency_s=1e6, max_pending=9
        )
        disk = apsw.Connection(str(tmp_path / "log"))
        for number in range(8):
            await log.append([draft(str(number))])
            disk.execute("UPDATE record SET targets = '[\"' WHERE position = (SELECT max(position) FROM record)")
        disk.close()
        await wait_until(lambda: log.first >= 6, "retention")
        assert log.writable
        await log.close()

    async def test_retention_that_meets_a_damaged_page_leaves_publishers_alone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It says so and rests; what is old only stays for longer."""
        log = await _open(tmp_path / "log")
        purged = threading.Event()

        def purge(*arguments: object, **named: object) -> object:
            purged.set()
            raise apsw.CorruptError("database disk image is malformed")

        monkeypatch.setattr("hub.log.sqlite.retention.Retention.purge", purge)
        await log.append([draft("a")])
        await wait_until(purged.is_set, "retention")
        await wait_until(lambda: "rests for an hour" in caplog.text, "a line")
        await log.append([draft("b")])
        assert log.writable
        await log.close()
        assert 1 == caplog.text.count("rests for an hour")
