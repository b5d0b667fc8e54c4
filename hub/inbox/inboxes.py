"""Inboxes: what the log has for a user, and what the user made of it.

Every change is one state record for the user, so it is durable before it is acknowledged, survives what notifications
survive, and reaches all of the user's devices in the order of the log.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol, cast
from weakref import WeakValueDictionary

import msgspec
from msgspec import UNSET

from contracts.frame import InboxChanged
from contracts.inbox import InboxChange, InboxCount, InboxNotification, InboxNotifications
from hub.auth.grant import Grant
from hub.cursor import Cursor, parse_cursor, write_cursor
from hub.delivery.envelope import stamp
from hub.errors import InvalidCursor, UnknownNotification
from hub.inbox.changing import Changing, Wanted, change_inbox
from hub.log.inbox import MOST_CHANGED, MOST_UNREAD, Inbox, InboxItem, InboxLog, InboxLook, InboxQuery, Supposed
from hub.log.port import Appended, Change, Draft, Kind
from hub.target import Target, subscriber_targets

__all__ = ["AlsoChanges", "Inboxes", "PageRequest"]

_encode = msgspec.json.Encoder().encode
#: How often a count is told again in a row, while more comes for its user at each moment.
_RECOUNTS = 3


class AlsoChanges(Protocol):
    """Adds to the record of a change what else is true once a user has read something, such as a deadline that ends."""

    async def change_with_read(self, person: Target, read: Collection[int], upto: int | None) -> tuple[Change, ...]:
        """Return further changes of the state index, where `person` has read these positions, and all up to `upto`."""


class PageRequest(NamedTuple):
    """Which page of an inbox: `before` is a cursor."""

    limit: int
    before: str | None = None
    tag: str | None = None
    unread: bool = False
    archived: bool = False


class Inboxes:
    """Shows inboxes and changes them, for users whose token was verified."""

    def __init__(
        self,
        log: InboxLog,
        *,
        hidden: Collection[str],
        find_muted: Callable[[Target], Collection[str]],
        page_bytes: int,
    ) -> None:
        """Keep the types of `hidden` out of inboxes; `find_muted` returns the types that a user has muted."""
        self._log = log
        self._hidden = frozenset(hidden)
        self._find_muted = find_muted
        self._page_bytes = page_bytes
        #: Parts that change state together with what is read.
        self.also: list[AlsoChanges] = []
        # One change of an inbox at a time: the next one begins with what this one leaves.
        self._turns: WeakValueDictionary[Target, asyncio.Lock] = WeakValueDictionary()

    async def list_page(self, grant: Grant, asked: PageRequest) -> InboxNotifications:
        """Return a page of the inbox of this user.

        Raises:
            InvalidCursor: `before` is not a cursor of this log.
            StorageUnavailable: the log cannot be read.
        """
        before = None if asked.before is None else self._find_position(asked.before, "before")
        page = await self._log.list_inbox(
            self._open(grant),
            InboxQuery(
                limit=asked.limit,
                limit_bytes=self._page_bytes,
                before=before,
                tag=asked.tag,
                unread=asked.unread,
                archived=asked.archived,
            ),
        )
        return InboxNotifications(
            # As the log has them, without being decoded.
            notifications=cast("list[InboxNotification]", [msgspec.Raw(self._show(item)) for item in page.items]),
            unread=min(page.unread, MOST_UNREAD),
            more=page.unread > MOST_UNREAD,
            next=None if page.next is None else self._cursor(page.next),
            cursor=self._cursor(page.upto),
            unlisted=sorted(self._hidden),
        )

    async def change(self, grant: Grant, asked: InboxChange) -> InboxCount:
        """Change the inbox of this user, and return after it is durable.

        Raises:
            InvalidCursor: `read_until` is not a cursor of this log, or beyond its end.
            UnknownNotification: an id is not that of a notification for this user; `field` has its index.
            StorageUnavailable, Overloaded: it cannot be changed now.
        """
        inbox = self._open(grant)
        until = None if asked.read_until is None else self._find_position(asked.read_until, "$.read_until")
        wanted = Wanted(asked.read, asked.unread, asked.archive, until)
        turn = self._turns.setdefault(inbox.person, asyncio.Lock())
        async with turn:
            while True:
                ids = [*asked.read, *asked.unread, *asked.archive]
                deciding = _Deciding(inbox, asked, wanted)
                counted_upto = self._log.head
                look = await self._log.look_at_inbox(inbox, ids, read_until=until, suppose=deciding.suppose)
                changing, unread = deciding.changing, look.unread
                position = counted_upto
                if changing.changes:
                    position = await self._store(inbox, changing, look, unread)
                    position, unread = await self._count_again(inbox, counted_upto, position, unread)
                if not changing.changes or len(look.restored) < MOST_CHANGED:
                    break
            return InboxCount(unread=min(unread, MOST_UNREAD), more=unread > MOST_UNREAD, cursor=self._cursor(position))

    def _open(self, grant: Grant) -> Inbox:
        targets = subscriber_targets(grant.account_id, grant.user_id)
        muted = frozenset(self._find_muted(targets[0]))
        return Inbox(person=targets[0], targets=targets, hidden=self._hidden, muted=muted)

    async def _store(self, inbox: Inbox, changing: Changing, look: InboxLook, unread: int) -> int:
        until = None if changing.raises_to is None else self._cursor(changing.raises_to)
        frame = _tell(changing.read, changing.unread, changing.archived, count=unread, read_until=until)
        read = [look.positions[identifier] for identifier in changing.read]
        changes = changing.changes
        for also in self.also:
            changes += await also.change_with_read(inbox.person, read, changing.raises_to)
        return await self._append(inbox, frame, changes)

    async def _count_again(self, inbox: Inbox, counted_upto: int, position: int, unread: int) -> tuple[int, int]:
        """Tell another count where anything came for the user between the count and its record, which has it not.

        Clients take everything before a record as counted in it. Returns where the last count is, and what it is.
        """
        for _ in range(_RECOUNTS):
            after, upto = counted_upto, position - 1
            if upto <= after:
                break
            between = await self._log.read(
                inbox.targets, after=after, upto=upto, limit=1, limit_bytes=1, with_states=True
            )
            if not between.records:
                break
            counted_upto = self._log.head
            again = await self._log.count_unread(inbox)
            if again == unread:
                break
            unread = again
            position = await self._append(inbox, _tell(read=[], unread=[], archived=[], count=unread))
        return position, unread

    async def _append(self, inbox: Inbox, frame: InboxChanged, changes: tuple[Change, ...] = ()) -> int:
        draft = Draft(
            id=str(uuid.uuid4()),
            targets=(inbox.person,),
            payload=_encode(frame),
            kind=Kind.STATE,
            changes=changes,
        )
        (stored,) = await self._log.append([draft])
        if not isinstance(stored, Appended):
            raise stored
        return stored.position

    def _show(self, item: InboxItem) -> bytes:
        frame = stamp(item.record.payload, self._cursor(item.record.position))
        return b'%b,"read":%b,"archived":%b}' % (frame[:-1], _encode(item.read), _encode(item.archived))

    def _cursor(self, position: int) -> str:
        return write_cursor(self._log.epoch, position)

    def _find_position(self, text: str, field: str) -> int:
        cursor: Cursor | None = parse_cursor(text)
        if cursor is None or cursor.epoch != self._log.epoch or cursor.position > self._log.head:
            raise InvalidCursor("This is not a cursor of the hub's log as it is now; get the inbox again", field=field)
        return cursor.position


class _Deciding:
    """What a change comes to, as soon as the log has looked."""

    changing: Changing

    def __init__(self, inbox: Inbox, asked: InboxChange, wanted: Wanted) -> None:
        self._inbox = inbox
        self._asked = asked
        self._wanted = wanted

    def suppose(self, look: InboxLook) -> Supposed:
        """Return what the inbox would be after it.

        Raises:
            UnknownNotification: an id is not that of a notification for this user.
        """
        _require_known(self._asked, look)
        self.changing = change_inbox(self._inbox, self._wanted, look)
        return self.changing.supposed


def _tell(
    read: list[str], unread: list[str], archived: list[str], *, count: int, read_until: str | None = None
) -> InboxChanged:
    return InboxChanged(
        read=read,
        unread=unread,
        archived=archived,
        read_until=read_until or UNSET,
        unread_count=min(count, MOST_UNREAD),
        more=count > MOST_UNREAD,
    )


def _require_known(asked: InboxChange, look: InboxLook) -> None:
    for name, ids in (("read", asked.read), ("unread", asked.unread), ("archive", asked.archive)):
        for index, identifier in enumerate(ids):
            if identifier not in look.positions:
                raise UnknownNotification(field=f"$.{name}[{index}]")
