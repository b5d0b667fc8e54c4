"""The log's port: what the hub asks of a durable, ordered record of notifications, and of what changes beside them.

What users have read, muted or allowed is state: each change of it is part of a record, and the log keeps the newest
value of every key in an index that it writes in the same transaction.

One engine implements the port at a time. It is small on purpose, so that a second engine fits. Every engine must pass
the same suite (`tests/log/`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from enum import IntEnum
from typing import Literal, Protocol

import msgspec

from hub.cursor import Epoch
from hub.errors import IdempotencyConflict
from hub.histogram import Histogram
from hub.target import Target

__all__ = [
    "COLLAPSE",
    "SUPERSEDED",
    "Appended",
    "Change",
    "Draft",
    "Entry",
    "Erased",
    "Found",
    "Health",
    "Kind",
    "Log",
    "Placed",
    "Reading",
    "Record",
    "Renewal",
    "Renewed",
]

#: Owners of the state index. Under the first, each collapse digest has the newest record with it; under the second,
#: each superseded position (19 digits) has the position that superseded it.
COLLAPSE = "collapse"
SUPERSEDED = "superseded"


class Kind(IntEnum):
    """What a record is.

    A notification is shown to people. A control record is the hub's to itself (`CONTROL` is among its targets). A state
    record says that a user's state has changed: the connections of its targets that speak `hub.v1` get its payload as a
    control frame, and no other ever does. A state record for `CONTROL` alone reaches nobody.
    """

    NOTIFICATION = 0
    CONTROL = 1
    STATE = 2


class Change(msgspec.Struct, frozen=True):
    """One row of the state index, put or, with `value` None, removed.

    `owner` says whose row it is and of which kind (`"preferences" + target`); it is never logged. Rows of one owner
    are listed in the order of `key`, as text: numbers in it have leading zeros. `ends`: the row goes once retention has
    passed this position, which is that of the notification it belongs to. A row is a person's, and goes with that
    person's erasure, if its owner ends with a user's target or `person` is one.
    """

    owner: str
    key: str
    value: bytes | None
    ends: int | None = None
    person: Target | None = None


class Entry(msgspec.Struct, frozen=True):
    """One row of the state index, and the position of the record that put it."""

    owner: str
    key: str
    value: bytes
    position: int


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A record to be appended: a notification, unless `kind` says otherwise.

    `payload` is the finished JSON object a subscriber will read, without its cursor. `idempotency` is
    a digest of service name and key; `body_digest` tells a repeat from another body under the same key.
    `expires_at_s` is Unix time, kept to the millisecond; from then on the record is no longer delivered.
    `received_s` is when the publish came, by the monotonic clock; it is not stored.

    `changes` are made to the state index in the same transaction, in order. They stay until others replace or remove
    them, also when retention has taken the record; a repeat under an idempotency key changes nothing. The payload of a
    state record for `CONTROL` holds nothing personal: an erasure finds rows, and not what such payloads say.
    `type` is the tag of a notification that an inbox may list; None where no inbox is kept. `collapse` is a digest of
    the type, the collapse key and the targets: this record supersedes the newest one before it with the same digest.
    """

    id: str
    targets: tuple[Target, ...]
    payload: bytes
    idempotency: bytes | None = None
    body_digest: bytes = b""
    expires_at_s: float | None = None
    received_s: float | None = None
    kind: Kind = Kind.NOTIFICATION
    changes: tuple[Change, ...] = ()
    type: str | None = None
    collapse: bytes | None = None


class Appended(msgspec.Struct, frozen=True):
    """Confirms that a draft is on disk, under this id and at this position.

    `duplicate`: an earlier draft with the same idempotency key is, and this one was not stored again.
    """

    id: str
    position: int
    duplicate: bool


class Renewed(msgspec.Struct, frozen=True, array_like=True):
    """A row of the state index that is appended anew, and the position of the record that had put it."""

    owner: str
    key: str
    value: bytes
    person: str | None
    position: int


