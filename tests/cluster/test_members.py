"""Which nodes there are, by what was heard and when."""

from __future__ import annotations

import pytest

from contracts.stats import ConnectionCounts
from hub.cluster.members import GONE_S, MAX_MEMBERS, Members, NameConflict
from hub.cluster.message import PresenceMessage

OWN, FIRST, SECOND = "0" * 16, "1" * 16, "2" * 16


def _presence(life: str) -> PresenceMessage:
    return PresenceMessage(
        node="b",
        life=life,
        state="ready",
        version="1",
        connections=ConnectionCounts(total=1, websocket=1, sse=0),
        users=1,
        applied=1,
        lag=0,
        uptime_s=1.0,
        at_s=0.0,
    )


def test_a_dead_node_is_silent_then_gone() -> None:
    """A node that says nothing is not waited for after a second, shown as silent, and gone after six."""
    members = Members("a", OWN)
    member = members.hear("b", FIRST, 0.0)
    assert member is not None
    member.presence = _presence(FIRST)
    assert (["b"], ["ready"]) == (members.list_answering(0.5), [row.state for row in members.describe(0.5)])
    assert ([], ["silent"]) == (members.list_answering(2.0), [row.state for row in members.describe(2.0)])
    assert ([], []) == (members.list_alive(GONE_S), members.describe(GONE_S))


def test_a_restarted_node_takes_its_name_again() -> None:
    """Another life of a name that was silent is the same node again; while the first is heard, it is a conflict."""
    members = Members("a", OWN)
    members.hear("b", FIRST, 0.0)
    with pytest.raises(NameConflict):
        members.hear("b", SECOND, 0.5)
    assert members.hear("b", SECOND, 3.0) is not None
    members.leave("b", FIRST)
    assert ["b"] == members.list_answering(3.0)
    members.leave("b", SECOND)
    assert [] == members.list_answering(3.0)


def test_our_own_name_is_ours() -> None:
    """What we said ourselves is passed over, and another life with our name is a conflict."""
    members = Members("a", OWN)
    assert members.hear("a", OWN, 0.0) is None
    with pytest.raises(NameConflict):
        members.hear("a", FIRST, 0.0)


def test_invented_nodes_are_bounded() -> None:
    """However many names somebody invents, no more are kept than a cluster has; they make room once they are gone."""
    members = Members("a", OWN)
    heard = [members.hear(f"n{number}", FIRST, 0.0) for number in range(MAX_MEMBERS + 10)]
    assert MAX_MEMBERS == sum(member is not None for member in heard)
    assert members.hear("real", FIRST, GONE_S) is not None
