"""What was dispatched, for operators who look at it now; while nobody does, it costs one comparison a batch."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence

import msgspec

from contracts.observation import MAX_FEED_ITEMS, FeedItem, FeedTarget
from hub.cursor import Cursor
from hub.delivery.subscribers import Subscribers
from hub.log.port import Kind, Log, Record
from hub.masking import mask_id
from hub.target import Target, split_target

__all__ = ["MAX_ITEMS_PER_TYPE", "Feed", "Watcher"]

#: Notifications of one type that a watcher holds, so that a frequent type does not hide the rare ones.
MAX_ITEMS_PER_TYPE = 50


class _Stored(msgspec.Struct):
    """What the feed reads of a stored notification; never its texts."""

    id: str
    type: str
    timestamp: str = ""


_decode = msgspec.json.Decoder(_Stored).decode


class Watcher:
    """The notifications that one operator has not been sent yet, bounded in number; what is beyond is counted.

    `shows_ids`: the operator may see the ids of people and accounts; they are masked otherwise.
    """

    def __init__(self, *, shows_ids: bool) -> None:
        self.shows_ids = shows_ids
        self._items: deque[FeedItem] = deque()
        self._types: Counter[str] = Counter()
        self._skipped = 0

    def has_room(self, kind: str) -> bool:
        """Whether a notification of this type would be held."""
        return len(self._items) < MAX_FEED_ITEMS and self._types[kind] < MAX_ITEMS_PER_TYPE

    def put(self, item: FeedItem) -> None:
        """Hold a notification; the caller has asked for room."""
        self._types[item.type] += 1
        self._items.append(item)

    def skip(self) -> None:
        """Count a notification that is not shown."""
        self._skipped += 1

    def take(self) -> tuple[list[FeedItem], int]:
        """Return what was held, in order, and how many were only counted; nothing is held after it."""
        taken, skipped = list(self._items), self._skipped
        self._items.clear()
        self._types.clear()
        self._skipped = 0
        return taken, skipped


class Feed:
    """Notes each dispatched notification for every watcher."""

    def __init__(self, log: Log, subscribers: Subscribers, *, now: Callable[[], float]) -> None:
        self._log = log
        self._subscribers = subscribers
        self._now = now
        self._watchers: dict[Watcher, None] = {}

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks."""
        return bool(self._watchers)

    @contextlib.contextmanager
    def watch(self, *, shows_ids: bool = False) -> Iterator[Watcher]:
        """Return what notes notifications from now on, until the end of the context."""
        watcher = Watcher(shows_ids=shows_ids)
        self._watchers[watcher] = None
        try:
            yield watcher
        finally:
            del self._watchers[watcher]

    def note(self, records: Sequence[Record]) -> None:
        """Note notifications that were just dispatched; all else, and damaged records, are passed over."""
        for record in records:
            if record.is_damaged or record.kind is not Kind.NOTIFICATION:
                continue
            stored = _read(record)
            # One for those who may see ids, one for the others, each made at most once.
            items: dict[bool, FeedItem] = {}
            for watcher in self._watchers:
                if stored is None or not watcher.has_room(stored.type):
                    watcher.skip()
                    continue
                shows_ids = watcher.shows_ids
                if shows_ids not in items:
                    items[shows_ids] = self._describe(record, stored, shows_ids=shows_ids)
                watcher.put(items[shows_ids])

    def _describe(self, record: Record, stored: _Stored, *, shows_ids: bool) -> FeedItem:
        expired = record.expires_at_s is not None and record.expires_at_s <= self._now()
        return FeedItem(
            id=stored.id,
            type=stored.type,
            timestamp=stored.timestamp,
            cursor=str(Cursor(self._log.epoch, record.position)),
            target=_describe_targets(record.targets, shows_ids=shows_ids),
            connections=0 if expired else self._subscribers.count(record.targets, stored.type),
            bytes=len(record.payload),
        )


def _read(record: Record) -> _Stored | None:
    try:
        return _decode(record.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _describe_targets(targets: Sequence[Target], *, shows_ids: bool) -> FeedTarget:
    """Return whom a notification is for, without saying which person."""

    def show(identifier: str | None) -> str | None:
        return identifier if shows_ids or identifier is None else mask_id(identifier)

    account_id, user_id = split_target(targets[0])
    if user_id is None:
        return FeedTarget(kind="everyone" if account_id is None else "account", account_id=show(account_id))
    if len(targets) == 1:
        return FeedTarget(kind="user", account_id=show(account_id), user_id=show(user_id))
    accounts = {account_id for account_id, _ in map(split_target, targets)}
    return FeedTarget(kind="users", account_id=show(accounts.pop()) if len(accounts) == 1 else None, users=len(targets))