class Renewal(msgspec.Struct, frozen=True, array_like=True):
    """One step of a round, in which one node appends anew what a stream is about to drop and has to outlive that.

    `begin` starts a round, under the name of its `leader`; the position of that record is the `round` of all others.
    `rows` renews rows of the state index, and `control` the control record that was at `position`. `end` says that
    there is nothing else. `stop` voids the round. A step of another round than the newest is void.
    """

    step: Literal["begin", "rows", "control", "end", "stop"]
    round: int = 0
    leader: str = ""
    rows: tuple[Renewed, ...] = ()
    position: int = 0


class Placed(msgspec.Struct, frozen=True):
    """A draft that a stream of several nodes has stored: at this position, published at this time (Unix, ms).

    It has all that a node needs to keep the same record, with its idempotency key, its type and its changes. Without a
    draft it says that the stream has nothing below this position any more.
    """

    position: int
    created_ms: int
    draft: Draft | None
    #: The node that appended it, if another one than this did.
    origin: str | None = None
    renewal: Renewal | None = None


class Record(msgspec.Struct, frozen=True):
    """One stored notification, or what stands in its place where it is damaged: without targets, so for nobody.

    Everything between the record before a damaged one and its position is lost. Everybody it may have been for must
    be told.
    """

    position: int
    targets: tuple[Target, ...]
    payload: bytes
    expires_at_s: float | None
    #: As in the draft; None for a record that was read from the log.
    received_s: float | None = None
    kind: Kind = Kind.NOTIFICATION
    #: As in the draft; nothing for a record that was read from the log.
    changes: tuple[Change, ...] = ()
    #: The node of a cluster that appended it, if another one than this did; None for one that was read from the log.
    origin: str | None = None

    @classmethod
    def damaged(cls, position: int) -> Record:
        """Return what stands in the place of a damaged record."""
        return cls(position, (), b"", None)

    @property
    def is_damaged(self) -> bool:
        """Whether this only stands for a record."""
        return not self.targets


