"""What a mirror stores: records that a stream has given positions and times already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import apsw
import msgspec

from hub.log.port import SUPERSEDED, Placed, Record
from hub.log.sqlite.batch import FEW_ROWS, INSERT_KEYS, INSERT_RECORDS, INSERT_TARGETS, INSERT_THROUGH, Batch
from hub.log.sqlite.collapse import Collapses

__all__ = ["AppliedBatch", "split_runs"]

_encode_json = msgspec.json.Encoder().encode
#: A row has its own time, in ms, behind what a batch of one time has: see `hub.log.sqlite.batch`.
_CREATED = "(value ->> 12) / 1000.0"
_PADDING: tuple[object, ...] = (None,) * 11 + ([],)
_INSERT_THROUGH = INSERT_THROUGH.replace("?2", _CREATED)
_INSERT_RECORDS = INSERT_RECORDS.replace("?2", _CREATED)
_INSERT_KEYS = INSERT_KEYS.replace("?2", _CREATED)


class AppliedBatch(Batch):
    """Records of consecutive positions on their way into one transaction.

    What has been decided is not decided again: a key that is there already gives way to the record's.
    """

    def __init__(self, connection: apsw.Connection, placed: Sequence[Placed]) -> None:
        self.controls = 0
        self.records: list[Record] = []
        self.head = placed[0].position - 1
        self._connection = connection
        self._base = placed[0].position
        self._rows = []
        self._offset = 1
        self._keyed = self._listed = self._changing = self._superseding = False
        drafts = [each.draft for each in placed if each.draft is not None]
        self._collapses = Collapses(connection, [drafts])
        self._taken = {}
        for each, draft in zip(placed, drafts, strict=True):
            self._created_ms = each.created_ms
            self._taken.clear()
            self._take(draft)
            self._superseding = self._superseding or any(change.owner == SUPERSEDED for change in draft.changes)
            if each.origin is not None:
                self.records[-1] = msgspec.structs.replace(self.records[-1], origin=each.origin)
            row = self._rows[-1]
            self._rows[-1] = (*row, *_PADDING[len(row) :], each.created_ms)

    def store(self) -> None:
        """Write everything; where it raises, the caller rolls back."""
        payloads = b"".join([*(record.payload for record in self.records), b" "])
        rows = _encode_json(self._rows).decode()
        execute = self._connection.execute
        if self._changing or len(self._rows) <= FEW_ROWS:
            execute(_INSERT_THROUGH.format(self._view), (self._base, None, payloads, rows))
            return
        execute("BEGIN IMMEDIATE")
        execute(_INSERT_RECORDS, (self._base, None, payloads, rows))
        execute(INSERT_TARGETS, (self._base, rows))
        if self._keyed:
            execute(_INSERT_KEYS, (self._base, None, rows))
        execute("COMMIT")

    @property
    def _view(self) -> str:
        if self._changing:
            return "incoming_superseding" if self._superseding else "incoming_changing"
        return "incoming_listed" if self._listed else "incoming"


def split_runs(placed: Sequence[Placed]) -> Iterator[list[Placed]]:
    """Yield what has consecutive positions together; what has no draft, and a step of a round, by itself."""
    run: list[Placed] = []
    for each in placed:
        if run and (each.position != run[-1].position + 1 or _is_alone(each) or _is_alone(run[0])):
            yield run
            run = []
        run.append(each)
    if run:
        yield run


def _is_alone(placed: Placed) -> bool:
    return placed.draft is None or placed.renewal is not None
