"""The count that a change tells is right where clients take it to be: before the record that has it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from contracts.inbox import InboxChange
from hub.errors import IdempotencyConflict
from hub.inbox.inboxes import Inboxes
from hub.log.port import Appended, Draft, Kind
from hub.target import Target, user_target
from tests.fakes import FakeClock, MemoryLog, make_grant

USER, OTHER = user_target("a", "1"), user_target("a", "2")


class _BusyLog(MemoryLog):
    """Notifications come in the moment before a change is stored: for `target`, as often as `coming` says."""

    coming = 0
    target = USER

    async def append(self, drafts: Sequence[Draft]) -> list[Appended | IdempotencyConflict]:
        if self.coming:
            self.coming -= 1
            self.notify(self.target)
        return await super().append(drafts)

    def notify(self, target: Target) -> str:
        """Store a notification."""
        name = f"n{self.head + 1}"
        payload = b'{"type":"order","id":"%b"}' % name.encode()
        self.store([Draft(id=name, targets=(target,), payload=payload, type="order")])
        return name

    async def told(self) -> list[int]:
        """Return the counts that the user's clients were told, in order."""
        reading = await self.read([USER], after=0, upto=self.head, limit=1_000, limit_bytes=10**6, with_states=True)
        states = [record for record in reading.records if record.kind is Kind.STATE]
        return [msgspec.json.decode(record.payload)["unread_count"] for record in states]


@pytest.mark.parametrize(
    ("coming", "target", "told"),
    [(0, USER, [1]), (1, USER, [1, 2]), (2, USER, [1, 2, 3]), (1, OTHER, [1])],
    ids=["nothing", "one", "two", "for somebody else"],
)
async def test_what_comes_meanwhile_is_counted(coming: int, target: Target, told: list[int]) -> None:
    """The last count that clients are told is that of the inbox, and so is the response; else there is one record."""
    log = _BusyLog(FakeClock())
    inboxes = Inboxes(log, hidden=(), find_muted=lambda _: (), page_bytes=1_000)
    first, _ = log.notify(USER), log.notify(USER)
    log.coming, log.target = coming, target
    counted = await inboxes.change(make_grant("1", "a"), InboxChange(read=[first]))
    assert told == await log.told()
    assert told[-1] == counted.unread


async def test_it_is_told_a_few_times_at_most() -> None:
    """Where something comes at each moment, the next change has the right count."""
    log = _BusyLog(FakeClock())
    inboxes = Inboxes(log, hidden=(), find_muted=lambda _: (), page_bytes=1_000)
    first, second = log.notify(USER), log.notify(USER)
    log.coming = 100
    await inboxes.change(make_grant("1", "a"), InboxChange(read=[first]))
    assert 4 == len(await log.told())
    log.coming = 0
    counted = await inboxes.change(make_grant("1", "a"), InboxChange(read=[second]))
    assert counted.unread == (await log.told())[-1] == 4
