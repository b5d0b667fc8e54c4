"""The live dispatch: to whom, in which order, and what one link or one long batch must not do to the others."""

from __future__ import annotations

import asyncio
import logging
from unittest import mock

import pytest

from hub.delivery.dispatcher import Dispatcher
from hub.delivery.progress import Progress
from hub.delivery.session import Phase
from hub.log.port import Record
from hub.target import CONTROL, EVERYONE, account_target, user_target
from tests.delivery.harness import BUDGET_BYTES, Harness
from tests.fakes import NOW_S, FakeLink, LinksOnly, make_draft, make_payload


async def test_to_whom_it_is_meant() -> None:
    """A user's, an account's and everyone's notifications reach exactly these, in the order of the log."""
    harness = Harness()
    links = {who: (await harness.connect(*who))[1] for who in [("1", "a"), ("2", "a"), ("1", "b")]}
    harness.log.publish(user_target("a", "1"))
    harness.log.publish(account_target("a"))
    harness.log.publish(EVERYONE)
    harness.log.publish(user_target("b", "1"), user_target("a", "2"))
    harness.log.publish(user_target("c", "1"))
    await harness.dispatch()
    assert [1, 2, 3] == links["1", "a"].positions
    assert [2, 3, 4] == links["2", "a"].positions
    assert [3, 4] == links["1", "b"].positions
    assert 5 == harness.progress.position
    assert 8 == harness.metrics.deliveries["websocket"]


async def test_one_copy_for_two_targets() -> None:
    """A subscriber of two of the targets gets one copy."""
    harness = Harness()
    _, link = await harness.connect("1", "a")
    harness.log.publish(user_target("a", "1"), account_target("a"), EVERYONE)
    await harness.dispatch()
    assert [1] == link.positions


async def test_one_envelope_for_all() -> None:
    """All subscribers are handed the same bytes, made once."""
    harness = Harness()
    links = [(await harness.connect(str(user)))[1] for user in range(3)]
    harness.log.publish(EVERYONE)
    await harness.dispatch()
    assert 1 == len({id(link.said[0]) for link in links})


async def test_each_batch_is_an_advance() -> None:
    """What waits for the dispatch to go on is told once a batch, when everything is written."""
    harness = Harness()
    _, link = await harness.connect()
    written: list[list[int]] = []
    harness.progress.on_advance = lambda: written.append(list(link.positions))
    await harness.log.append([make_draft([EVERYONE]), make_draft([EVERYONE])])
    harness.log.publish(EVERYONE)
    await harness.dispatch()
    assert [[1, 2], [1, 2, 3]] == written


async def test_what_is_due_together_leaves_in_one_write() -> None:
    """A batch of the log costs each connection one write, however many of its records are for it."""
    harness = Harness()
    _, first = await harness.connect("1", "a")
    _, second = await harness.connect("2", "a")
    audiences = [user_target("a", "1")], [account_target("a")], [EVERYONE]
    await harness.log.append([make_draft(targets) for targets in audiences])
    await harness.dispatch()
    assert [[1, 2, 3]] == first.together
    assert [[2, 3]] == second.together


async def test_what_came_before_a_control_record_is_written_before_it_acts() -> None:
    """A revocation ends a connection after what the log has before it, not instead of it."""
    harness = Harness()
    _, link = await harness.connect()
    await harness.log.append([make_draft([target]) for target in (EVERYONE, CONTROL, EVERYONE)])
    await harness.dispatch()
    assert [[1], [3]] == link.together


async def test_what_was_stored_before_is_not_repeated() -> None:
    """The tail begins where the dispatcher does: what the log had then is for replays alone."""
    harness = Harness()
    harness.log.publish(EVERYONE)
    later = Progress(0)
    Dispatcher(
        harness.log,
        harness.subscribers,
        harness.metrics,
        later,
        sockets=LinksOnly(),
        ends=harness,
        catch_up=harness,
        control=harness,
        feed=harness.feed,
        counts=harness.counts,
        link_budget_bytes=BUDGET_BYTES,
        now=harness.clock,
    )
    assert 1 == later.position


