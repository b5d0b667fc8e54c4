"""What users have muted: in memory, in the dispatch and in a replay."""

from __future__ import annotations

import json

from contracts.frame import RESERVED_TYPES
from hub.cursor import Cursor
from hub.delivery.mutes import Mutes, read_type
from hub.publish.body import parse_publish
from hub.publish.registry import load_type_registry
from hub.target import EVERYONE, account_target, user_target
from tests.delivery.harness import Harness

REGISTRY = load_type_registry(["contracts.avelarsys", "tests.contracts.company"])
USER = user_target("a1", "u1")
MUTED = frozenset({"other"})


def test_type_is_read_from_what_a_publish_stores() -> None:
    """The type of every publishable notification is found in its payload without decoding it."""
    for tag in REGISTRY.types:
        body = {"type": tag, "title": "a", "message": "b", "everyone": True, "data": {"serviceOrderId": 1, "stops": []}}
        if tag.endswith(("closed", "seen", "split")):
            del body["data"]
        publication = parse_publish(json.dumps(body).encode(), REGISTRY, now_s=0)
        assert tag == read_type(publication.payload("id"))


def test_types_of_the_hub_cannot_be_published() -> None:
    """What a state record begins with is never the type of a notification, so it cannot be muted."""
    assert RESERVED_TYPES.isdisjoint(REGISTRY.types)


def test_nothing_is_held_of_users_who_mute_nothing() -> None:
    """Users who have muted something are held, equal sets once; the others are not."""
    mutes = Mutes()
    mutes.put(USER, frozenset(["a", "b"]))
    mutes.put(user_target("a1", "u2"), frozenset(["b", "a"]))
    assert mutes.find(USER) is mutes.find(user_target("a1", "u2"))
    mutes.put(USER, frozenset())
    mutes.put(user_target("a1", "u3"), frozenset())
    assert 1 == len(mutes)
    assert frozenset() == mutes.find(USER)


async def test_muted_type_is_not_dispatched_and_the_place_goes_on() -> None:
    """No connection of the user gets it, whomever it is for; others do, and everybody's place is behind it."""
    harness = Harness()
    muting, link = await harness.connect("u1")
    _, again = await harness.connect("u1")
    other, theirs = await harness.connect("u2")
    harness.subscribers.mute(USER, MUTED)
    harness.log.publish(USER, tag="other")
    harness.log.publish(account_target("a1"), tag="other")
    harness.log.publish(EVERYONE, tag="other")
    harness.log.publish(EVERYONE)
    await harness.dispatch()
    assert [4] == link.positions == again.positions
    assert [2, 3, 4] == theirs.positions
    assert 4 == harness.progress.place(muting) == harness.progress.place(other)
    assert 5 == harness.metrics.deliveries["websocket"]


async def test_a_connection_that_comes_later_is_muted_too() -> None:
    """Mutes belong to the user and not to a connection; unmuted, all of them get the type again."""
    harness = Harness()
    harness.subscribers.mute(USER, MUTED)
    _, link = await harness.connect("u1")
    assert not harness.subscribers.find_unmuted([EVERYONE], "other")
    harness.subscribers.mute(USER, frozenset())
    harness.log.publish(EVERYONE, tag="other")
    await harness.dispatch()
    assert [1] == link.positions
    assert not harness.subscribers.muting


async def test_muted_type_is_not_replayed_and_the_place_goes_on() -> None:
    """A client that returns does not get what it has muted meanwhile, and will not get it later either."""
    harness = Harness(page_records=2)
    for tag in ("info", "other", "other", "other", "other", "info", "other"):
        harness.log.publish(EVERYONE, tag=tag)
    harness.subscribers.mute(USER, MUTED)
    subscriber, link = harness.register("u1")
    harness.resumption.begin(subscriber, Cursor(harness.log.epoch, 0))
    await harness.replay.run(subscriber)
    assert [1, 6] == link.positions
    assert 7 == harness.progress.place(subscriber) == subscriber.session.last
    assert 2 == harness.metrics.replayed
