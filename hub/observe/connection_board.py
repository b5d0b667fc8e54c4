"""Which connections there are: of one user, and of what a publish would reach; here and, in a cluster, everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import msgspec

from contracts.observation import MAX_FOUND, UserConnection
from contracts.receipt import NodesAnswered
from contracts.stats import ConnectionCounts
from hub.cluster.operator import AskConnections, AskMatching, FoundConnections, Matching
from hub.cluster.port import Cluster
from hub.cursor import Cursor, Epoch
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, Subscribers
from hub.target import Target, user_target
from hub.timestamp import format_time

__all__ = ["ConnectionBoard"]

_NOBODY = ConnectionCounts(total=0, websocket=0, sse=0)


class ConnectionBoard:
    """Knows this node's connections, and asks the other nodes for theirs. `place` says how far a subscriber is."""

    def __init__(
        self, subscribers: Subscribers, cluster: Cluster, *, epoch: Epoch, place: Callable[[Subscriber], int]
    ) -> None:
        self._subscribers = subscribers
        self._cluster = cluster
        self._epoch = epoch
        self._place = place

    async def find_everywhere(
        self, user_id: str, account_id: str | None
    ) -> tuple[FoundConnections, NodesAnswered | None]:
        """Return a user's connections to all nodes that answered, and which those are; alone, None."""
        question = AskConnections(user_id, account_id)
        own, asked = self.find(question), await self._cluster.ask_nodes(question)
        if asked is None:
            return own, None
        total, found = own.total, _name(own.connections, self._cluster.node)
        for node, answer in sorted(asked.answers.items()):
            if isinstance(answer, FoundConnections):
                total += answer.total
                found += _name(answer.connections, node)
        return FoundConnections(total, found[:MAX_FOUND]), asked.nodes

    async def match_everywhere(
        self, targets: Sequence[Target], kind: str, user: Target | None
    ) -> tuple[Matching, NodesAnswered | None]:
        """Return what matches at all nodes that answered; a user who is connected to two of them counts twice."""
        question = AskMatching(list(targets), kind, user)
        own, asked = self.match(question), await self._cluster.ask_nodes(question)
        if asked is None:
            return own, None
        every = [own, *(answer for answer in asked.answers.values() if isinstance(answer, Matching))]
        return (
            Matching(
                users=sum(each.users for each in every),
                connections=_add(each.connections for each in every),
                user_connections=_add(each.user_connections for each in every),
                is_live=any(each.is_live for each in every),
                is_muted=any(each.is_muted for each in every),
            ),
            asked.nodes,
        )

    def find(self, asked: AskConnections) -> FoundConnections:
        """Return a user's connections to this node, oldest first."""
        if asked.account_id is not None:
            found = self._subscribers.match([user_target(asked.account_id, asked.user_id)])
        else:
            found = [each for each in self._subscribers.everyone() if each.user_id == asked.user_id]
        return FoundConnections(len(found), [self._describe(each) for each in found[:MAX_FOUND]])

    def match(self, asked: AskMatching) -> Matching:
        """Return what matches at this node."""
        matched = tuple(self._subscribers.find_unmuted([Target(each) for each in asked.targets], asked.kind))
        user = None if asked.user is None else Target(asked.user)
        connected = [] if user is None else self._subscribers.match([user])
        return Matching(
            users=len({subscriber.targets[0] for subscriber in matched}),
            connections=_count(matched),
            user_connections=_count(connected),
            is_live=any(each.session.phase is Phase.LIVE for each in connected),
            is_muted=user is not None and asked.kind in self._subscribers.mutes.find(user),
        )

    def _describe(self, subscriber: Subscriber) -> UserConnection:
        return UserConnection(
            id=subscriber.id,
            account_id=subscriber.account_id,
            role=subscriber.grant.role,
            transport=subscriber.transport,
            protocol="hub.v1" if subscriber.speaks_hub_v1 else "plain",
            state=subscriber.session.phase.value,
            cursor=str(Cursor(self._epoch, self._place(subscriber))),
            waiting_bytes=max(0, subscriber.link.waiting_bytes),
            expires_at=format_time(subscriber.session.expires_at_s),
        )


def _name(connections: Sequence[UserConnection], node: str | None) -> list[UserConnection]:
    return [msgspec.structs.replace(each, node=node) for each in connections]


def _count(subscribers: Sequence[Subscriber]) -> ConnectionCounts:
    transports = Counter(subscriber.transport for subscriber in subscribers)
    return ConnectionCounts(
        total=len(subscribers),
        websocket=transports["websocket"],
        sse=transports["sse"],
        durable_streams=transports["durable-streams"],
    )


def _add(counts: Iterable[ConnectionCounts]) -> ConnectionCounts:
    total = _NOBODY
    for each in counts:
        total = ConnectionCounts(
            total=total.total + each.total,
            websocket=total.websocket + each.websocket,
            sse=total.sse + each.sse,
            durable_streams=total.durable_streams + each.durable_streams,
        )
    return total