async def test_expired_is_handed_to_nobody() -> None:
    """From the moment a notification expires nobody is handed it, and it counts as dispatched."""
    harness = Harness()
    _, link = await harness.connect()
    harness.log.publish(EVERYONE, expires_at_s=NOW_S)
    harness.log.publish(EVERYONE, expires_at_s=NOW_S + 0.001)
    await harness.dispatch()
    assert [2] == link.positions
    assert 2 == harness.progress.position


async def test_expired_between_two_slices() -> None:
    """A wide fan-out that takes too long stops when the notification expires."""
    harness = Harness(slice_deliveries=2)
    links = [(await harness.connect(str(user)))[1] for user in range(3)]

    async def let_time_pass() -> None:
        harness.clock.now_s += 1

    harness.log.publish(EVERYONE, expires_at_s=NOW_S + 1)
    async with asyncio.TaskGroup() as tasks:
        dispatching = tasks.create_task(harness.dispatch())
        tasks.create_task(let_time_pass())
        await dispatching
    assert [[1], [1], []] == [link.positions for link in links]


async def test_control_records_are_the_hubs_own() -> None:
    """A control record is acted on and handed to nobody, whatever else it is addressed to."""
    harness = Harness()
    _, link = await harness.connect()
    harness.log.publish(CONTROL)
    harness.log.publish(CONTROL, EVERYONE)
    await harness.dispatch()
    assert [] == link.said
    assert [make_payload()] * 2 == harness.controls
    assert 2 == harness.progress.position


async def test_control_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A control record that cannot be acted on stops nothing, and its text is not logged."""
    harness = Harness()
    _, link = await harness.connect()
    harness.log.publish(CONTROL)
    harness.log.publish(EVERYONE)
    failing = mock.patch.object(harness, "take", side_effect=ValueError("a user's id"))
    with failing, caplog.at_level(logging.ERROR):
        await harness.dispatch()
    assert [2] == link.positions
    assert ["a control record failed: ValueError"] == caplog.messages


async def test_link_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A link that fails ends its own connection and nothing else, and says nothing of whose it was."""
    harness = Harness()
    connected = [await harness.connect(str(user)) for user in range(3)]
    connected[1][1].breaks = True
    for _ in range(2):
        harness.log.publish(EVERYONE)
    with caplog.at_level(logging.ERROR):
        await harness.dispatch()
    assert [[1, 2], [], [1, 2]] == [link.positions for _, link in connected]
    assert [connected[1][0]] == harness.dead
    assert ["a link failed: RuntimeError"] == caplog.messages


async def test_slow_peer_falls_behind_past_its_budget() -> None:
    """A peer that takes nothing is written nothing after the first write that passes the budget, and it stays."""
    harness = Harness()
    slow, link = await harness.connect("1")
    _, other = await harness.connect("2")
    link.stall()
    for _ in range(9):
        harness.log.publish(EVERYONE, size_bytes=1_000)
    await harness.dispatch()
    assert [slow] == harness.behind
    assert 1 == harness.metrics.fallen_behind
    assert [] == harness.slow
    assert list(range(1, 9)) == link.positions, "eight times 1,024 bytes are more than 8,000"
    assert list(range(1, 10)) == other.positions
    assert [] == link.late


async def test_exactly_the_budget_is_not_too_much() -> None:
    """The budget itself may wait unsent."""
    harness = Harness()
    _, link = await harness.connect()
    link.stall()
    harness.log.publish(EVERYONE, size_bytes=BUDGET_BYTES - 24)
    await harness.dispatch()
    assert BUDGET_BYTES == link.unsent_bytes
    assert [] == harness.behind


async def test_wide_fan_out_goes_in_slices() -> None:
    """Other tasks run in the middle of a wide fan-out, and a connection that leaves meanwhile gets nothing more."""
    harness = Harness(slice_deliveries=2)
    connected = [await harness.connect(str(user)) for user in range(5)]
    seen: list[int] = []

    async def look() -> None:
        for _ in range(3):
            seen.append(sum(len(link.said) for _, link in connected))
            connected[4][0].session.close()
            await asyncio.sleep(0)

    harness.log.publish(EVERYONE)
    harness.log.publish(EVERYONE)
    async with asyncio.TaskGroup() as tasks:
        dispatching = tasks.create_task(harness.dispatch())
        tasks.create_task(look())
        await dispatching
        assert 2 == harness.progress.position
    assert [2, 4] == seen[:2]
    assert [[1, 2]] * 4 + [[]] == [link.positions for _, link in connected]


