"""A node that is cut off sends its clients to other nodes, once, and takes clients again when it is back."""

from __future__ import annotations

from hub.cluster.isolation import Isolation

REASON = ("isolated", "this node has been cut off from NATS")


class _Connections:
    def __init__(self) -> None:
        self.acts: list[str] = []

    async def send_away(self, *, window_s: float) -> None:
        self.acts.append(f"away within {window_s:g} s")

    def let_in(self) -> None:
        self.acts.append("in")


async def test_a_short_cut_moves_nobody() -> None:
    """An election or a restart of a NATS server is shorter than the time after which clients are sent away."""
    connections, now_s, cut = _Connections(), [0.0], [False]
    isolation = Isolation(
        connections,
        find_reason=lambda: REASON if cut[0] else None,
        after_s=15.0,
        window_s=20.0,
        monotonic=lambda: now_s[0],
    )
    for moment_s, is_cut in [(0, False), (1, True), (15, True), (15.5, False), (16, True), (30.9, True)]:
        now_s[0], cut[0] = moment_s, is_cut
        await isolation.look()
        assert not isolation.is_isolated
    assert [] == connections.acts
    assert 30.9 - 16 == isolation.lasted_s


async def test_a_long_cut_sends_clients_away_once() -> None:
    """After that time every client is sent away, spread out; nobody comes in until the node is back."""
    connections, now_s, cut = _Connections(), [0.0], [True]
    isolation = Isolation(
        connections,
        find_reason=lambda: REASON if cut[0] else None,
        after_s=15.0,
        window_s=20.0,
        monotonic=lambda: now_s[0],
    )
    for moment_s in (0, 15, 16, 60):
        now_s[0] = moment_s
        await isolation.look()
    assert (True, ["away within 20 s"]) == (isolation.is_isolated, connections.acts)
    cut[0] = False
    await isolation.look()
    assert (False, ["away within 20 s", "in"]) == (isolation.is_isolated, connections.acts)
