"""Nodes that ask each other over a bus that loses, repeats, delays and reorders."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.receipt import NodesAnswered
from hub.cluster.message import CountsMessage, HeadMessage, encode
from hub.cluster.port import Reached, Result
from hub.cursor import Cursor
from hub.errors import InvalidToken, SettingsError
from hub.log.port import Appended, Record
from hub.target import EVERYONE, Target, user_target
from tests.cluster.bus import Bus
from tests.cluster.nodes import GRANT, Node, wait_until

USER = user_target("12345678000190", "00000000191")


@contextlib.asynccontextmanager
async def run_nodes(*names: str, bus: Bus | None = None) -> AsyncIterator[list[Node]]:
    """Run nodes until each sees all others."""
    shared = bus or Bus()
    nodes = await asyncio.gather(*(Node(shared, name).start() for name in names))
    try:
        await wait_until(lambda: all(len(names) - 1 == len(node.others()) for node in nodes))
        yield nodes
    finally:
        for node in nodes:
            await node.cluster.close()


def _record(position: int, origin: str) -> Record:
    return Record(position, (EVERYONE,), b"{}", None, origin=origin)


async def _publish(node: Node, *positions: int, duplicate: bool = False) -> list[Reached]:
    """Return what a node's receipts of these positions say, once the log has acknowledged them."""
    stored: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
    reach = node.cluster.reach
    assert reach is not None
    followed = reach.follow(stored)
    appended = [Appended(f"n{position}", position, duplicate) for position in positions]
    stored.set_result(list(appended))
    assert appended == await followed
    return [reach.take(each) for each in appended]


