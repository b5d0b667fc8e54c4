"""Pages of the stream: what was lost on its way is not taken for what retention took."""

from __future__ import annotations

import pytest

from hub.log.jetstream.repair import PageUnreadable, read_page
from hub.log.jetstream.subject import Names
from hub.nats.port import Reply
from tests.simulation.connection import Connection

NAMES = Names("HUB")


class Replica(Connection):
    """A connection to a replica that answers with given replies."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)

    async def request_many(self, *arguments: object, **settings: object) -> list[Reply]:
        return self.replies


def record(position: int, before: int) -> Reply:
    """Return a record as a page has it: it says which one came before it."""
    return Reply(b"%d" % position, {"Nats-Sequence": str(position), "Nats-Last-Sequence": str(before)})


END = Reply(b"", {"Status": "204"})


async def test_what_retention_took_is_jumped_over() -> None:
    """Positions that the replica does not have are left out."""
    page = await read_page(Replica(record(3, 0), record(7, 3), END), NAMES, after=0)
    assert [(3, b"3"), (7, b"7")] == page.items


async def test_page_ends_before_what_was_lost_on_its_way() -> None:
    """What follows a lost record is not taken, so that it is asked for again."""
    page = await read_page(Replica(record(3, 0), record(5, 4), END), NAMES, after=2)
    assert [(3, b"3")] == page.items


async def test_page_without_its_first_record() -> None:
    """A page whose first record was lost says nothing."""
    with pytest.raises(PageUnreadable, match="lost"):
        await read_page(Replica(record(4, 3), END), NAMES, after=2)
