"""Records that take the place of older ones: which one has a digest now, and what becomes of the one before it.

A superseded record stays, for its trace and for those who mark it as read. Its rows in the index of targets get
targets that no subscriber has, so that a replay, a page and an inbox do not meet it, and none of them pays for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw
import msgspec

from hub.log.port import COLLAPSE, SUPERSEDED, Change, Draft
from hub.log.sqlite.state import read_entries, read_entry
from hub.target import Target, is_personal

__all__ = ["DELETE_SUPERSEDED", "TAKE_SUPERSEDED", "Collapses", "has_superseded", "read_superseded_by"]

_encode_json = msgspec.json.Encoder().encode
# As `superseded_target` writes them. The newer record has the same targets.
_MARKED = "'s' || char(31) || {}"
#: What a trigger of the batch does with the targets of what the new record supersedes.
TAKE_SUPERSEDED = f"""UPDATE target SET target = {_MARKED.format("target")} WHERE (target, position) IN (
        SELECT t.value, CAST(c.value ->> 1 AS INTEGER) FROM json_each(NEW.row, '$[11]') c, json_each(NEW.row, '$[3]') t
        WHERE c.value ->> 0 = '{SUPERSEDED}');"""  # noqa: S608  # constants alone
_HAS_SUPERSEDED = "SELECT 1 FROM target WHERE target > 's' AND target < 't' LIMIT 1"
#: Retention's, of the records from one position to another.
DELETE_SUPERSEDED = f"""DELETE FROM target WHERE (target, position) IN (
    SELECT {_MARKED.format("j.value")}, r.position
    FROM record r, json_each(CASE WHEN json_valid(r.targets) THEN r.targets ELSE '[]' END) j
    WHERE r.position >= ? AND r.position < ? AND (r.control IS 1) = ?)"""  # noqa: S608


class Collapses:
    """What one transaction supersedes: the newest record of each digest, in the log and among its own drafts."""

    def __init__(self, connection: apsw.Connection, groups: Sequence[Sequence[Draft]]) -> None:
        digests = [draft.collapse.hex() for drafts in groups for draft in drafts if draft.collapse is not None]
        self._newest = _find_newest(connection, digests) if digests else {}

    def collapse(self, digest: bytes, position: int, targets: Sequence[Target]) -> list[Change]:
        """Return the changes that the record at `position` brings; two of them if it supersedes another one."""
        key, person = digest.hex(), targets[0] if is_personal(targets) else None
        older = self._newest.get(key)
        self._newest[key] = position
        changes = [Change(COLLAPSE, key, b"", ends=position, person=person)]
        if older is not None:
            changes.append(Change(SUPERSEDED, _key(older), b"%d" % position, ends=older, person=person))
        return changes


def has_superseded(connection: apsw.Connection) -> bool:
    """Whether any record is superseded."""
    return bool(connection.execute(_HAS_SUPERSEDED).fetchall())


def read_superseded_by(connection: apsw.Connection, position: int) -> int | None:
    """Return the position of the record that superseded this one; None if none did."""
    entry, _ = read_entry(connection, SUPERSEDED, _key(position))
    return None if entry is None else int(entry.value)


def _find_newest(connection: apsw.Connection, digests: Iterable[str]) -> dict[str, int]:
    # A damaged row counts as removed: an older record that stays is the smaller mistake than a newer one that goes.
    found = read_entries(
        connection,
        "owner = :owner AND key IN (SELECT value FROM json_each(:keys))",
        {"owner": COLLAPSE, "keys": _encode_json(sorted(set(digests))).decode(), "limit": -1},
    )
    return {entry.key: entry.position for entry in found}


def _key(position: int) -> str:
    return f"{position:019d}"
