"""The lines of a node that an operator looks for: each one provoked, and as the page on log lines has it."""

from __future__ import annotations

import logging

import pytest

from hub.cluster.isolation import Isolation
from hub.cluster.message import AskClose, QuestionMessage, encode
from tests.cluster.bus import Bus
from tests.cluster.nodes import Node, wait_until
from tests.operator_lines import Lines, check_lines

#: Every event of a node; `tests/test_operator_log.py` compares them with the code and the page.
CLUSTER_EVENTS = {"node_isolated", "node_back", "node_name", "node_clock", "cluster_failed"}


class _Connections:
    async def send_away(self, *, window_s: float) -> None:
        """Send nobody away."""

    def let_in(self) -> None:
        """Let nobody in."""


async def test_each_line_is_written(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cut and its end, a name that is used twice, a wrong clock, and a fault of ours."""
    caplog.set_level(logging.INFO, logger="hub")
    cut = [True]
    isolation = Isolation(
        _Connections(),
        find_reason=lambda: ("isolated", "this node was cut off") if cut[0] else None,
        after_s=0.0,
        window_s=1.0,
        monotonic=lambda: 0.0,
    )
    await isolation.look()
    cut[0] = False
    await isolation.look()

    bus = Bus()
    node = await Node(bus, "a").start()
    late = await Node(bus, "b", clock_s=-60.0).start()
    await wait_until(lambda: ["b"] == node.others() and ["a"] == late.others())
    monkeypatch.setattr(node.hub, "close_for", lambda payload, revoke: 1 / 0)
    for said in (
        QuestionMessage(node="a", life="f" * 16, ask=AskClose("{}", revoke=False)),
        QuestionMessage(node="b", life=late.life, ask=AskClose("{}", revoke=False)),
    ):
        late.nats.publish("hub.node.ask", encode(said), reply="nobody")
    await wait_until(lambda: "the clock of the node b" in caplog.text and "a node's message failed" in caplog.text)
    check_lines(Lines(caplog), CLUSTER_EVENTS)
    for each in (node, late):
        await each.cluster.close()