async def test_position_waits_for_the_last_slice() -> None:
    """While a fan-out is under way its record does not count as dispatched: a heartbeat would be ahead of it."""
    harness = Harness(slice_deliveries=2)
    for user in range(3):
        await harness.connect(str(user))
    seen: list[int] = []

    async def look() -> None:
        seen.append(harness.progress.position)

    harness.log.publish(EVERYONE)
    async with asyncio.TaskGroup() as tasks:
        dispatching = tasks.create_task(harness.dispatch())
        tasks.create_task(look())
        await dispatching
    assert ([0], 1) == (seen, harness.progress.position)


class LoopLink(FakeLink):
    """A link that sends at the end of the loop's turn, as uvloop does, to a peer that reads at once."""

    def __init__(self) -> None:
        super().__init__(collects=True)

    def _write(self, item: object) -> int:
        asyncio.get_running_loop().call_soon(self.flush)
        return super()._write(item)  # type: ignore[arg-type]  # whatever a link may be given


async def test_long_batch_does_not_make_a_reading_peer_slow() -> None:
    """A batch many times the budget reaches a peer that reads at once, since the loop gets its turn in between."""
    harness = Harness()
    _, link = harness.register(link=LoopLink())
    (subscriber,) = harness.subscribers.everyone()
    harness.resumption.begin(subscriber, None)
    await harness.replay.run(subscriber)
    harness.log.store([make_draft([EVERYONE], size_bytes=1_000) for _ in range(100)])
    await harness.dispatch()
    assert [] == harness.behind
    assert list(range(1, 101)) == link.positions


async def test_retention_passed_the_dispatcher(caplog: pytest.LogCaptureFixture) -> None:
    """Where records were gone before they were dispatched, every connection has to come back and is told of the gap."""
    harness = Harness()
    connected = [await harness.connect(str(user)) for user in range(2)]
    for _ in range(3):
        harness.log.publish(EVERYONE)
    harness.log.tails[0].batches.popleft()
    harness.log.tails[0].batches.popleft()
    harness.log.forget(2)
    with caplog.at_level(logging.ERROR):
        await harness.dispatch()
    assert [subscriber for subscriber, _ in connected] == harness.slow
    assert [] == [link.said for _, link in connected if link.said]
    assert 3 == harness.progress.position
    assert 1 == len(caplog.messages)


async def test_damage_behind_the_tail(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows whom a damaged record was for, so everybody has to come back, and the others are dispatched."""
    harness = Harness()
    connected = [await harness.connect(str(user)) for user in range(2)]
    for _ in range(3):
        harness.log.publish(EVERYONE)
    harness.log.tails[0].batches[1] = [Record.damaged(2)]
    with caplog.at_level(logging.ERROR):
        await harness.dispatch()
    assert [subscriber for subscriber, _ in connected] == harness.slow
    assert 3 == harness.progress.position
    assert ["a stretch of the log is damaged: every connection has to come back with its cursor"] == caplog.messages


async def test_hole_that_retention_did_not_make() -> None:
    """A position that never was a record ends nobody."""
    harness = Harness()
    _, link = await harness.connect()
    harness.log.publish(EVERYONE)
    harness.log.head += 1
    harness.log.publish(EVERYONE)
    await harness.dispatch()
    assert [1, 3] == link.positions
    assert [] == harness.slow


async def test_ended_sessions_are_handed_nothing() -> None:
    """A session that has ended but is still registered gets nothing."""
    harness = Harness()
    subscriber, link = await harness.connect()
    subscriber.session.close()
    harness.log.publish(EVERYONE)
    await harness.dispatch()
    assert Phase.CLOSED is subscriber.session.phase
    assert [] == link.said + link.late
    assert 0 == harness.metrics.deliveries["websocket"]
