"""The open connections, by target. Synchronous: a result is true until the caller next awaits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from hub.auth.grant import Grant
from hub.delivery.link import Link, SendSocket
from hub.delivery.mutes import NOTHING_MUTED, Mutes
from hub.delivery.resume_points import ResumePoint
from hub.delivery.session import Session
from hub.errors import HubFull, TooManyConnections
from hub.target import EVERYONE, WITHOUT_ACCOUNT, Target, subscriber_targets

__all__ = [
    "Matched",
    "Subscriber",
    "SubscriberCounts",
    "Subscribers",
    "TransportName",
]

TransportName = Literal["websocket", "sse", "durable-streams"]


_NO_SIGNALS: frozenset[str] = frozenset()


class Subscriber:
    """One live connection as the dispatcher sees it.

    `account_id` and `user_id` come from a verified credential and from nowhere else. `speaks_hub_v1`:
    the client may get frames that the deployed frontends do not know. `point` is where a client without a cursor
    resumes.
    """

    __slots__ = (
        "account_id",
        "acknowledged",
        "began",
        "grant",
        "id",
        "link",
        "muted",
        "point",
        "session",
        "signals",
        "speaks_hub_v1",
        "targets",
        "transport",
        "user_id",
    )

    def __init__(
        self,
        *,
        id: str,
        grant: Grant,
        transport: TransportName,
        session: Session,
        link: Link,
        speaks_hub_v1: bool,
    ) -> None:
        self.id = id
        self.grant = grant
        self.account_id = grant.account_id
        self.user_id = grant.user_id
        self.transport: TransportName = transport
        self.session = session
        self.link = link
        self.speaks_hub_v1 = speaks_hub_v1
        self.point: ResumePoint | None = None
        #: The position after which this connection was handed what was due.
        self.began = 0
        #: The position that the client has acknowledged last; None as long as it acknowledges nothing.
        self.acknowledged: int | None = None
        #: The types of signals that the client asked for.
        self.signals: frozenset[str] = _NO_SIGNALS
        #: The types of notifications that the user has muted; `Subscribers` keeps it up to date.
        self.muted: frozenset[str] = NOTHING_MUTED
        self.targets = subscriber_targets(grant.account_id, grant.user_id)


#: Subscribers, each with what a fan-out writes to directly.
Matched: TypeAlias = Mapping[Subscriber, SendSocket | None]
_NOBODY: Matched = MappingProxyType({})


class SubscriberCounts(NamedTuple):
    """How many there are at one instant; a user is an (account, user) pair."""

    connections: int
    websocket: int
    sse: int
    durable_streams: int
    unique_users: int
    accounts: int


class Subscribers:
    """Every registered connection, found by user, by account and all together.

    `limit` holds exactly; `limit_per_user` evicts that user's oldest connection. `mutes` is changed through `mute`
    alone.
    """

    def __init__(self, *, limit: int, limit_per_user: int) -> None:
        self.mutes = Mutes()
        #: Those whose users have muted anything. Where there is none, a fan-out does not look any further.
        self.muting: dict[Target, dict[Subscriber, None]] = {}
        self._limit = limit
        self._limit_per_user = limit_per_user
        # With what a fan-out writes to directly, so that it need not look at the subscriber.
        self._by_target: dict[Target, dict[Subscriber, SendSocket | None]] = {EVERYONE: {}}
        #: Those that `EVERYONE` does not reach.
        self._without_account: dict[Subscriber, None] = {}
        self._by_transport: Counter[TransportName] = Counter()
        self._users = 0
        self._accounts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_target[EVERYONE]) + len(self._without_account)

    def add(self, subscriber: Subscriber) -> Subscriber | None:
        """Register; return the same user's oldest connection where it has to go for this one.

        The returned one is no longer registered; the caller closes it. A reader of Durable Streams ends none: its
        protocol cannot tell the ended one to stay away, and the two would take each other's place for ever.

        Raises:
            HubFull: the hub has its limit of connections, and this user has none that could be ended for it.
            TooManyConnections: this user has as many connections as one may have, and none is ended for this one.
        """
        mine = self._by_target.get(subscriber.targets[0], {})
        evicted = next(iter(mine)) if len(mine) >= self._limit_per_user else None
        if evicted is not None and subscriber.transport == "durable-streams":
            raise TooManyConnections
        if evicted is None and len(self) >= self._limit:
            raise HubFull
        if evicted is not None:
            self.remove(evicted)
        for target in subscriber.targets:
            self._by_target.setdefault(target, {})[subscriber] = subscriber.link.send_socket
        if muted := self.mutes.find(subscriber.targets[0]):
            self._set_muted(subscriber, muted)
        if subscriber.account_id == WITHOUT_ACCOUNT:
            self._without_account[subscriber] = None
        self._by_transport[subscriber.transport] += 1
        self._accounts[subscriber.account_id] += 1
        if len(self._by_target[subscriber.targets[0]]) == 1:
            self._users += 1
        return evicted

    def remove(self, subscriber: Subscriber) -> bool:
        """Forget a connection; False where it was not registered (any more)."""
        if subscriber not in self._by_target[EVERYONE] and self._without_account.pop(subscriber, self) is self:
            return False
        # Also for a fan-out that is under way, and has those of its next slices at hand.
        if (send_socket := subscriber.link.send_socket) is not None:
            send_socket.is_clear = False
        for target in subscriber.targets:
            registered = self._by_target[target]
            del registered[subscriber]
            # An empty entry per target ever seen would grow for ever.
            if not registered and target != EVERYONE:
                del self._by_target[target]
        if subscriber.muted:
            self._set_muted(subscriber, NOTHING_MUTED)
        self._by_transport[subscriber.transport] -= 1
        self._accounts[subscriber.account_id] -= 1
        if not self._accounts[subscriber.account_id]:
            del self._accounts[subscriber.account_id]
        if subscriber.targets[0] not in self._by_target:
            self._users -= 1
        return True

    def find(self, targets: Sequence[Target]) -> Matched:
        """Return every subscriber of any of the targets, as `match` does, with what a fan-out writes to directly.

        It changes as they come and go: not to be kept over an await, and not to be changed.
        """
        if len(targets) == 1:
            return self._by_target.get(targets[0], _NOBODY)
        matched: dict[Subscriber, SendSocket | None] = {}
        for target in targets:
            matched.update(self._by_target.get(target, _NOBODY))
        return matched

    def find_unmuted(self, targets: Sequence[Target], kind: str) -> Matched:
        """Return what `find` does, without the subscribers whose users have muted this type."""
        matched = self.find(targets)
        muting = {each for target in targets for each in self.muting.get(target, ()) if kind in each.muted}
        return {each: socket for each, socket in matched.items() if each not in muting} if muting else matched

    def match(self, targets: Sequence[Target]) -> list[Subscriber]:
        """Return every subscriber of any of the targets, each once, oldest first within a target."""
        return list(self.find(targets))

    def count(self, targets: Sequence[Target], kind: str) -> int:
        """Return how many subscribers of any of the targets a notification of this type is for."""
        return len(self.find_unmuted(targets, kind) if self.muting else self.find(targets))

    def mute(self, user: Target, kinds: frozenset[str]) -> None:
        """Note that a user has muted these types and no others, for each connection that is or will be open."""
        self.mutes.put(user, kinds)
        for subscriber in self._by_target.get(user, _NOBODY):
            self._set_muted(subscriber, kinds)

    def everyone(self) -> list[Subscriber]:
        """Return every subscriber, oldest first; people without an account come last."""
        return [*self._by_target[EVERYONE], *self._without_account]

    def count_all(self) -> SubscriberCounts:
        """Return the counts of this instant, without the accounts' own."""
        transports = self._by_transport
        return SubscriberCounts(
            len(self),
            transports["websocket"],
            transports["sse"],
            transports["durable-streams"],
            self._users,
            len(self._accounts),
        )

    def _set_muted(self, subscriber: Subscriber, kinds: frozenset[str]) -> None:
        subscriber.muted = kinds
        for target in subscriber.targets:
            if kinds:
                self.muting.setdefault(target, {})[subscriber] = None
            elif (muting := self.muting.get(target)) is not None:
                muting.pop(subscriber, None)
                if not muting:
                    del self.muting[target]

    def largest_accounts(self, limit: int) -> list[tuple[str, int]]:
        """Return the accounts with the most connections, and how many each has; at most `limit` of them."""
        return self._accounts.most_common(limit)

    def count_by_account(self) -> dict[str, int]:
        """Return how many connections each account has."""
        return dict(self._accounts)
