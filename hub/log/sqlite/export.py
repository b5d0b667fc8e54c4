"""Everything that the log of a hub alone holds, in the form in which a stream of several nodes takes it.

The positions from the log's first to its newest stay. Before them are, at positions of their own, the records that
outlive retention: revocations, and records whose rows are still in the state index.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import apsw
import msgspec

from hub.cursor import Epoch
from hub.errors import SettingsError
from hub.log.port import Change, Draft, Kind, Placed
from hub.log.sqlite.audit import check_all
from hub.log.sqlite.batch import number_type
from hub.log.sqlite.schema import LogFile, close_connection, is_outdated, open_reader, read_extent
from hub.target import NOBODY, Target, superseded_target

__all__ = ["Export", "read_export"]

_PAGE = 500
_RECORDS = """SELECT r.position, r.id, CAST(r.created_s * 1000 + 0.5 AS INTEGER), r.expires_ms, r.control, r.targets,
r.payload, i.key, i.body FROM record r LEFT JOIN idempotency i ON i.position = r.position
WHERE r.position > ? AND r.position <= ? ORDER BY r.position LIMIT ?"""
_DIGEST = "SELECT digest FROM target WHERE target IN (?, ?) AND position = ?"
_STATES = """SELECT position, owner, key, value, person, ends FROM state WHERE position > ? AND position <= ?
ORDER BY position, number"""
_OLD = """SELECT position FROM record WHERE position < :first UNION
SELECT position FROM state WHERE position < :first ORDER BY 1"""

_Row: TypeAlias = tuple[int, str, int, int | None, int, str, bytes, bytes | None, bytes | None]
_State: TypeAlias = tuple[int, str, str, bytes, str | None, int | None]
_decode_targets = msgspec.json.Decoder(tuple[Target, ...]).decode


class _Tagged(msgspec.Struct):
    type: str | None = None


_decode_tag = msgspec.json.Decoder(_Tagged).decode


class Export:
    """An open log, read from its beginning to its end; `close` it.

    `start` is the first position of what is yielded, `first` the one that a client's cursor may follow.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        connection.execute("BEGIN")
        extent = read_extent(connection)
        damage = [defect.text for defect in check_all(connection, extent)]
        if damage:
            raise SettingsError(f"the log is damaged: {'; '.join(damage)}")
        self.epoch: Epoch = extent.epoch
        self.first, self.head = extent.first, extent.head
        found = connection.execute(_OLD, {"first": extent.first}).fetchall()
        self._old = [position for (position,) in msgspec.convert(found, list[tuple[int]])]
        self.start = self.first - len(self._old)

    def read(self, after: int) -> Iterator[Placed]:
        """Yield what is after a position; without a draft where the log has skipped a position."""
        for number, old in enumerate(self._old, start=self.start):
            if number > after:
                (placed,) = self._read_page(old - 1, old) or [Placed(old, 0, _carry(self._read_states(old - 1, old)))]
                yield Placed(number, placed.created_ms, placed.draft)
        position = max(after, self.first - 1)
        while position < self.head:
            page = self._read_page(position, self.head)
            for placed in page:
                yield from (Placed(hole, 0, None) for hole in range(position + 1, placed.position))
                yield placed
                position = placed.position
            if not page:
                yield from (Placed(hole, 0, None) for hole in range(position + 1, self.head + 1))
                return

    def close(self) -> None:
        """Close the file."""
        close_connection(self._connection)

    def _read_page(self, after: int, upto: int) -> list[Placed]:
        found = self._connection.execute(_RECORDS, (after, upto, _PAGE)).fetchall()
        rows = msgspec.convert(found, list[_Row])
        if not rows:
            return []
        states = {
            position: list(group)
            for position, group in itertools.groupby(self._read_states(after, rows[-1][0]), key=lambda row: row[0])
        }
        return [self._place(row, states.get(row[0], [])) for row in rows]

    def _read_states(self, after: int, upto: int) -> list[_State]:
        return msgspec.convert(self._connection.execute(_STATES, (after, upto)).fetchall(), list[_State])

    def _place(self, row: _Row, states: list[_State]) -> Placed:
        position, identifier, created_ms, expires_ms, kind, targets_text, payload, key, body = row
        targets = _decode_targets(targets_text)
        draft = Draft(
            id=identifier,
            targets=targets,
            payload=payload,
            idempotency=key,
            body_digest=body or b"",
            expires_at_s=None if expires_ms is None else expires_ms / 1000,
            kind=Kind(kind),
            changes=_changes(states),
            type=self._find_type(position, targets, payload),
        )
        return Placed(position, created_ms, draft)

    def _find_type(self, position: int, targets: tuple[Target, ...], payload: bytes) -> str | None:
        """Return the tag under which an inbox lists the record: the index has its number, and the payload its name."""
        names = (targets[0], superseded_target(targets[0]))
        found = self._connection.execute(_DIGEST, (*names, position)).fetchall()
        digest = found[0][0] if found else None
        if not isinstance(digest, int) or digest < 0:
            return None
        try:
            tag = _decode_tag(payload).type
        except msgspec.MsgspecError:
            return None
        return tag if tag is not None and number_type(tag) == digest >> 32 else None


def read_export(path: Path) -> Export:
    """Return the log at `path`, checked whole, to be read; a hub must not write it meanwhile.

    Raises:
        SettingsError: it cannot be read, is damaged, or of an earlier schema.
    """
    try:
        connection = open_reader(LogFile(path))
        try:
            if is_outdated(connection):
                raise SettingsError(f"{path} is of an earlier version: start this hub once alone, and stop it again")
            return Export(connection)
        except BaseException:
            close_connection(connection)
            raise
    except (apsw.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise SettingsError(f"{path} cannot be read: {type(error).__name__}") from None


def _carry(states: list[_State]) -> Draft:
    """Return a record for nobody, whose changes are the rows of one that retention has taken."""
    return Draft(id="", targets=(NOBODY,), payload=b"{}", kind=Kind.STATE, changes=_changes(states))


def _changes(states: list[_State]) -> tuple[Change, ...]:
    return tuple(
        Change(owner, key, value, ends, None if person is None else Target(person))
        for _, owner, key, value, person, ends in states
    )
