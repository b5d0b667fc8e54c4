"""Inboxes against a model: whatever is published and changed, each user's inbox is the log folded from the start."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from contracts.frame import InboxChanged
from contracts.inbox import InboxChange
from hub.auth.grant import Grant
from hub.cursor import parse_cursor, write_cursor
from hub.inbox.inboxes import Inboxes, PageRequest
from hub.log.inbox import InboxLog
from hub.log.port import Draft, Kind
from hub.log.sqlite.log import open_sqlite_log
from hub.target import EVERYONE, Target, account_target, subscriber_targets, user_target
from tests.fakes import FakeClock, MemoryLog, make_grant

USERS = [("a", "1"), ("a", "2"), ("b", "1")]
AUDIENCES: list[tuple[Target, ...]] = [
    *[(user_target(*user),) for user in USERS],
    (account_target("a"),),
    (EVERYONE,),
    (user_target("a", "1"), account_target("a"), user_target("b", "1")),
]
TYPES = ["order", "cart", "news"]
HIDDEN, MUTED = frozenset({"cart"}), {user_target("a", "2"): frozenset({"news"})}
_folders = itertools.count()


class Known(msgspec.Struct):
    """One notification, as whoever folds the log knows it."""

    position: int
    kind: str
    targets: tuple[Target, ...]
    expires_at_s: float | None
    read: bool = False
    archived: bool = False


class Fold:
    """An inbox as a client makes it: from what was delivered, in order."""

    def __init__(self, targets: tuple[Target, ...]) -> None:
        self._targets = targets
        self.items: dict[str, Known] = {}

    def deliver(self, identifier: str, known: Known) -> None:
        """Take a notification."""
        if not set(self._targets).isdisjoint(known.targets):
            self.items[identifier] = msgspec.structs.replace(known)

    def change(self, until: int | None, read: list[str], unread: list[str], archived: list[str]) -> None:
        """Take what a frame, or the user, says."""
        for known in self.items.values():
            known.read |= until is not None and known.position <= until
        for names, field, value in ((read, "read", True), (unread, "read", False), (archived, "archived", True)):
            for name in names:
                setattr(self.items[name], field, value)

    def list(self, now_s: float, *, archived: bool = False) -> list[tuple[str, bool, bool]]:
        """Return what an inbox shows, newest first."""
        return [
            (name, known.read, known.archived)
            for name, known in sorted(self.items.items(), key=lambda item: -item[1].position)
            if known.archived == archived and known.kind not in HIDDEN and not _is_over(known, now_s)
        ]

    def count(self, now_s: float, muted: frozenset[str]) -> int:
        """Return how many are unread."""
        return sum(
            not known.read and not known.archived and known.kind not in HIDDEN | muted and not _is_over(known, now_s)
            for known in self.items.values()
        )


def _is_over(known: Known, now_s: float) -> bool:
    return known.expires_at_s is not None and known.expires_at_s <= now_s


ids = st.lists(st.integers(0, 59), max_size=4)


class Machine(RuleBasedStateMachine):
    """A log, the inboxes on it, and for each user two folds: of what was wanted, and of what was delivered."""

    folder: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.loop = asyncio.new_event_loop()
        self.path = None if self.folder is None else self.folder / str(next(_folders)) / "log.sqlite3"
        self.log: InboxLog
        self.names: list[str] = []
        self.wanted = {user: Fold(subscriber_targets(*user)) for user in USERS}
        self.delivered = {user: Fold(subscriber_targets(*user)) for user in USERS}
        self.folded = 0
        self.open()

    def open(self) -> None:
        """Open the log, again."""
        self.log = self.loop.run_until_complete(self._open())
        self.inboxes = Inboxes(
            self.log, hidden=HIDDEN, find_muted=lambda user: MUTED.get(user, frozenset()), page_bytes=1_000
        )

    async def _open(self) -> InboxLog:
        if self.path is None:
            return MemoryLog(self.clock)
        return await open_sqlite_log(
            self.path,
            now=self.clock,
            retention_s=1e9,
            retention_records=10**6,
            idempotency_s=1e6,
            max_pending=100,
            synchronous="OFF",
        )

    @initialize(audiences=st.lists(st.sampled_from(AUDIENCES), min_size=3, max_size=10))
    def begin(self, audiences: list[tuple[Target, ...]]) -> None:
        """Some notifications are there."""
        self.publish(audiences, 0, None, True)

    @rule(
        audiences=st.lists(st.sampled_from(AUDIENCES), min_size=1, max_size=5),
        kind=st.integers(0, 2),
        ttl_s=st.sampled_from([None, None, 5.0]),
        lists=st.sampled_from([True, True, False]),
    )
    def publish(self, audiences: list[tuple[Target, ...]], kind: int, ttl_s: float | None, lists: bool) -> None:
        """Notifications come; some from a time when the hub kept no inbox."""
        expires_at_s = None if ttl_s is None else self.clock() + ttl_s
        drafts = []
        for targets in audiences:
            name = f"n{len(self.names)}"
            self.names.append(name)
            payload = b'{"type":"%s","id":"%s"}' % (TYPES[kind].encode(), name.encode())
            drafts.append(
                Draft(
                    id=name,
                    targets=targets,
                    payload=payload,
                    expires_at_s=expires_at_s,
                    type=TYPES[kind] if lists else None,
                )
            )
            known = Known(self.log.head + len(drafts), TYPES[kind], targets, expires_at_s)
            for fold in self.wanted.values():
                fold.deliver(name, known)
        self.loop.run_until_complete(self.log.append(drafts))

    @rule(pick=st.integers(0, 2), read=ids, unread=ids, archive=ids, until=st.none() | st.floats(0, 1))
    def change(self, pick: int, read: list[int], unread: list[int], archive: list[int], until: float | None) -> None:
        """A user reads, marks and archives; the same once more changes nothing."""
        user = USERS[pick]
        fold, mine = self.wanted[user], list(self.wanted[user].items)
        chosen = [
            [mine[number % len(mine)] for number in numbers] if mine else [] for numbers in (read, unread, archive)
        ]
        position = None if until is None else round(self.log.head * until)
        asked = InboxChange(
            read=chosen[0],
            unread=chosen[1],
            archive=chosen[2],
            read_until=None if position is None else write_cursor(self.log.epoch, position),
        )
        fold.change(position, *chosen)
        self.loop.run_until_complete(self.inboxes.change(_grant(user), asked))
        head = self.log.head
        again = self.loop.run_until_complete(self.inboxes.change(_grant(user), asked))
        assert head == self.log.head, "the same change once more is another record"
        assert again.unread == fold.count(self.clock(), _muted(user))

    @rule(passed_s=st.sampled_from([2.0, 10.0]))
    def wait(self, passed_s: float) -> None:
        """Some expire."""
        self.clock.now_s += passed_s

    @rule()
    def restart(self) -> None:
        """The hub ends, and its next life has the same."""
        if self.path is not None:
            self.loop.run_until_complete(self.log.close())
            self.open()

    @invariant()
    def holds(self) -> None:
        """Each inbox is what its user wanted, and what its user's clients make of the frames."""
        self.loop.run_until_complete(self._fold())
        for user in USERS:
            for archived in (False, True):
                expected = self.wanted[user].list(self.clock(), archived=archived)
                assert expected == self.delivered[user].list(self.clock(), archived=archived), "a client differs"
                assert expected == self.loop.run_until_complete(self._list(user, archived=archived))
            unread = [item for item in self.wanted[user].list(self.clock()) if not item[1]]
            assert unread == self.loop.run_until_complete(self._list(user, unread=True))

    async def _list(self, user: tuple[str, str], **filters: bool) -> list[tuple[str, bool, bool]]:
        listed: list[tuple[str, bool, bool]] = []
        before = None
        while True:
            page = await self.inboxes.list_page(_grant(user), PageRequest(2, before, None, **filters))
            assert page.unread == self.wanted[user].count(self.clock(), _muted(user))
            assert (self.log.epoch, self.log.head) == _split(page.cursor)
            for each in json.loads(msgspec.json.encode(page.notifications)):
                assert each["cursor"] == write_cursor(self.log.epoch, self.wanted[user].items[each["id"]].position)
                listed.append((each["id"], each["read"], each["archived"]))
            if page.next is None:
                return listed
            before = page.next

    async def _fold(self) -> None:
        while self.folded < self.log.head:
            for user, fold in self.delivered.items():
                reading = await self.log.read(
                    subscriber_targets(*user),
                    after=self.folded,
                    upto=self.log.head,
                    limit=1_000,
                    limit_bytes=10**6,
                    with_states=True,
                )
                assert reading.upto == self.log.head
                for record in reading.records:
                    if record.kind is Kind.STATE:
                        frame = msgspec.json.decode(record.payload, type=InboxChanged)
                        until = frame.read_until
                        position = None if until is msgspec.UNSET else _split(until)[1]
                        fold.change(position, frame.read, frame.unread, frame.archived)
                    else:
                        name = json.loads(record.payload)["id"]
                        fold.deliver(name, self.wanted[user].items[name])
                        # As it was when it was delivered: unread.
                        fold.items[name].read = fold.items[name].archived = False
            # What has expired before it was read from the log was delivered to nobody.
            self.folded = self.log.head

    def teardown(self) -> None:
        """Close the log."""
        self.loop.run_until_complete(self.log.close())
        self.loop.close()


def _split(text: str) -> tuple[str, int]:
    cursor = parse_cursor(text)
    assert cursor is not None
    return cursor.epoch, cursor.position


def _muted(user: tuple[str, str]) -> frozenset[str]:
    return MUTED.get(user_target(*user), frozenset())


def _grant(user: tuple[str, str]) -> Grant:
    account_id, user_id = user
    return make_grant(user_id, account_id)


def run_inboxes(examples: int, folder: Path | None, **how: Any) -> None:
    """Run the machine, on a log in a folder or in memory."""

    class Here(Machine):
        pass

    Here.folder = folder
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **how,
        ),
    )


def test_inboxes(tmp_path: Path) -> None:
    """After any publishes, changes, restarts and expiries every inbox is the log folded, over SQLite."""
    run_inboxes(12, tmp_path, derandomize=True)


def test_inboxes_in_memory() -> None:
    """The log in memory, by which other tests are judged, keeps the same."""
    run_inboxes(40, None, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_inboxes_for_long(part: int, tmp_path: Path) -> None:
    """Nor does any of many other schedules differ."""
    run_inboxes(200, tmp_path, print_blob=True)