class TestReceipts:
    async def test_a_receipt_sums_what_the_nodes_tell(self) -> None:
        """The other nodes tell the one that appended, and the receipt ends with the last of them."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            b.hub.met[1], c.hub.met[1] = 3, 4
            for node in (b, c):
                node.cluster.tell_dispatched([_record(1, "a")])
            assert [Reached(7, NodesAnswered(answered=3, known=3))] == await _publish(a, 1)

    async def test_counts_may_come_before_the_acknowledgement_and_after_it(self) -> None:
        """A node may be quicker or slower than the log's acknowledgement; each position of a batch is waited for."""
        async with run_nodes("a", "b") as (a, b):
            b.hub.met.update({1: 5, 2: 6})
            b.cluster.tell_dispatched([_record(2, "a")])
            publishing = asyncio.create_task(_publish(a, 1, 2))
            await asyncio.sleep(0.01)
            b.cluster.tell_dispatched([_record(1, "a")])
            assert [5, 6] == [reached.count for reached in await publishing]

    async def test_a_node_that_does_not_tell_is_named(self) -> None:
        """The wait ends without it, and a node that is dead is not waited for at all."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            c.hub.met[1] = 2
            c.cluster.tell_dispatched([_record(1, "a")])
            assert [Reached(2, NodesAnswered(answered=2, known=3, silent=["b"]))] == await _publish(a, 1)
            b.nats.is_connected = c.nats.is_connected = False
            await wait_until(lambda: ["silent", "silent"] == [row.state for row in a.cluster.list_nodes()[1:]])
            began_s = time.monotonic()
            (reached,) = await _publish(a, 2)
            assert ["b", "c"] == reached.nodes.silent
            assert time.monotonic() - began_s < 0.1

    async def test_a_duplicate_waits_for_nobody(self) -> None:
        """A repeat was told of when it was stored first."""
        async with run_nodes("a", "b") as (a, _):
            assert [Reached(0, NodesAnswered(answered=1, known=2))] == await _publish(a, 1, duplicate=True)

    async def test_a_failed_append_fails_at_once(self) -> None:
        """What the log raises comes through, and a caller that goes away leaves nothing behind."""
        async with run_nodes("a", "b") as (a, _):
            assert a.cluster.reach is not None
            loop = asyncio.get_running_loop()
            stored: asyncio.Future[list[Result]] = loop.create_future()
            followed = a.cluster.reach.follow(stored)
            stored.set_exception(InvalidToken())
            with pytest.raises(InvalidToken):
                await followed
            left: asyncio.Future[list[Result]] = loop.create_future()
            gone = a.cluster.reach.follow(left)
            gone.cancel()
            left.set_result([])
            await asyncio.sleep(0)
            assert gone.cancelled()

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        seed=st.integers(0, 2**16),
        lose=st.sampled_from([0.0, 0.3]),
        repeat=st.sampled_from([0.0, 0.5]),
        dead=st.booleans(),
    )
    async def test_a_receipt_never_counts_too_much(self, seed: int, lose: float, repeat: float, dead: bool) -> None:
        """Whatever is lost, repeated, late or reordered, a receipt counts each node once, and says which it counts."""
        bus = Bus(seed)
        async with run_nodes("a", "b", "c", bus=bus) as (a, b, c):
            bus.lose, bus.repeat, bus.jitter_s = lose, repeat, 0.02
            positions = list(range(1, 6))
            for node, each in ((b, 1), (c, 10)):
                node.hub.met.update(dict.fromkeys(positions, each))
                if dead and node is c:
                    node.nats.is_connected = False
                    continue
                for position in positions:
                    node.cluster.tell_dispatched([_record(position, "a")])
            for reached in await _publish(a, *positions):
                silent = reached.nodes.silent or []
                expected = sum(each for name, each in (("b", 1), ("c", 10)) if name not in silent)
                assert (expected, 3 - len(silent)) == (reached.count, reached.nodes.answered)
                if not lose and not dead:
                    assert 11 == reached.count
            bus.lose = bus.repeat = bus.jitter_s = 0.0


class TestQuestions:
    async def test_statistics_are_sums_that_say_so(self) -> None:
        """Every number is the sum, accounts are merged, and users are not called distinct."""
        async with run_nodes("a", "b", "c") as nodes:
            for node, number in zip(nodes, count(1), strict=False):
                node.hub.connections = {"x": number, node.name: 1}
            stats = await nodes[0].cluster.sum_stats(nodes[0].hub.collect_stats())
            assert (9, 9, False) == (stats.total_connections, stats.totals.published, stats.users_are_distinct)
            assert {"x": 6, "a": 1, "b": 1, "c": 1} == stats.connections_by_account
            assert {"hub_full": 3} == stats.refusals
            assert [("a", "ready"), ("b", "ready"), ("c", "ready")] == [
                (row.node, row.state) for row in stats.nodes or []
            ]

    async def test_a_node_without_an_answer_is_silent_and_not_counted(self) -> None:
        """Its row says so, and the sums are those of the others."""
        async with run_nodes("a", "b") as (a, b):
            b.nats.is_connected = False
            stats = await a.cluster.sum_stats(a.hub.collect_stats())
            assert 3 == stats.totals.published
            assert [("a", "ready"), ("b", "silent")] == [(row.node, row.state) for row in stats.nodes or []]

    async def test_a_disconnect_reaches_every_node(self) -> None:
        """Each closes its own, the answers are summed, and a node that is cut off is named."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            b.hub.closes, c.hub.closes = 2, 3
            assert Reached(5, NodesAnswered(answered=3, known=3)) == await a.cluster.disconnect(b"{}", revoke=False)
            assert [b"{}"] == b.hub.closed == c.hub.closed
            c.nats.is_connected = False
            reached = await a.cluster.disconnect(b"{}", revoke=True)
            assert Reached(2, NodesAnswered(answered=2, known=3, silent=["c"])) == reached

    async def test_a_signal_reaches_every_node_once(self) -> None:
        """It is handed over with its bytes as they are, and counted."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            reached = await a.cluster.send_signal((USER,), "orders:updated", "k", '{"é":1'.encode())
            assert Reached(4, NodesAnswered(answered=3, known=3)) == reached
            assert [([USER], "orders:updated", "k", '{"é":1'.encode())] == b.hub.signals == c.hub.signals

    async def test_what_a_client_acknowledges_is_told_to_every_node(self) -> None:
        """Any of them may have handed it over; the node that the client told knows already."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            cursor = Cursor(a.log.epoch, 7)
            a.cluster.tell_acknowledged(USER, cursor)
            await wait_until(lambda: [(USER, cursor)] == b.hub.acknowledged == c.hub.acknowledged)
            assert [] == a.hub.acknowledged

    async def test_taken_anywhere_is_taken(self) -> None:
        """A notification that a device took at another node is not pushed; before its dispatch there it is open."""
        async with run_nodes("a", "b", "c") as (a, _, c):
            c.hub.taken.add((USER, 7))
            assert not await a.cluster.has_taken(USER, 7)
            c.hub.applied = 7
            assert await a.cluster.has_taken(USER, 7)
            assert not await a.cluster.has_taken(Target("e"), 7)


