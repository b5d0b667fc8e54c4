"""An inbox as the log keeps it: what is asked of it, and what the rows of the state index say of each notification.

An inbox has no rows of its own. It is what the log holds for one user, and the state index says what the user has made
of it: a watermark, up to which everything is read, and flags of single notifications, which go with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from hub.log.port import Change, Entry, Log, Record
from hub.target import Target

__all__ = [
    "MOST_CHANGED",
    "MOST_UNREAD",
    "WATERMARK_KEY",
    "Flags",
    "Inbox",
    "InboxItem",
    "InboxLog",
    "InboxLook",
    "InboxPage",
    "InboxQuery",
    "Suppose",
    "Supposed",
    "Watermark",
    "find_readers",
    "flag_key",
    "flag_position",
    "put_flags",
    "put_watermark",
    "read_flags",
    "read_watermark",
]

#: Flags beside the named ones that one record may change, so that it stays small.
MOST_CHANGED = 1_000
#: Unread notifications are counted exactly up to so many; one more stands for "more".
MOST_UNREAD = 999

#: It sorts after all flags.
WATERMARK_KEY = "until"
_DIGITS = 19
_LAST_FLAG = "9" * _DIGITS
_READ, _UNREAD, _UNSAID, _ARCHIVED = b"r", b"u", b"-", b"a"


class Inbox(msgspec.Struct, frozen=True, kw_only=True):
    """Whose inbox: all that is for `targets`, of which `person` is the user's own.

    Notifications of `hidden` types are not in it; those of `muted` types are, and are not counted.
    """

    person: Target
    targets: tuple[Target, ...]
    hidden: frozenset[str] = frozenset()
    muted: frozenset[str] = frozenset()

    @property
    def owner(self) -> str:
        """The owner of its rows of the state index."""
        return _inbox_owner(self.person)


class Watermark(NamedTuple):
    """Everything up to the position `upto` is read; the record at `put_at` said so.

    What flags of earlier records say of read and unread counts no longer, up to there.
    """

    upto: int = 0
    put_at: int = 0


class Flags(NamedTuple):
    """What a row says of one notification: read or not, None where only the watermark says so; and whether archived."""

    read: bool | None = None
    archived: bool = False

    def is_read(self, position: int, put_at: int, watermark: Watermark) -> bool:
        """Whether the notification at `position` is read, by a row that the record at `put_at` put."""
        if self.read is not None and (position > watermark.upto or put_at >= watermark.put_at):
            return self.read
        return position <= watermark.upto


class Supposed(msgspec.Struct, frozen=True, kw_only=True):
    """What an inbox would be with another watermark, without these unread ones, and with those."""

    watermark: Watermark
    settled: frozenset[int] = frozenset()
    unread: frozenset[int] = frozenset()


class InboxQuery(msgspec.Struct, frozen=True, kw_only=True):
    """At most `limit` notifications below the position `before`; they weigh little more than `limit_bytes`.

    Those of the type `tag`, the unread ones or the archived ones alone, if that is asked for. Archived ones are in no
    other listing.
    """

    limit: int
    limit_bytes: int
    before: int | None = None
    tag: str | None = None
    unread: bool = False
    archived: bool = False


class InboxItem(msgspec.Struct, frozen=True):
    """One notification of an inbox."""

    record: Record
    read: bool
    archived: bool


class InboxPage(msgspec.Struct, frozen=True):
    """Notifications, the newest first; `next` is where the following page begins (`before`), None at the end.

    `unread` is that of the whole inbox, of which one more than `MOST_UNREAD` are counted at most. All of it is as of
    the position `upto`.
    """

    items: list[InboxItem]
    next: int | None
    unread: int
    upto: int


class InboxLook(msgspec.Struct, frozen=True):
    """What a change of an inbox begins with.

    `positions`: those of the ids that are this user's. `rows`: the flags of those, by position. Of others, at or below
    the position that was asked for, `restored` are those below the watermark that are unread all the same, and `spent`
    those that say nothing once everything up to there is read: of either no more than one record may change.
    `unread`: how many would be unread after the change, where that was asked for; counted as `count_unread` does.
    """

    positions: dict[str, int]
    rows: dict[int, Entry]
    restored: list[Entry]
    spent: list[Entry]
    watermark: Watermark
    unread: int = 0


#: Tells what a change would make of an inbox, as soon as the log has looked.
Suppose: TypeAlias = Callable[[InboxLook], Supposed]


class InboxLog(Log, Protocol):
    """A log that finds what is in an inbox."""

    async def list_inbox(self, inbox: Inbox, query: InboxQuery) -> InboxPage:
        """Return what is asked for, the newest first, and none that has expired.

        A page may have fewer notifications than there are, and then says where to go on.

        Raises:
            StorageUnavailable: the log cannot be read.
        """

    async def count_unread(self, inbox: Inbox, supposed: Supposed | None = None) -> int:
        """Return how many notifications of an inbox are unread, as it is or as it would be.

        Up to `MOST_UNREAD` are counted, and one more stands for "more".

        Raises:
            StorageUnavailable: the log cannot be read.
        """

    async def look_at_inbox(
        self, inbox: Inbox, ids: Sequence[str], *, read_until: int | None, suppose: Suppose | None = None
    ) -> InboxLook:
        """Return what a change of an inbox has to know of these notifications, and of flags up to `read_until`.

        `suppose` is told it, maybe in another thread, and returns what the change would make of the inbox: what is
        unread then is counted at the same moment. What it raises is raised.

        Raises:
            StorageUnavailable: the log cannot be read.
        """


async def find_readers(log: Log, persons: Sequence[Target], position: int) -> set[Target]:
    """Return those of at most 100 users who have read or archived the notification at a position.

    Raises:
        StorageUnavailable: the log cannot be read.
    """
    owners = {_inbox_owner(person): person for person in persons}
    limit = len(owners)
    # In this order: a watermark that rises takes the flags below it away.
    flags = await log.list_state([*owners], after=flag_key(position - 1), upto=flag_key(position), limit=limit)
    watermarks = await log.list_state([*owners], after=_LAST_FLAG, upto=WATERMARK_KEY, limit=limit)
    read_upto = {entry.owner: read_watermark(entry) for entry in watermarks}
    rows = {entry.owner: entry for entry in flags}
    readers = set()
    for owner, person in owners.items():
        row, watermark = rows.get(owner), read_upto.get(owner, Watermark())
        said = Flags() if row is None else read_flags(row)
        if said.archived or said.is_read(position, 0 if row is None else row.position, watermark):
            readers.add(person)
    return readers


def flag_key(position: int) -> str:
    """Return the key of a notification's flags."""
    return f"{position:0{_DIGITS}}"


