"""The model's own proof: each way to break the seam that somebody may think of turns it red.

A mutation is one piece of a method's text replaced by another. A text that is not there any more fails as well, so
the list follows the code.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any
from unittest import mock

import pytest
from hypothesis import Phase

from hub.delivery import session
from hub.delivery.confirmation import Confirmation
from hub.delivery.dispatcher import Dispatcher
from hub.delivery.heartbeat import Heartbeat
from hub.delivery.page_reader import PageReader
from hub.delivery.progress import Progress
from hub.delivery.replay import Replay
from hub.delivery.resume_points import ResumePoints
from hub.delivery.resumption import Resumption
from hub.delivery.session import Session, decide_resume
from hub.delivery.subscribers import Subscriber
from tests.delivery.test_model import EXAMPLES, run_seam

#: What a wrong seam most likely looks like, tried at every run.
LIKELY = [
    (Resumption.begin, "head=self._log.head", "head=max(0, self._log.head - 1)"),
    (Session.offer, "position <= self.last", "False"),
    (Session.offer, "position > self.upto", "position > self.upto + 1"),
    (Session.offer, "self.phase is _LIVE", "self.phase is not Phase.CLOSED"),
    (Session.go_live, "if again:", "if False:"),
    (PageReader.read, "log.first > after + 1", "False"),
    (Replay._write_page, "session.reach(reached)", "session.reach(upto)"),
    (Subscriber.__init__, "subscriber_targets(account_id,", "subscriber_targets('a',"),
    (Progress.place, "if session.phase is Phase.LIVE else session.last", ""),
    (Confirmation.begin, "point.begin(resume.position)", "point.begin(self._resumption.head)"),
]
FURTHER = [
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
    (Replay._write_page, "self._is_due(record.expires_at_s)", "True"),
    (Replay._release, "self._is_due(envelope.expires_at_s)", "True"),
    (Dispatcher._fan_out, "envelope.expires_at_s is None", "True"),
    # After the end.
    (Session.mark_gap, "self.phase is Phase.CLOSED", "False"),
    (Session.replay, "self.phase is not Phase.REPLAYING", "False"),
    # Peers that do not read, and peers that do.
    (Dispatcher._offer, "> self._link_budget_bytes", "> 1_000_000"),
    (Replay._pace, "if await", "if not await"),
    (Dispatcher._fan_out, "self._iteration_bytes > self._link_budget_bytes // 4", "False"),
    # Heartbeats ahead of what was handed over.
    (Dispatcher._dispatch, "if CONTROL", "self._progress.position = record.position\n    if CONTROL"),
]


def mutate(method: Any, old: str, new: str) -> Any:
    """Return the method with one piece of its text replaced."""
    source = textwrap.dedent(inspect.getsource(method))
    assert 1 == source.count(old), f"{method.__qualname__} has no longer (just one) {old!r}"
    scope: dict[str, Any] = {}
    exec(compile(source.replace(old, new), method.__qualname__, "exec"), method.__globals__, scope)  # the mutant
    return scope[method.__name__]


def run_with(method: Any, mutant: Any) -> None:
    """Run the model over a hub with this mutant in it."""
    kinds = (Confirmation, Dispatcher, Heartbeat, PageReader, Progress, Replay, Resumption, ResumePoints, Session)
    owners = (*kinds, Subscriber, session)
    owner = next(owner for owner in owners if method in vars(owner).values())
    with mock.patch.object(owner, method.__name__, mutant):
        run_seam(4 * EXAMPLES, derandomize=True, phases=[Phase.generate], report_multiple_bugs=False)


def _each(mutations: list[tuple[Any, str, str]]) -> pytest.MarkDecorator:
    names = [f"{method.__qualname__}: {old} -> {new}" for method, old, new in mutations]
    return pytest.mark.parametrize(("method", "old", "new"), mutations, ids=names)


@_each(LIKELY)
def test_likely_mutation_is_noticed(method: Any, old: str, new: str) -> None:
    """A hub with this in it fails the model."""
    # Made outside of what must raise: a text that is not there is no mutation that was noticed.
    mutant = mutate(method, old, new)
    with pytest.raises((AssertionError, RuntimeError)):
        run_with(method, mutant)


@pytest.mark.soak
@_each(FURTHER)
def test_further_mutation_is_noticed(method: Any, old: str, new: str) -> None:
    """A hub with this in it fails the model, too."""
    # Made outside of what must raise: a text that is not there is no mutation that was noticed.
    mutant = mutate(method, old, new)
    with pytest.raises((AssertionError, RuntimeError)):
        run_with(method, mutant)


@_each(FURTHER)
def test_further_mutation_is_possible(method: Any, old: str, new: str) -> None:
    """The text that is to be mutated is there, so that the long run cannot fall behind the code."""
    assert mutate(method, old, new).__name__ == method.__name__