class TestTickets:
    async def test_a_ticket_is_good_once_at_any_node(self) -> None:
        """Two nodes that redeem it at one time: one gets the grant."""
        async with run_nodes("a", "b", "c") as (a, b, c):
            ticket = a.hub.tickets.issue(GRANT, origin="https://x.example", now_s=time.time())
            redeeming = [node.cluster.redeem(ticket, "https://x.example") for node in (b, c, b)]
            outcomes = await asyncio.gather(*redeeming, return_exceptions=True)
            assert [GRANT] == [each for each in outcomes if not isinstance(each, BaseException)]
            assert [InvalidToken] * 2 == [type(each) for each in outcomes if isinstance(each, BaseException)]

    async def test_a_dead_nodes_ticket_is_void(self) -> None:
        """Nobody but its node can say that it is good; the refusal comes within the deadline."""
        async with run_nodes("a", "b") as (a, b):
            ticket = a.hub.tickets.issue(GRANT, origin=None, now_s=time.time())
            a.nats.is_connected = False
            with pytest.raises(InvalidToken):
                await b.cluster.redeem(ticket, None)
            with pytest.raises(InvalidToken):
                await b.cluster.redeem("hubt_nobody." + "x" * 43, None)

    async def test_the_ticket_itself_is_never_said(self) -> None:
        """Only its digest goes over the network."""
        bus = Bus()
        async with run_nodes("a", "b", bus=bus) as (a, b):
            ticket = a.hub.tickets.issue(GRANT, origin=None, now_s=time.time())
            await b.cluster.redeem(ticket, None)
            secret = ticket.rpartition(".")[2].encode()
            assert not [message for message in bus.said if secret in message.payload]


class TestMembership:
    async def test_the_second_node_of_a_name_does_not_start(self) -> None:
        """It is told so in one line that names the setting; the first goes on."""
        bus = Bus()
        async with run_nodes("a", "b", bus=bus):
            with pytest.raises(SettingsError, match="HUB_NODE: a node with the name a runs already"):
                await Node(bus, "a").start()
            await Node(bus, "d").cluster.claim_name()

    async def test_a_node_that_ends_is_gone_at_once(self) -> None:
        """Nobody waits for a node that said that it ends."""
        async with run_nodes("a", "b") as (a, b):
            await b.cluster.close()
            await wait_until(lambda: [] == a.others())
            assert [Reached(0, NodesAnswered(answered=1, known=1))] == await _publish(a, 1)

    async def test_heads_are_passed_on(self) -> None:
        """A node learns the head that another one knows, but not of another epoch, and none that was invented."""
        bus = Bus()
        async with run_nodes("a", "b", bus=bus) as (a, b):
            b.hub.head = 41
            await wait_until(lambda: 41 in a.hub.heads)
            forged = HeadMessage(node="b", life=b.life, epoch="other", head=99)
            b.nats.publish("hub.node.head", encode(forged))
            mad = HeadMessage(node="b", life=b.life, epoch=a.log.epoch, head=2**52)
            b.nats.publish("hub.node.head", encode(mad))
            await wait_until(lambda: {"epoch": 1, "head": 1}.items() <= a.metrics.cluster_dropped.items())
            assert {0, 41} >= set(a.hub.heads)

    async def test_a_wrong_clock_is_reported(self, caplog: pytest.LogCaptureFixture) -> None:
        """A line names the node whose clock is another one's, and its row says by how much."""
        bus = Bus()
        late = await Node(bus, "late", clock_s=-60.0).start()
        async with run_nodes("a", bus=bus) as (a,):
            await wait_until(lambda: "the clock of the node late is behind this one's" in caplog.text)
            skew_s = next(row.clock_skew_seconds for row in a.cluster.list_nodes() if row.node == "late")
            assert -62 < skew_s < -59
        await late.cluster.close()

    async def test_what_is_forged_is_dropped_and_counted(self) -> None:
        """Bytes of anybody harm nothing; each is counted by its reason."""
        async with run_nodes("a", "b") as (a, b):
            b.nats.publish("hub.node.presence", b"\xff{")
            b.nats.publish("hub.node.head", b'{"v":9}')
            b.nats.publish("hub.node.counts.a", b" " * 600_000)
            fake = CountsMessage(node="a", life="f" * 16, counts=[(1, 5)])
            b.nats.publish("hub.node.counts.a", encode(fake))
            expected = {"unreadable": 1, "version": 1, "too_large": 1, "sender": 1}
            await wait_until(lambda: expected.items() <= a.metrics.cluster_dropped.items())
            assert [0] == [reached.count for reached in await _publish(a, 1)]
