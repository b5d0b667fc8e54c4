"""The feed of what was dispatched, for operators who look."""

from __future__ import annotations

from contracts.observation import MAX_FEED_ITEMS, FeedTarget
from hub.delivery.feed import MAX_ITEMS_PER_TYPE
from hub.log.port import Draft, Kind, Record
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.delivery.harness import Harness
from tests.fakes import NOW_S

USER = "12345678901"


def payload(kind: str = "stock_alert", number: int = 0) -> bytes:
    """Return what the log holds of a notification."""
    return b'{"type":"%b","id":"n-%d","title":"Segredo","timestamp":"2026-11-22T14:03:07.125Z"}' % (
        kind.encode(),
        number,
    )


def note(
    harness: Harness, *targets: Target, body: bytes = payload(), expires_at_s: float | None = None, position: int = 1
) -> None:
    """Note one notification as the dispatcher does."""
    kind = Kind.CONTROL if CONTROL in targets else Kind.NOTIFICATION
    harness.feed.note([Record(position, targets, body, expires_at_s, kind=kind)])


async def test_a_notification_is_noted_without_its_person_and_texts() -> None:
    """A watcher gets id, type, time, cursor, masked target and how many connections there were; nothing else."""
    harness = Harness()
    await harness.connect(USER)
    with harness.feed.watch() as watcher:
        note(harness, user_target("a1", USER))
        (item,), skipped = watcher.take()
    assert (0, "n-0", "stock_alert", 1) == (skipped, item.id, item.type, item.connections)
    assert FeedTarget(kind="user", account_id="***", user_id="*********01") == item.target
    assert "2026-11-22T14:03:07.125Z" == item.timestamp
    assert not {USER, "Segredo"} & {str(value) for value in (item.target.user_id, item.id, item.cursor)}


async def test_who_may_see_ids_does() -> None:
    """Of two watchers of one notification only the one that may see ids gets them."""
    harness = Harness()
    with harness.feed.watch(shows_ids=True) as trusted, harness.feed.watch() as other:
        note(harness, user_target("account-1", USER))
        assert FeedTarget(kind="user", account_id="account-1", user_id=USER) == trusted.take()[0][0].target
        assert FeedTarget(kind="user", account_id="*******-1", user_id="*********01") == other.take()[0][0].target


async def test_the_dispatcher_tells_what_it_dispatched() -> None:
    """Each record of a batch is noted once, in order, after it was handed to its subscribers."""
    harness = Harness()
    _, link = await harness.connect("u1", "a1")
    for target in (EVERYONE, user_target("a1", "u1"), account_target("a2")):
        await harness.log.append([Draft(id="n-0", targets=(target,), payload=payload())])
    with harness.feed.watch() as watcher:
        await harness.dispatch()
        items, skipped = watcher.take()
    assert [1, 2] == link.positions
    assert ([1, 1, 0], 0) == ([item.connections for item in items], skipped)
    assert ["memory2345-1", "memory2345-2", "memory2345-3"] == [item.cursor for item in items]


async def test_every_kind_of_target_is_told() -> None:
    """Users of one account and of several, an account and everyone are told apart."""
    harness = Harness()
    with harness.feed.watch(shows_ids=True) as watcher:
        note(harness, user_target("a", "1"), user_target("a", "2"))
        note(harness, user_target("a", "1"), user_target("b", "2"), user_target("b", "3"))
        note(harness, account_target("a"))
        note(harness, EVERYONE)
        items, _ = watcher.take()
    assert [
        FeedTarget(kind="users", account_id="a", users=2),
        FeedTarget(kind="users", users=3),
        FeedTarget(kind="account", account_id="a"),
        FeedTarget(kind="everyone"),
    ] == [item.target for item in items]


async def test_nothing_is_noted_while_nobody_looks() -> None:
    """Before the first watcher and after the last one the feed holds nothing and is not asked."""
    harness = Harness()
    watched = [harness.feed.is_watched]
    note(harness, EVERYONE)
    with harness.feed.watch() as watcher:
        watched.append(harness.feed.is_watched)
    watched.append(harness.feed.is_watched)
    note(harness, EVERYONE)
    assert [False, True, False] == watched
    assert ([], 0) == watcher.take()


async def test_each_watcher_has_its_own() -> None:
    """What one watcher takes is still there for another."""
    harness = Harness()
    with harness.feed.watch() as first, harness.feed.watch() as second:
        note(harness, EVERYONE)
        assert 1 == len(first.take()[0])
        assert 1 == len(second.take()[0])
        assert ([], 0) == first.take()


async def test_what_is_held_is_bounded_and_the_rest_is_counted() -> None:
    """A frequent type is counted beyond its bound, a rare one is still shown, and all together have a bound too."""
    harness = Harness()
    with harness.feed.watch() as watcher:
        for number in range(MAX_ITEMS_PER_TYPE + 7):
            note(harness, EVERYONE, body=payload("stock_alert", number))
        note(harness, EVERYONE, body=payload("order_created", 1_000))
        items, skipped = watcher.take()
        assert (MAX_ITEMS_PER_TYPE + 1, 7, "n-1000") == (len(items), skipped, items[-1].id)
        for number in range(MAX_FEED_ITEMS + 3):
            note(harness, EVERYONE, body=payload(f"type_{number}", number))
        items, skipped = watcher.take()
        assert (MAX_FEED_ITEMS, 3) == (len(items), skipped)


async def test_the_hubs_own_records_are_passed_over() -> None:
    """A revocation and a damaged record are not in the feed; one that cannot be read is counted."""
    harness = Harness()
    with harness.feed.watch() as watcher:
        note(harness, CONTROL)
        harness.feed.note([Record.damaged(7)])
        note(harness, EVERYONE, body=b'{"kind":"of a newer hub"}')
        note(harness, EVERYONE, body=b'{"type":"\xff","id":"n-1"}')
        assert ([], 2) == watcher.take()


async def test_an_expired_notification_reaches_nobody() -> None:
    """A notification that expired before it was dispatched is shown with no connection."""
    harness = Harness()
    await harness.connect(USER)
    with harness.feed.watch() as watcher:
        note(harness, EVERYONE, expires_at_s=NOW_S)
        (item,), _ = watcher.take()
    assert 0 == item.connections