class Found(msgspec.Struct, frozen=True):
    """A record that was looked for by its notification's id, and when it was stored (Unix time).

    `superseded_by`: the position of the record that has taken its place, if one has.
    """

    record: Record
    stored_at_s: float
    superseded_by: int | None = None


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure has removed, of which users, and in numbers.

    `records` were for the user alone; of `shared` ones, which were for others as well, the user is no longer one.
    `states` are rows of the state index, `keys` idempotency keys. `final`: no file of the log has any of it any more;
    otherwise something reads the log and holds the write-ahead log, which is emptied when it is closed. `ids`: the
    newest notifications that are no longer each user's, in the order of the log, at most 1,000.
    """

    persons: tuple[Target, ...]
    records: int
    shared: int
    states: int
    keys: int
    final: bool
    ids: Mapping[Target, Sequence[str]] = {}


class Reading(msgspec.Struct, frozen=True):
    """What one call of `read` found, and how far it came.

    Up to `upto` nothing is left out; a caller that wants more goes on after it. It equals the `upto` of the call where
    there is no more, and is always greater than its `after`.
    """

    records: list[Record]
    upto: int


class Health(msgspec.Struct, frozen=True):
    """How an engine is.

    `failing`: the last write failed. `isolated`: the stream of several nodes cannot be reached, since
    `isolated_since_s` (monotonic). `missing`: NATS has no such stream any more. `behind`: this node has yet to read
    records up to `head`. `replaced`: the stream is another one than this node began with, and the node has to start
    again. Up to `applied` everything can be read.
    """

    state: Literal["ok", "failing", "isolated", "missing", "behind", "replaced"]
    applied: int
    head: int
    isolated_since_s: float | None = None

    @property
    def lag(self) -> int:
        """How many records this node is behind the newest one that it has heard of."""
        return max(0, self.head - self.applied)


class Log(Protocol):
    """A durable, ordered record of notifications."""

    @property
    def epoch(self) -> Epoch:
        """The random id of this log's life; another epoch is another history."""

    @property
    def head(self) -> int:
        """The position of the newest durable record that was announced; 0 in an empty log."""

    @property
    def first(self) -> int:
        """The lowest position that retention has not passed; a cursor below `first - 1` meets a gap.

        It rises before the first record is gone, so a caller that looks at it after a read misses no gap.
        """

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write succeeded; readiness follows it."""

    @property
    def health(self) -> Health:
        """How the engine is, in more words than `writable`."""

    @property
    def fsyncs(self) -> Mapping[str, Histogram]:
        """How long a write took until it was durable, by file."""

    @property
    def damaged(self) -> int:
        """How many damaged records were met since the log was opened."""

    def measure_bytes(self) -> int:
        """Return what the log's files take of the disk; it asks the file system, so it may block."""

    async def is_beyond_end(self, position: int) -> bool:
        """Whether the log ends before this position, so that nobody was ever given it.

        Raises:
            StorageUnavailable: several nodes have the log, and this one cannot know now. Another may be there already.
        """

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        """Store the drafts in order, and return after they are durable.

        Each draft gets its own result: `IdempotencyConflict` for a key used with another body. One node alone stores
        all of a call in one transaction. A stream of several nodes stores each record by itself: where it raises, some
        of the drafts may be stored, and a repeat under their keys gets their results.

        Raises:
            StorageUnavailable: nothing was acknowledged; the disk is full or failing.
            Overloaded: too many appends wait already.
            Internal: a draft holds something that cannot be stored; nothing of this call was stored.
        """

    def submit(self, drafts: Sequence[Draft]) -> asyncio.Future[list[Appended | IdempotencyConflict]]:
        """Begin what `append` does, and return what it waits for; a cancellation of that takes nothing back.

        Raises:
            StorageUnavailable, Overloaded: at once, where nothing was begun.
        """

    async def read(
        self,
        targets: Sequence[Target],
        *,
        after: int,
        upto: int,
        limit: int,
        limit_bytes: int,
        with_states: bool = False,
    ) -> Reading:
        """Return at most `limit` records for any of `targets` in `(after, upto]`, each once, in order.

        Superseded records are left out, and state records unless the reader asks for them: only clients that speak
        `hub.v1` know those. Expired
        records are left out, except for the hub's own (`CONTROL`): the wall clock alone does not decide whether those
        have ended. A damaged record is replaced by `Record.damaged`. Payloads and targets together weigh
        at most `limit_bytes`, and nothing beyond that is held in memory; a first record that is larger by itself
        is returned alone, so that reading always advances.

        Raises:
            StorageUnavailable: the log cannot be read.
            ValueError: more than 100 targets.
        """

    async def find(self, notification_id: str, *, at: int | None = None) -> Found | None:
        """Return the record with this id, expired or not; None if there is none.

        With `at` only this position is looked at. Without it the log is searched from its head on, which takes the
        longer the older the record is. Only notifications are found.

        Raises:
            StorageUnavailable: the log is damaged there, or cannot be read or searched in time. It may hold the record.
        """

    async def read_state(self, owner: str, key: str) -> Entry | None:
        """Return one row of the state index, as it was written last.

        Raises:
            StorageUnavailable: the log cannot be read.
        """

    async def list_state(
        self, owner: str | Sequence[str], *, after: str = "", upto: str | None = None, limit: int
    ) -> list[Entry]:
        """Return the rows of one or several owners with a key in `(after, upto]`, in the order of keys.

        At most `limit` of them, and all that have the same key as the last one, so that a caller that goes on after it
        misses none. A damaged row is left out, counted and logged.

        Raises:
            StorageUnavailable: the log cannot be read.
            ValueError: more than 100 owners.
        """

    async def erase(self, user_id: str, account_id: str | None) -> Erased:
        """Remove what is for this user of this account, or of every account, and the user's state; then say how much.

        What is for an account or for everyone stays. Positions stay, too: what is left of a record is for nobody.

        Raises:
            StorageUnavailable: it did not come to its end; ask again, and it goes on where it was.
        """

    def follow(self) -> AsyncIterator[list[Record]]:
        """Yield every record stored from now on, in order, in batches of at least one.

        One consumer at a time: a second call ends the first iterator, and so does `close`. What was
        appended before the first `anext` of the iterator but after the call of `follow` is yielded too.
        """

    async def close(self) -> None:
        """Finish what was accepted, then close the files."""
