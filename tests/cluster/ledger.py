"""What a run of the loss checker knows, and the comparison: what was acknowledged against what each listener got.

Without any code of the hub: a fault in the hub's own reading of a cursor must not hide itself here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

__all__ = ["Acknowledged", "Cursor", "History", "Ledger", "User", "read_cursor", "summarise"]

#: Of each kind of violation so many are told one by one.
SHOWN = 3
ACKNOWLEDGED_DEADLINE_S = 120.0


class User(NamedTuple):
    """Somebody who listens."""

    account_id: str
    user_id: str


class Cursor(NamedTuple):
    """A place: which log, and how far in it."""

    epoch: str
    position: int


class Acknowledged(NamedTuple):
    """What a receipt said."""

    id: str
    cursor: Cursor


class Seen(NamedTuple):
    """A notification as a listener got it, and when, on the monotonic clock."""

    title: str
    id: str
    cursor: Cursor
    at_s: float


class Gap(NamedTuple):
    """The hub said that something is missing between two places."""

    after: Cursor | None
    upto: Cursor

    def covers(self, cursor: Cursor) -> bool:
        """Say whether a record at this place is in the gap."""
        after, upto = self.after, self.upto
        if cursor.epoch == upto.epoch:
            is_behind = after is None or after.epoch != upto.epoch or cursor.position > after.position
            return is_behind and cursor.position <= upto.position
        return after is not None and cursor.epoch == after.epoch and cursor.position > after.position


class History:
    """What one listener got, in the order in which it came."""

    def __init__(self, name: str, user: User) -> None:
        self.name = name
        self.user = user
        self.start: Cursor | None = None
        #: Up to where this listener has everything.
        self.cursor: Cursor | None = None
        self.seen: list[Seen] = []
        self.gaps: list[Gap] = []
        #: Events and gaps in one order, for the order of cursors.
        self._order: list[Seen | Gap] = []
        self.connections: Counter[str] = Counter()

    def begin(self, cursor: Cursor) -> None:
        """Take the place at which the first connection began."""
        if self.start is None:
            self.start = self.cursor = cursor

    def take(self, title: str, identifier: str, cursor: Cursor, at_s: float) -> None:
        """Take a notification."""
        self.seen.append(Seen(title, identifier, cursor, at_s))
        self._order.append(self.seen[-1])
        self.cursor = cursor

    def move(self, cursor: Cursor) -> None:
        """Take a place up to which nothing more was for this user."""
        self.cursor = cursor

    def take_gap(self, upto: Cursor) -> None:
        """Take an announced gap."""
        self.gaps.append(Gap(self.cursor, upto))
        self._order.append(self.gaps[-1])
        self.cursor = upto

    def find_disorder(self) -> list[str]:
        """Return where a notification came at or before the place of the one before it, or of another log."""
        found = []
        last = self.start
        for event in self._order:
            if isinstance(event, Gap):
                last = event.upto
                continue
            if last is not None and event.cursor.epoch != last.epoch:
                found.append(f"{self.name}: {event.title} is of another log, and no gap was announced")
            elif last is not None and event.cursor.position <= last.position:
                found.append(f"{self.name}: {event.title} at {event.cursor.position} came after {last.position}")
            last = event.cursor
        return found


class Ledger:
    """What was asked for, what was acknowledged, and by whom it was to be got."""

    def __init__(self) -> None:
        #: Title (one per key) -> the users that it is for.
        self.audience: dict[str, frozenset[User]] = {}
        self.acknowledged: dict[str, Acknowledged] = {}
        self.acknowledged_at_s: dict[str, float] = {}
        #: What no comparison is needed for: a refusal, or two receipts of one key that differ.
        self.violations: list[str] = []
        self.repeats = 0

    async def wait_acknowledged(self, count: int) -> None:
        """Wait until so many were acknowledged.

        Raises:
            TimeoutError: they were not, within two minutes.
        """
        async with asyncio.timeout(ACKNOWLEDGED_DEADLINE_S):
            while len(self.acknowledged) < count:
                await asyncio.sleep(0.02)

    def acknowledge(self, title: str, receipt: Acknowledged, at_s: float) -> None:
        """Take a receipt; each further one of the same key must name the same record."""
        first = self.acknowledged.setdefault(title, receipt)
        self.acknowledged_at_s.setdefault(title, at_s)
        if first != receipt:
            self.violations.append(f"stored twice: {title} was acknowledged as {first}, then as {receipt}")

    def compare(self, histories: list[History], *, may_have_gaps: bool = False) -> list[str]:
        """Return every violation, in words that begin with its kind."""
        found = [*self.violations]
        stored: dict[str, Acknowledged] = dict(self.acknowledged)
        for history in histories:
            for seen in history.seen:
                here = Acknowledged(seen.id, seen.cursor)
                if seen.title not in self.audience:
                    found.append(f"foreign: {history.name} got {seen.title!r}, which this checker did not publish")
                elif history.user not in self.audience[seen.title]:
                    found.append(f"foreign: {history.name} got {seen.title}, which is not for its user")
                if stored.setdefault(seen.title, here) != here:
                    found.append(f"stored twice: {history.name} got {seen.title} as {here}, not {stored[seen.title]}")
        for history in histories:
            found += self._compare_one(history, stored)
            if history.gaps and not may_have_gaps:
                found += [f"gap: {history.name} was told of one up to {gap.upto}" for gap in history.gaps]
        return found

    def count_missed(self, histories: list[History]) -> int:
        """Return how often a listener did not get what was acknowledged, whether it was told of a gap or not."""
        missed = 0
        for history in histories:
            start, titles = history.start, {seen.title for seen in history.seen}
            for title, record in self.acknowledged.items():
                is_before = (
                    start is not None
                    and record.cursor.epoch == start.epoch
                    and record.cursor.position <= start.position
                )
                missed += title not in titles and history.user in self.audience.get(title, ()) and not is_before
        return missed

    def _compare_one(self, history: History, stored: dict[str, Acknowledged]) -> list[str]:
        found = [f"out of order: {line}" for line in history.find_disorder()]
        counts = Counter(seen.id for seen in history.seen)
        found += [f"twice: {history.name} got {each} {count} times" for each, count in counts.items() if count > 1]
        if history.start is None:
            return [*found, f"missing: {history.name} never connected"]
        titles = {seen.title for seen in history.seen}
        for title, record in stored.items():
            if title in titles or history.user not in self.audience.get(title, ()):
                continue
            if record.cursor.epoch == history.start.epoch and record.cursor.position <= history.start.position:
                continue
            if not any(gap.covers(record.cursor) for gap in history.gaps):
                found.append(f"missing: {history.name} did not get {title} at {record.cursor.position}")
        return found


def summarise(violations: list[str]) -> list[str]:
    """Return a line for each kind of violation with their number, and some of them."""
    kinds: dict[str, list[str]] = {}
    for violation in violations:
        kinds.setdefault(violation.partition(":")[0], []).append(violation)
    lines = []
    for kind, found in sorted(kinds.items()):
        lines.append(f"{len(found)} x {kind}")
        lines += [f"  {violation}" for violation in found[:SHOWN]]
    return lines


def read_cursor(text: str) -> Cursor:
    """Return a cursor's epoch and position, as docs/concepts/cursor.md shows them; ValueError for anything else."""
    epoch, dash, position = text.rpartition("-")
    if not dash:
        raise ValueError(f"not a cursor: {text!r}")
    return Cursor(epoch, int(position, 36))