def flag_position(entry: Entry) -> int:
    """Return the position of the notification that a row is about."""
    return int(entry.key)


def put_flags(inbox: Inbox, position: int, flags: Flags) -> Change:
    """Return the change that gives a notification these flags; none of its own where they say nothing."""
    if flags == Flags():
        return Change(inbox.owner, flag_key(position), None)
    said = _UNSAID if flags.read is None else _READ if flags.read else _UNREAD
    return Change(inbox.owner, flag_key(position), said + (_ARCHIVED if flags.archived else _UNSAID), ends=position)


def read_flags(entry: Entry) -> Flags:
    """Return what a row says."""
    said = entry.value[:1]
    return Flags(None if said == _UNSAID else said == _READ, entry.value[1:] == _ARCHIVED)


def put_watermark(inbox: Inbox, position: int) -> Change:
    """Return the change that has everything up to `position` read."""
    return Change(inbox.owner, WATERMARK_KEY, b"%d" % position)


def read_watermark(entry: Entry | None) -> Watermark:
    """Return the watermark that a row says, or that of an inbox without one."""
    return Watermark() if entry is None else Watermark(int(entry.value), entry.position)


def _inbox_owner(person: Target) -> str:
    """Return the owner of the rows of a user's inbox."""
    return f"inbox{person}"
