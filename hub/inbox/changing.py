"""What a change of an inbox comes to: the rows that it puts and removes, and what would be unread then. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hub.log.inbox import (
    Flags,
    Inbox,
    InboxLook,
    Supposed,
    Watermark,
    flag_position,
    put_flags,
    put_watermark,
    read_flags,
)
from hub.log.port import Change

__all__ = ["Changing", "Wanted", "change_inbox"]

#: The position of a record that is not stored yet: after all that are.
_LATER = 2**63 - 1


class Wanted(NamedTuple):
    """What a user wants: everything up to `read_until` read, then single notifications read, unread or archived.

    What is named as read and as unread is unread.
    """

    read: Sequence[str] = ()
    unread: Sequence[str] = ()
    archive: Sequence[str] = ()
    read_until: int | None = None


class Changing(NamedTuple):
    """What changes: the rows of the state index, what the frame tells, and the inbox after it.

    Without `changes` nothing does. `raises_to` is `read_until` where that changes anything.
    """

    changes: tuple[Change, ...]
    read: list[str]
    unread: list[str]
    archived: list[str]
    raises_to: int | None
    supposed: Supposed


def change_inbox(inbox: Inbox, wanted: Wanted, look: InboxLook) -> Changing:
    """Return what `wanted` comes to in an inbox of which `look` tells; it found the position of every id."""
    until, watermark = wanted.read_until, look.watermark
    settled: set[int] = set()
    restored: set[int] = set()
    changes: list[Change] = []
    raises_to = None
    # What is to be unread again stays so, or the same change once more would change something.
    kept = {look.positions[identifier] for identifier in wanted.unread}
    lost = [entry for entry in look.restored if flag_position(entry) not in kept]
    if until is not None and (until > watermark.upto or lost):
        raises_to = until
        if until >= watermark.upto:
            # Flags from before say nothing any more of what is at or below it, so one row reads a thousand.
            watermark = Watermark(until, _LATER)
            changes.append(put_watermark(inbox, until))
            changes += [put_flags(inbox, flag_position(entry), Flags()) for entry in look.spent]
        else:
            # A watermark never falls. What was marked as unread below it loses that mark.
            for entry in lost:
                position = flag_position(entry)
                changes.append(put_flags(inbox, position, read_flags(entry)._replace(read=None)))
                settled.add(position)
    told: dict[str, list[str]] = {"read": [], "unread": [], "archived": []}
    unread, archive = set(wanted.unread), set(wanted.archive)
    for identifier in dict.fromkeys([*wanted.read, *wanted.unread, *wanted.archive]):
        position = look.positions[identifier]
        row = look.rows.get(position)
        before = Flags() if row is None else read_flags(row)
        was_read = before.is_read(position, 0 if row is None else row.position, look.watermark)
        is_read = was_read or (until is not None and position <= until)
        if identifier in unread:
            is_read = False
        elif identifier in wanted.read:
            is_read = True
        is_archived = before.archived or identifier in archive
        (restored if not is_read and not is_archived else settled).add(position)
        if (is_read, is_archived) == (was_read, before.archived) and raises_to is None:
            continue
        # What the watermark says by itself needs no word of the row.
        flags = Flags(None if is_read == (position <= watermark.upto) else is_read, is_archived)
        if flags != Flags() or row is not None:
            changes.append(put_flags(inbox, position, flags))
        if is_read != (was_read or (raises_to is not None and position <= raises_to)):
            told["read" if is_read else "unread"].append(identifier)
        if is_archived and not before.archived:
            told["archived"].append(identifier)
    supposed = Supposed(watermark=watermark, settled=frozenset(settled), unread=frozenset(restored))
    return Changing(tuple(changes), told["read"], told["unread"], told["archived"], raises_to, supposed)
