"""The tests' own proof: each way to break delivery that somebody may think of turns one of them red.

A mutation is one piece of a function's text replaced by another. A text that is not there any more fails as well, so
the lists follow the code. Those of the seam between replay and live have to be noticed by the model; the others name
the test whose promise they break. The end of a test run says how many were noticed.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase

from hub.delivery import pages as pages_module
from hub.delivery.confirmation import Confirmation
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.page_reader import PageReader
from hub.delivery.pages import Pages
from hub.delivery.progress import Progress
from hub.delivery.replay import Replay
from hub.delivery.resume_points import ResumePoints
from hub.delivery.resumption import Resumption
from hub.delivery.session import PeerState, Session, decide_resume
from hub.delivery.subscribers import Subscriber
from hub.log.tail import MOST_BYTES, MOST_RECORDS, Tail
from tests.delivery import test_dispatcher, test_heartbeat, test_pages, test_replay, test_session
from tests.delivery.harness import INTERVAL_S
from tests.delivery.test_model import EXAMPLES, run_seam
from tests.log import test_tail
from tests.mutation import install, make_mutant, name_mutation

Mutation = tuple[Callable[..., Any], str, str]

#: What a wrong seam most likely looks like, tried at every run.
LIKELY: list[Mutation] = [
    (Resumption.begin, "head=self._log.head", "head=max(0, self._log.head - 1)"),
    (Session.offer, "position <= self.last", "False"),
    (Session.offer, "position > self.upto", "position > self.upto + 1"),
    (Session.offer, "self.phase is _LIVE", "self.phase is not Phase.CLOSED"),
    (Session.go_live, "if again:", "if False:"),
    (PageReader.read, "log.first > after + 1", "False"),
    (Replay._write_page, "session.reach(reached)", "session.reach(upto)"),
    (Subscriber.__init__, "subscriber_targets(grant.account_id,", "subscriber_targets('a',"),
    (Progress.place, "if session.phase is Phase.LIVE else session.last", ""),
    (Confirmation.begin, "point.begin(resume.position)", "point.begin(self._resumption.head)"),
]
FURTHER: list[Mutation] = [
    # Where a client begins.
    (decide_resume, "first - 1 <= cursor.position", "0 <= cursor.position"),
    (decide_resume, "<= head:", "<= head + 1:"),
    (decide_resume, "cursor.epoch != epoch", "False"),
    # What was held.
    (Session._hold, "self._overflowed = True", "self._overflowed = False"),
    (Session.go_live, "if envelope.position > self.last", "if True"),
    (Session.go_live, "self.upto = head", "pass"),
    # Retention in the middle of a replay.
    (PageReader.read, "log.first > after + 1", "log.first > after"),
    # Falling behind, and waiting for the peer.
    (Session.fall_behind, "self.aim(head)", "pass"),
    (Session.aim, "max(self.upto, head)", "self.upto"),
    (Session.drop_held, "[], 0, True", "[], 0, False"),
    # Clients without a cursor.
    (Resumption.cursor_after, "position, first - 1", "position + 1, first - 1"),
    (Replay._write_page, "log.first - 1", "log.first"),
    (ResumePoints._is_over, "self._keep_ms", "2 * self._keep_ms"),
    # After its time.
    (Replay._write_whole, "record.expires_at_s > now_s", "True"),
    (Replay._write_whole, "waiting += due[: count - 1 : -1]", "pass"),
    (Replay._release, "envelope.expires_at_s > self._now()", "True"),
    (Dispatcher._fan_out, "envelope.expires_at_s is None", "True"),
    # State records, which deployed frontends never see.
    (Dispatcher._dispatch_own, "subscriber.speaks_hub_v1", "True"),
    (Dispatcher._dispatch_own, "self._hand_over(envelope, subscriber)", "pass"),
    (Dispatcher._hand_over, "subscriber.session.offer(envelope)", "True"),
    (Replay._write_page, "with_states=subscriber.speaks_hub_v1", "with_states=True"),
    (Replay._write_page, "with_states=subscriber.speaks_hub_v1", "with_states=False"),
    # After the end.
    (Session.mark_gap, "self.phase is Phase.CLOSED", "False"),
    (Session.replay, "self.phase is not Phase.REPLAYING", "False"),
    # Peers that do not read, and peers that do.
    (Dispatcher._offer, "> self._link_budget_bytes", "> 1_000_000"),
    (Dispatcher._fan_out, "self._iteration_bytes > self._link_budget_bytes // 4", "False"),
    # Heartbeats ahead of what was handed over.
    (Dispatcher._dispatch, "if record.kind", "self._progress.position = record.position\n    if record.kind"),
]

_heartbeat = test_heartbeat.TestHeartbeat()
_expiry = test_heartbeat.TestExpiry()
_dead = test_heartbeat.TestDeadPeers()
_forgetting = test_heartbeat.TestForgetting()
_replaying = test_session.TestReplaying()
_beat = test_session.TestBeat()
_losses = test_pages.TestLosses()
_paging = test_pages.TestPaging()
_buffer = test_tail.TestBuffer()

#: What a single test has to notice, and the call of that test.
PROMISED: list[tuple[Callable[..., Any], str, str, Callable[[], Any]]] = [
    # One connection.
    (
        Session.beat,
        "now_s >= self.expires_at_s",
        "now_s > self.expires_at_s",
        test_session.TestEnd().test_expiry_and_renewal,
    ),
    (
        Session.beat,
        "not (waiting_bytes > 0 and takes)",
        "True",
        lambda: _beat.test_slow_peer_that_does_not([(50, 100), (50, 101)], PeerState.ALIVE),
    ),
    (
        Session.beat,
        "self._waited and ",
        "",
        lambda: _beat.test_peer_that_cannot_answer([(0, 100), (50, 100)], PeerState.ALIVE),
    ),
    (Session.beat, "self._active = False", "pass", _beat.test_peer_that_does_not),
    (Session._hold, "> self._hold_limit ", ">= self._hold_limit ", _replaying.test_exactly_the_limit_is_no_overflow),
    (Session.mark_gap, "self._held_bytes = sum(", "_ = sum(", _replaying.test_lose_forgets_what_the_lost_weighed),
    (Session.reach, "max(self.last, position)", "position", _replaying.test_reach_only_rises),
    (Session.close, "return False", "return True", test_session.TestEnd().test_close_once),
    # From the log to everybody.
    (
        Progress.place,
        "max(last, self.position)",
        "self.position",
        test_heartbeat.TestCursor().test_live_ahead_of_the_dispatch,
    ),
    (
        Dispatcher._dispatch_own,
        "self._flush()",
        "pass",
        test_dispatcher.test_what_came_before_a_control_record_is_written_before_it_acts,
    ),
    (
        Dispatcher._dispatch,
        "self._log.first > next_position",
        "True",
        test_dispatcher.test_hole_that_retention_did_not_make,
    ),
    (
        Dispatcher._fan_out,
        "envelope.expires_at_s > self._now()",
        "True",
        test_dispatcher.test_expired_is_handed_to_nobody,
    ),
    (
        Dispatcher._offer,
        "> self._link_budget_bytes",
        ">= self._link_budget_bytes",
        test_dispatcher.test_exactly_the_budget_is_not_too_much,
    ),
    (Dispatcher.run, "len(records) > 1", "False", test_dispatcher.test_what_is_due_together_leaves_in_one_write),
    # From the log to one that was away.
    (
        Replay._write_page,
        "if not (waiting and waiting[-1].is_damaged)",
        "if True",
        test_replay.TestDamage().test_a_damaged_record_is_a_gap_in_its_place,
    ),
    (
        Replay._pace,
        "subscriber.session.drop_held()",
        "pass",
        test_replay.TestPace().test_holds_nothing_live_while_it_waits,
    ),
    (Replay._pace, "if await", "if not await", test_replay.TestPace().test_peer_that_takes_nothing),
    (Replay._release, "envelope.expires_at_s > self._now()", "True", test_replay.TestPace().test_expired_while_held),
    # A page at a time.
    (
        PageReader.read,
        "log.first > after + 1",
        "False",
        lambda: _losses.test_retention_during_the_read_is_a_gap("after_read"),
    ),
    (PageReader.read, "log.first > after + 1", "log.first > after", _losses.test_retention_up_to_the_cursor_is_no_gap),
    (Pages._read_page, 'kind, records = "gap", []', "records = []", _losses.test_damage_is_a_gap_between_two_pages),
    (
        Pages._read_page,
        "records, position = _before_damage(reading)",
        "records, position = reading.records, log.head",
        _paging.test_page_after_page_brings_everything_once,
    ),
    (
        pages_module._before_damage,
        "records[:index], records[index - 1].position",
        "records[:index], reading.upto",
        _losses.test_damage_is_a_gap_between_two_pages,
    ),
    # Heartbeats, dead peers and expiry.
    (Heartbeat.beat, "next(iter(self._due.values())) > monotonic_s", "False", _heartbeat.test_once_an_interval),
    (
        Heartbeat.beat,
        "subscriber.session.expires_at_s <= now_s",
        "False",
        lambda: _expiry.test_never_later_than_a_tick(0.1),
    ),
    (Heartbeat.beat, "[:limit]", "", _expiry.test_many_at_once_in_slices),
    (
        Heartbeat.forget,
        "self._due.pop(subscriber, None)",
        "pass",
        lambda: _forgetting.test_a_subscriber_that_left_is_dropped_at_once(86_400),
    ),
    (
        Heartbeat.forget,
        "self._expiring.pop(subscriber, None)",
        "pass",
        lambda: _forgetting.test_a_subscriber_that_left_is_dropped_at_once(20),
    ),
    (
        Heartbeat._watch_expiry,
        "2 * self.interval_s",
        "0",
        lambda: _expiry.test_never_later_than_a_tick(INTERVAL_S - 1),
    ),
    (Heartbeat._beat_one, "state is PeerState.DEAD", "False", _dead.test_silent_peer),
    (
        Heartbeat._beat_one,
        "frame if subscriber.speaks_hub_v1 else None",
        "frame",
        lambda: _heartbeat.test_frame_only_for_hub_v1(False, 0),
    ),
    (Heartbeat._frame, "self._latest[0] != position", "True", _heartbeat.test_made_once_for_all_at_the_same_place),
    (Heartbeat._frame, "!= position", "< 0", test_heartbeat.TestCursor().test_live),
    # The log's tail.
    (
        Tail.announce,
        "records[0].position == self._upto + 1",
        "True",
        lambda: test_tail.TestEnd().test_all_that_must_be_read_comes_before_the_end(test_tail.FakeLog()),
    ),
    (
        Tail.announce,
        "self._buffered + len(records) <= MOST_RECORDS",
        "True",
        lambda: _buffer.test_a_consumer_far_behind_reads_the_log(
            test_tail.FakeLog(), MOST_RECORDS // 1_000 + 5, 1_000, b"{}"
        ),
    ),
    (
        Tail.announce,
        "self._buffered_bytes + size_bytes <= MOST_BYTES",
        "True",
        lambda: _buffer.test_a_consumer_far_behind_reads_the_log(test_tail.FakeLog(), 40, 1, b"x" * (MOST_BYTES // 20)),
    ),
    (
        Tail._catch_up,
        "self._upto = reading.upto",
        "self._upto = head",
        lambda: test_tail.TestEnd().test_all_that_must_be_read_comes_before_the_end(test_tail.FakeLog()),
    ),
    (
        Tail._catch_up,
        "if self._ended:",
        "if True:",
        lambda: _buffer.test_a_log_that_cannot_be_read_is_read_again(test_tail.FakeLog()),
    ),
]


def run_model() -> None:
    """Run the model over the hub as it is."""
    run_seam(4 * EXAMPLES, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)


def keep_promise(promise: Callable[[], Any]) -> None:
    """Run one test."""
    running = promise()
    if inspect.isawaitable(running):
        asyncio.run(_finish(running))


async def _finish(running: Any) -> None:
    await running


def _each(mutations: list[Mutation]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("function", "old", "new"), mutations, ids=[name_mutation(*mutation) for mutation in mutations]
    )


def _notice(function: Callable[..., Any], mutant: Callable[..., Any], test: Callable[[], None]) -> None:
    # An iterator that ends too early ends the test with it; a hub that waits for ever meets the test's deadline.
    with install(function, mutant), pytest.raises((AssertionError, RuntimeError, StopAsyncIteration, TimeoutError)):
        test()


@_each(LIKELY)
@pytest.mark.mutant
def test_likely_mutation_is_noticed(function: Callable[..., Any], old: str, new: str) -> None:
    """A hub with this in it fails the model."""
    _notice(function, make_mutant(function, old, new), run_model)


@pytest.mark.soak
@pytest.mark.mutant
@_each(FURTHER)
def test_further_mutation_is_noticed(function: Callable[..., Any], old: str, new: str) -> None:
    """A hub with this in it fails the model, too."""
    _notice(function, make_mutant(function, old, new), run_model)


@_each(FURTHER)
def test_further_mutation_is_possible(function: Callable[..., Any], old: str, new: str) -> None:
    """The text that is to be mutated is there, so that the long run cannot fall behind the code."""
    assert make_mutant(function, old, new).__name__ == function.__name__


@pytest.mark.mutant
@pytest.mark.parametrize(
    ("function", "old", "new", "promise"), PROMISED, ids=[name_mutation(*row[:3]) for row in PROMISED]
)
def test_promised_mutation_is_noticed(
    function: Callable[..., Any], old: str, new: str, promise: Callable[[], Any]
) -> None:
    """A hub with this in it breaks the promise of the named test, which the hub as it is keeps."""
    keep_promise(promise)
    _notice(function, make_mutant(function, old, new), lambda: keep_promise(promise))


def test_text_that_is_gone_is_no_mutation_noticed() -> None:
    """A mutation whose text is not there, or there twice, fails by itself."""
    for old in ("self.no_such_name", "self"):
        with pytest.raises(AssertionError, match="not once"):
            make_mutant(Session.offer, old, "False")
