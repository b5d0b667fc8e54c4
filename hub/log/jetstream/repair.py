"""Reading the stream in pages: what the tap did not bring, and all that a node missed while it was away."""

from __future__ import annotations

import msgspec

from hub.log.jetstream.subject import Names
from hub.nats.port import Nats, Reply

__all__ = ["Page", "PageUnreadable", "read_page"]

_RECORDS = 1_000
_BYTES = 4 * 2**20
_TIMEOUT_S = 5.0
_END, _NOTHING = "204", "404"


class PageUnreadable(Exception):
    """A page did not come whole: ask again, maybe of another replica."""


class Page(msgspec.Struct, frozen=True):
    """Records of the stream, in order; nothing that the replica has between them is left out."""

    items: list[tuple[int, bytes]]


async def read_page(nats: Nats, names: Names, *, after: int) -> Page:
    """Return the records that follow a position, as some replica has them; none where it has none.

    Raises:
        PageUnreadable: it came in part, or with an error.
        NatsError: nobody answered.
    """
    request = {"seq": after + 1, "batch": _RECORDS, "max_bytes": _BYTES, "next_by_subj": names.records}
    replies = await nats.request_many(names.pages, msgspec.json.encode(request), timeout_s=_TIMEOUT_S, is_last=_is_last)
    if not replies or not _is_last(replies[-1]):
        raise PageUnreadable("a page of the stream did not come in time")
    status = replies[-1].headers["Status"]
    if status == _NOTHING:
        return Page([])
    if status != _END:
        raise PageUnreadable(f"a page of the stream cannot be read: {status}")
    try:
        items = _take_whole(replies[:-1])
    except (KeyError, ValueError):
        raise PageUnreadable("a page of the stream has no positions") from None
    if not items:
        raise PageUnreadable("the first record of a page was lost on its way")
    return Page(items)


def _take_whole(replies: list[Reply]) -> list[tuple[int, bytes]]:
    """Return the records up to the first that was lost on its way: it must not be taken for one that retention took.

    Each says which one the replica sent before it in this page; the first says 0.
    """
    items: list[tuple[int, bytes]] = []
    before = 0
    for reply in replies:
        if int(reply.headers["Nats-Last-Sequence"]) != before:
            break
        before = int(reply.headers["Nats-Sequence"])
        items.append((before, reply.payload))
    return items


def _is_last(reply: Reply) -> bool:
    return "Status" in reply.headers
