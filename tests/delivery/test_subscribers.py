"""Subscribers: found by target, limited exactly, counted exactly, forgotten completely."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.delivery.subscribers import Subscriber, SubscriberCounts, Subscribers
from hub.errors import HubFull
from hub.target import CONTROL, EVERYONE, Target, account_target, user_target
from tests.fakes import FakeLink, make_subscriber

USERS = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "3")]
EVERY_TARGET = [user_target("b", "3"), account_target("a"), EVERYONE]


def make_subscribers(*, limit: int = 100, limit_per_user: int = 20) -> Subscribers:
    """Return an empty register."""
    return Subscribers(limit=limit, limit_per_user=limit_per_user)


@pytest.fixture
def subscribers() -> Subscribers:
    """One subscriber for each user."""
    registered = make_subscribers()
    for account_id, user_id in USERS:
        assert registered.add(make_subscriber(user_id, account_id)) is None
    return registered


def names(matched: list[Subscriber]) -> list[str]:
    """Return the `account/user` of each."""
    return [subscriber.id for subscriber in matched]


class TestMatch:
    @pytest.mark.parametrize(
        ("targets", "expected"),
        [
            ([user_target("a", "1")], ["a/1"]),
            ([account_target("a")], ["a/1", "a/2"]),
            ([EVERYONE], ["a/1", "a/2", "b/1", "b/3"]),
            ([user_target("a", "1"), account_target("a")], ["a/1", "a/2"]),
            ([user_target("b", "3"), account_target("a"), EVERYONE], ["b/3", "a/1", "a/2", "b/1"]),
            ([user_target("a", "1"), user_target("a", "1")], ["a/1"]),
            ([user_target("a", "3")], []),
            ([user_target("c", "1"), account_target("c")], []),
            ([CONTROL], []),
            ([CONTROL, user_target("a", "2")], ["a/2"]),
            ([], []),
        ],
    )
    def test_match_and_count(self, subscribers: Subscribers, targets: list[Target], expected: list[str]) -> None:
        """Every subscriber of a target is found once, by user, by account or all, and no other; so they are counted."""
        assert expected == names(subscribers.match(targets))
        assert len(expected) == subscribers.count(targets, "info")

    def test_several_connections_of_a_user(self, subscribers: Subscribers) -> None:
        """Each connection of a user is found, the oldest first."""
        second = make_subscriber("1", "a")
        subscribers.add(second)
        matched = subscribers.match([user_target("a", "1")])
        assert 2 == len(matched)
        assert matched[1] is second

    def test_ids_do_not_run_into_each_other(self) -> None:
        """A user of one account is never taken for one of another, whatever the ids spell together."""
        subscribers = make_subscribers()
        for account_id, user_id in [("a", "bc"), ("ab", "c"), ("a b", "c"), ("a", "b c"), ("e", "e")]:
            subscribers.add(make_subscriber(user_id, account_id))
        assert ["a/bc"] == names(subscribers.match([user_target("a", "bc")]))
        assert ["a/bc", "a/b c"] == names(subscribers.match([account_target("a")]))
        assert ["a b/c"] == names(subscribers.match([user_target("a b", "c")]))

    def test_what_was_matched_may_leave(self, subscribers: Subscribers) -> None:
        """A loop over the matched subscribers may remove each of them."""
        for targets in ([EVERYONE], [EVERYONE, account_target("a")]):
            for subscriber in subscribers.match(targets):
                subscribers.remove(subscriber)
        assert [] == subscribers.everyone()

    def test_targets_come_from_the_credential(self) -> None:
        """A subscriber is found by the account it was admitted to and the user of its grant."""
        subscriber = make_subscriber("1", "a")
        assert (user_target("a", "1"), account_target("a"), EVERYONE) == subscriber.targets
        assert ("a", "1") == (subscriber.account_id, subscriber.user_id)


class TestLimits:
    def test_a_removed_one_is_not_written_to_directly(self) -> None:
        """A fan-out that is under way has its socket at hand, and must not write to what was ended in between."""
        link = FakeLink(has_send_socket=True)
        subscriber = make_subscriber("1", link=link)
        subscribers = make_subscribers()
        subscribers.add(subscriber)
        assert link.send_socket is not None
        link.send_socket.is_clear = True
        assert {subscriber: link.send_socket} == subscribers.find(subscriber.targets[:1])
        subscribers.remove(subscriber)
        assert not link.send_socket.is_clear

    def test_hub_limit_holds_exactly(self) -> None:
        """The limit is reached, never passed, and a place that becomes free is given again."""
        subscribers = make_subscribers(limit=2)
        first = make_subscriber("1")
        subscribers.add(first)
        subscribers.add(make_subscriber("2"))
        with pytest.raises(HubFull):
            subscribers.add(make_subscriber("3"))
        assert 2 == len(subscribers)
        subscribers.remove(first)
        assert subscribers.add(make_subscriber("3")) is None
        assert 2 == len(subscribers)

    def test_user_limit_evicts_the_oldest(self) -> None:
        """One connection too many of a user takes the place of that user's oldest, and of nobody else's."""
        subscribers = make_subscribers(limit_per_user=2)
        other = make_subscriber("2")
        mine = [make_subscriber("1") for _ in range(4)]
        subscribers.add(other)
        assert [None, None, *mine[:2]] == [subscribers.add(subscriber) for subscriber in mine]
        assert [other, *mine[2:]] == subscribers.everyone()
        assert not subscribers.remove(mine[0])

    def test_same_user_id_in_another_account_is_another_user(self) -> None:
        """The limit per user is per account and user."""
        subscribers = make_subscribers(limit_per_user=1)
        assert subscribers.add(make_subscriber("1", "a")) is None
        assert subscribers.add(make_subscriber("1", "b")) is None

    def test_full_hub_lets_a_user_change_a_connection(self) -> None:
        """In a full hub a user at the limit gives up the oldest connection for the new one."""
        subscribers = make_subscribers(limit=2, limit_per_user=1)
        old = make_subscriber("1")
        subscribers.add(old)
        subscribers.add(make_subscriber("2"))
        assert old is subscribers.add(make_subscriber("1"))
        assert 2 == len(subscribers)

    def test_full_hub_evicts_nobody_for_nothing(self) -> None:
        """A connection that is refused because the hub is full ends no other connection."""
        subscribers = make_subscribers(limit=2, limit_per_user=2)
        for user_id in ("1", "2"):
            subscribers.add(make_subscriber(user_id))
        with pytest.raises(HubFull):
            subscribers.add(make_subscriber("1"))
        assert ["a1/1", "a1/2"] == names(subscribers.everyone())


class TestRemove:
    def test_remove_once(self, subscribers: Subscribers) -> None:
        """The first removal forgets a subscriber, the second finds nothing; so does one that never was there."""
        (subscriber,) = subscribers.match([user_target("a", "1")])
        assert [True, False] == [subscribers.remove(subscriber), subscribers.remove(subscriber)]
        assert not subscribers.remove(make_subscriber("1", "a"))
        assert ["a/2"] == names(subscribers.match([account_target("a")]))


def test_statistics(subscribers: Subscribers) -> None:
    """Connections are counted by transport and by account; a user with several connections is one user."""
    subscribers.add(make_subscriber("1", "a", transport="sse"))
    subscribers.add(make_subscriber("1", "a", transport="durable-streams"))
    assert SubscriberCounts(6, 4, 1, 1, 4, 2) == subscribers.count_all()
    assert {"a": 4, "b": 2} == subscribers.count_by_account()


@given(users=st.lists(st.sampled_from(USERS), max_size=40))
def test_all_gone_is_as_new(users: list[tuple[str, str]]) -> None:
    """When everybody has left, nothing is left of them."""
    subscribers = make_subscribers(limit_per_user=3)
    added = [make_subscriber(user_id, account_id) for account_id, user_id in users]
    for subscriber in added:
        subscribers.add(subscriber)
    for subscriber in added:
        subscribers.remove(subscriber)
    assert (SubscriberCounts(0, 0, 0, 0, 0, 0), {}) == (subscribers.count_all(), subscribers.count_by_account())
    assert vars(make_subscribers())["_by_target"] == vars(subscribers)["_by_target"], "a target is kept for ever"


class Register(RuleBasedStateMachine):
    """Random arrivals and departures beside a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.subscribers = make_subscribers(limit=6, limit_per_user=2)
        self.present: list[Subscriber] = []
        self.muted: dict[tuple[str, str], frozenset[str]] = dict.fromkeys(USERS, frozenset())

    @rule(user=st.sampled_from(USERS), sse=st.booleans())
    def add(self, user: tuple[str, str], sse: bool) -> None:
        """A connection arrives."""
        subscriber = make_subscriber(user[1], user[0], transport="sse" if sse else "websocket")
        mine = [present for present in self.present if present.targets == subscriber.targets]
        if len(mine) < 2 and len(self.present) >= 6:
            with pytest.raises(HubFull):
                self.subscribers.add(subscriber)
            return
        evicted = self.subscribers.add(subscriber)
        assert evicted is (mine[0] if len(mine) >= 2 else None)
        self.present = [present for present in self.present if present is not evicted] + [subscriber]

    @rule(pick=st.integers(0, 5))
    def remove(self, pick: int) -> None:
        """A connection departs."""
        if self.present:
            assert self.subscribers.remove(self.present.pop(pick % len(self.present)))

    @rule(user=st.sampled_from(USERS), kinds=st.frozensets(st.sampled_from("xy")))
    def mute(self, user: tuple[str, str], kinds: frozenset[str]) -> None:
        """A user mutes some types and no others, connected or not."""
        self.subscribers.mute(user_target(*user), kinds)
        self.muted[user] = kinds

    @invariant()
    def reaches_whom_it_should(self) -> None:
        """A notification of a type is for every connection of its targets, but not for those that muted the type."""
        for targets in (*([user_target(*user)] for user in USERS), [account_target("a")], [EVERYONE], EVERY_TARGET):
            for kind in "xyz":
                expected = [
                    subscriber
                    for subscriber in self.subscribers.match(targets)
                    if kind not in self.muted[subscriber.account_id, subscriber.user_id]
                ]
                assert expected == list(self.subscribers.find_unmuted(targets, kind))
                assert len(expected) == self.subscribers.count(targets, kind)
        assert bool(self.subscribers.muting) == any(self.muted[each.account_id, each.user_id] for each in self.present)

    @invariant()
    def same(self) -> None:
        """Register and list agree on everything."""
        assert self.present == self.subscribers.everyone()
        assert len(self.present) == len(self.subscribers)
        transports = Counter(subscriber.transport for subscriber in self.present)
        accounts = Counter(subscriber.account_id for subscriber in self.present)
        users = {(subscriber.account_id, subscriber.user_id) for subscriber in self.present}
        assert self.subscribers.count_all() == SubscriberCounts(
            len(self.present), transports["websocket"], transports["sse"], 0, len(users), len(accounts)
        )
        assert self.subscribers.count_by_account() == dict(accounts)
        for account_id, user_id in USERS:
            for target in (user_target(account_id, user_id), account_target(account_id)):
                expected = [subscriber for subscriber in self.present if target in subscriber.targets]
                assert expected == self.subscribers.match([target])


TestRegister = Register.TestCase
