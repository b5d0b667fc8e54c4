"""Which nodes there are: those that were heard lately. Pure; moments are arguments, by the monotonic clock."""

from __future__ import annotations

from contracts.stats import NodeStats
from hub.cluster.clocks import ClockDifference
from hub.cluster.message import PresenceMessage

__all__ = ["Member", "Members", "NameConflict"]

#: A node that was not heard for so long is not waited for. It sends a beacon four times a second.
SILENT_S = 1.0
#: After so long it is gone.
GONE_S = 6.0
#: More nodes than any cluster has: beyond that somebody invents them.
MAX_MEMBERS = 256


class NameConflict(Exception):
    """Two nodes that run have one name; the text is that name."""


class Member:
    """One other node, as far as it was heard."""

    __slots__ = ("clock", "heard_s", "life", "name", "presence")

    def __init__(self, name: str, life: str, now_s: float) -> None:
        self.name = name
        self.life = life
        self.heard_s = now_s
        self.presence: PresenceMessage | None = None
        self.clock = ClockDifference()


class Members:
    """The other nodes; `node` and `life` are ours."""

    def __init__(self, node: str, life: str) -> None:
        self._node = node
        self._life = life
        self._members: dict[str, Member] = {}

    def hear(self, node: str, life: str, now_s: float) -> Member | None:
        """Note a message of a node and return it; None for our own, and where there are too many.

        Raises:
            NameConflict: another run of this name was heard a moment ago, or it is our name.
        """
        if life == self._life:
            return None
        if node == self._node:
            raise NameConflict(node)
        member = self._members.get(node)
        if member is None or member.life != life:
            if member is not None and now_s - member.heard_s < SILENT_S:
                # The newer run counts: of two that go on, this is said again and again.
                self._members[node] = Member(node, life, now_s)
                raise NameConflict(node)
            if member is None and len(self._members) >= MAX_MEMBERS:
                self._sweep(now_s)
                if len(self._members) >= MAX_MEMBERS:
                    return None
            member = self._members[node] = Member(node, life, now_s)
        member.heard_s = max(member.heard_s, now_s)
        return member

    def leave(self, node: str, life: str) -> None:
        """Forget a node that says that it ends."""
        member = self._members.get(node)
        if member is not None and member.life == life:
            del self._members[node]

    def find(self, node: str, now_s: float) -> Member | None:
        """Return a node that is not gone."""
        member = self._members.get(node)
        return member if member is not None and now_s - member.heard_s < GONE_S else None

    def list_alive(self, now_s: float) -> list[Member]:
        """Return the nodes that are not gone, in the order of their names."""
        alive = [member for member in self._members.values() if now_s - member.heard_s < GONE_S]
        return sorted(alive, key=lambda member: member.name)

    def list_answering(self, now_s: float) -> list[str]:
        """Return the names of those that it is worth waiting for."""
        return [member.name for member in self._members.values() if now_s - member.heard_s < SILENT_S]

    def describe(self, now_s: float) -> list[NodeStats]:
        """Return a row for each that is not gone and has told of itself."""
        rows = []
        for member in self.list_alive(now_s):
            told = member.presence
            if told is None or told.state == "leaving":
                continue
            seen_s = max(0.0, now_s - member.heard_s)
            rows.append(
                NodeStats(
                    node=member.name,
                    state=told.state if seen_s < SILENT_S else "silent",
                    version=told.version,
                    connections=told.connections,
                    users=told.users,
                    applied=told.applied,
                    lag=told.lag,
                    nats="connected" if seen_s < SILENT_S else "disconnected",
                    uptime_seconds=told.uptime_s,
                    seen_seconds=round(seen_s, 3),
                    clock_skew_seconds=round(member.clock.known_s, 3),
                )
            )
        return rows

    def _sweep(self, now_s: float) -> None:
        for name in [name for name, member in self._members.items() if now_s - member.heard_s >= GONE_S]:
            del self._members[name]
