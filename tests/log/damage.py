"""A log whose files are kept as they were, to be damaged again and again, and what must be true of it afterwards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hub.cursor import Epoch
from hub.errors import HubError
from hub.log.port import Appended, Draft, Log, Record
from hub.log.sqlite.log import SqliteLog, open_sqlite_log
from hub.log.sqlite.opening import OnDamage
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.log.engines import Clock, drain

__all__ = ["Outcome", "Specimen", "make_specimen"]

ANNA, BRUNO, ACME = user_target("acme", "anna"), user_target("acme", "bruno"), account_target("acme")
READERS: tuple[Sequence[Target], ...] = ((ANNA, ACME, EVERYONE), (BRUNO, ACME, EVERYONE), (account_target("rival"),))
_CONTROLS = 4


class Outcome(NamedTuple):
    """What became of a damaged log: refused, told of by a new epoch, or opened with so many damaged stretches."""

    refused: str = ""
    new_epoch: bool = False
    damaged: int = 0


class Specimen:
    """The files of a log at one moment, and what was acknowledged until then."""

    def __init__(self, path: Path, clock: Clock, records: list[Record], keyed: list[Draft], epoch: Epoch) -> None:
        self.path = path
        self.epoch = epoch
        self._clock = clock
        self._records = records
        self._keyed = keyed
        self._contents = {file: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".lock"}

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the files by name."""
        return {file.name: len(content) for file, content in self._contents.items()}

    def put_back(self) -> None:
        """Make the files what they were; each stays the same file where it is still there."""
        for file in self.path.parent.iterdir():
            if file.is_dir():
                for moved in file.iterdir():
                    # The log itself may be there under another name, and its mark knows it by its number.
                    if moved.name == self.path.name and moved.stat().st_ino != self.path.stat().st_ino:
                        moved.replace(self.path)
                    else:
                        moved.unlink()
                file.rmdir()
            elif file not in self._contents and file.suffix != ".lock":
                file.unlink()
        for file, content in self._contents.items():
            file.write_bytes(content)

    def flip(self, choice: random.Random, name: str) -> str:
        """Flip one bit of a file, anywhere; return which."""
        file = self.path.with_name(name)
        content = bytearray(file.read_bytes())
        bit = choice.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        file.write_bytes(content)
        return f"bit {bit % 8} of byte {bit // 8} of {name}"

    async def open(self, on_damage: OnDamage = "new-epoch") -> SqliteLog:
        """Open the log as a hub would."""
        return await _open(self.path, self._clock, on_damage)

    async def judge(self, on_damage: OnDamage = "new-epoch") -> Outcome:
        """Open the log and hold it to what must be true of it, however it was damaged."""
        try:
            log = await self.open(on_damage)
        except HubError as error:
            return Outcome(refused=str(error))
        try:
            controls = await drain(log, CONTROL)
            assert [record.payload for record in self._records if CONTROL in record.targets] == [
                record.payload for record in controls
            ], "a revocation was lost, forged or changed"
            damaged = 0
            if log.epoch == self.epoch:
                for targets in READERS:
                    damaged += self._compare(targets, await drain(log, *targets))
            await self._repeat(log)
            return Outcome(new_epoch=log.epoch != self.epoch, damaged=damaged)
        finally:
            await log.close()

    def _compare(self, targets: Sequence[Target], found: list[Record]) -> int:
        """Hold what a reader gets to what it should: each record as it was, or announced as lost, and nothing else."""
        wanted = {record.position: record for record in self._records if not set(targets).isdisjoint(record.targets)}
        after = 0
        for record in found:
            between = [position for position in wanted if after < position < record.position]
            assert record.position > after, "not in order"
            if record.is_damaged:
                between = []
            else:
                assert wanted.get(record.position) == record, "changed, or somebody else's"
            assert not between, f"positions {between} were lost in silence"
            after = record.position
        left = [position for position in wanted if position > after]
        assert not left, f"positions {left} were lost in silence"
        return sum(record.is_damaged for record in found)

    async def _repeat(self, log: Log) -> None:
        """Publish once more under each key: the answer is the first one's, or the repeat is stored as new."""
        head = log.head
        for draft, result in zip(self._keyed, await log.append(self._keyed), strict=True):
            assert isinstance(result, Appended)
            position = next(record.position for record in self._records if record.payload == draft.payload)
            assert result.position > head or (draft.id, position, True) == (
                result.id,
                result.position,
                result.duplicate,
            ), "another publish's receipt"


async def make_specimen(folder: Path, *, closed: bool) -> Specimen:
    """Publish into a log in `folder` and keep its files: closed in order, or as a kill would leave them."""
    clock = Clock()
    path = folder / "log"
    # Where it is not closed, half of it is in the file and half in the write-ahead log.
    log = await _open(path, clock, "refuse", checkpoint_bytes=8 * 2**20 if closed else 200_000)
    drafts = [_draft(number, clock.now_s) for number in range(120)]
    records: list[Record] = []
    for start in range(0, len(drafts), 10):
        for draft, result in zip(drafts[start:], await log.append(drafts[start : start + 10]), strict=False):
            assert isinstance(result, Appended)
            records.append(Record(result.position, draft.targets, draft.payload, draft.expires_at_s))
    epoch = log.epoch
    keyed = [draft for draft in drafts if draft.idempotency]
    if not closed:
        specimen = Specimen(path, clock, records, keyed, epoch)
        await log.close()
        return specimen
    await log.close()
    return Specimen(path, clock, records, keyed, epoch)


def _draft(number: int, now_s: float) -> Draft:
    targets = ((ANNA,), (BRUNO,), (ACME,), (EVERYONE,), (ANNA, BRUNO), (account_target("rival"),))[number % 6]
    if number % (120 // _CONTROLS) == 7:
        targets = (CONTROL,)
    size = 6_000 if number % 40 == 11 else 40 + number
    return Draft(
        id=f"id-{number}",
        targets=targets,
        payload=b'{"n":%d,"x":"%s"}' % (number, b"x" * size),
        idempotency=b"key-%d" % number * 4 if number % 4 == 0 else None,
        body_digest=b"body-%d" % number,
        expires_at_s=now_s + 86_400 if number % 5 == 0 or targets == (CONTROL,) else None,
    )


async def _open(path: Path, clock: Clock, on_damage: OnDamage, *, checkpoint_bytes: int = 8 * 2**20) -> SqliteLog:
    return await open_sqlite_log(
        path,
        now=clock,
        retention_s=1e6,
        retention_records=10**6,
        idempotency_s=1e6,
        max_pending=100,
        on_damage=on_damage,
        checkpoint_bytes=checkpoint_bytes,
    )
