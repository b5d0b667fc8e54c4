"""The tests' own proof for deadlines and webhooks: a hub with one thing wrong fails the test that promises it.

As `tests/delivery/test_mutations.py`; these hubs run whole, and wait for what does not come, so it takes a while.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hub.deadlines.clock import SteadyClock
from hub.deadlines.deadline import end_deadline
from hub.deadlines.ending import Ending
from hub.deadlines.group import gather, select_confirmed
from hub.deadlines.keeper import DeadlineKeeper
from hub.delivery.acknowledgements import Acknowledgements
from hub.webhooks import webhook as webhook_module
from hub.webhooks.course import end_attempt
from hub.webhooks.sender import WebhookSender
from tests.deadlines import test_confirmations, test_superseded
from tests.deadlines.stage import Stage
from tests.mutation import install, make_mutant, name_mutation
from tests.outbound.endpoint import open_endpoint, respond_with
from tests.webhooks import test_course, test_webhooks

Promise = Callable[[Stage], Awaitable[None]]
Mutation = tuple[Callable[..., Any], str, str, Promise]

_forged = test_confirmations.TestForgedAcknowledgements()
_read = test_confirmations.TestRead()
_restarts = test_confirmations.TestRestart()
_confirmed: Promise = test_confirmations.test_acknowledged
_nobody: Promise = test_confirmations.test_nobody_connected


def _plain(test: Callable[..., None], *arguments: Any) -> Promise:
    async def run(_: Stage) -> None:
        await asyncio.to_thread(test, *arguments)

    return run


def _jump(seconds: float) -> Promise:
    return lambda stage: _restarts.test_clock_jumps(stage, seconds)


def _read_in_inbox(by: str) -> Promise:
    return lambda stage: _read.test_read_in_the_inbox(stage, by)


MUTATIONS: list[Mutation] = [
    # When a deadline is over.
    (
        DeadlineKeeper._escalate_due,
        "deadline.due_ms <= now_ms or entry.position <= self._start",
        "True",
        _jump(86_400.0),
    ),
    (
        DeadlineKeeper._escalate_due,
        "or entry.position <= self._start",
        "",
        _restarts.test_earlier_deadline_where_the_clock_is_put_right,
    ),
    (
        DeadlineKeeper._escalate_due,
        "upto=due_key(latest_ms + 1)",
        "upto=due_key(latest_ms + 10**9)",
        _restarts.test_deadline_survives,
    ),
    (
        SteadyClock.latest_s,
        "max(self.now_s(), self._wall_s())",
        "self._wall_s()",
        _restarts.test_earlier_deadline_after_a_clock_was_set_back,
    ),
    (
        DeadlineKeeper.draft_changes,
        "self._clock.now_s() + confirm.within_seconds",
        "self._clock.now_s() + confirm.within_seconds * 2",
        _nobody,
    ),
    # Who has confirmed.
    (
        DeadlineKeeper._take_acknowledged,
        "after < each.newest <= upto",
        "each.newest <= upto",
        _forged.test_connection_that_began_later,
    ),
    (DeadlineKeeper._take_acknowledged, 'each.deadline.by == "delivered" and', "", _read_in_inbox("delivered")),
    (
        DeadlineKeeper._take_acknowledged,
        "each.newest",
        "each.position",
        test_superseded.test_client_that_was_never_handed_the_older_one,
    ),
    (
        DeadlineKeeper.change_with_read,
        "each.position in read or each.newest in read",
        "each.position in read",
        test_superseded.test_newer_one_without_a_deadline_is_read,
    ),
    (
        Acknowledgements.acknowledge,
        "cursor.position > self._progress.place(subscriber)",
        "False",
        _forged.test_websocket,
    ),
    # What ends.
    (end_deadline, "Change(DEADLINES, deadline.key, None)", "Change(DEADLINES, deadline.id, None)", _confirmed),
    (
        select_confirmed,
        "or each.group in groups",
        "",
        test_superseded.test_newer_one_is_confirmed_in_its_own_way,
    ),
    (select_confirmed, "and not each.is_superseded", "", test_superseded.test_older_one_is_read),
    (gather, "group.setdefault(each.deadline.id, each)", "pass", test_superseded.test_neither_is_confirmed),
    (Ending._find_newest, "each.is_superseded", "False", test_superseded.test_neither_is_confirmed),
    (Ending.draft_unconfirmed, "changes if each is lead else ()", "()", _nobody),
    # How webhooks are tried.
    (
        WebhookSender._claim,
        "await self._log.append([draft_changes(put_webhook(webhook, before), key=key)])",
        "[None]",
        test_webhooks.test_attempt_that_a_hub_did_not_end,
    ),
    (WebhookSender._begin_due, "if due_ms > now_ms:", "if False:", test_webhooks.test_endpoint_that_fails),
    (end_attempt, "200 <= outcome < 300", "200 <= outcome < 400", test_webhooks.test_endpoint_that_fails),
    (end_attempt, "outcome == _GONE", "False", test_webhooks.test_endpoint_that_is_gone),
    (end_attempt, "or now_s >= ends_s", "", _plain(test_course.test_tried_for_a_day)),
    (end_attempt, "min(now_s + delay_s, ends_s)", "now_s + delay_s", _plain(test_course.test_tried_for_a_day)),
    (webhook_module.put_webhook, "[_leave(before), row]", "[row]", _plain(test_course.test_rows)),
]


async def keep(promise: Promise) -> None:
    """Run one test on a hub of its own."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_endpoint(respond_with(204, keep=True)) as endpoint:
            await promise(Stage(Path(folder), endpoint))


_each = pytest.mark.parametrize(
    ("function", "old", "new", "promise"), MUTATIONS, ids=[name_mutation(*row[:3]) for row in MUTATIONS]
)


@pytest.mark.soak
@pytest.mark.mutant
@_each
async def test_mutation_is_noticed(function: Callable[..., Any], old: str, new: str, promise: Promise) -> None:
    """A hub with this in it breaks the promise of the named test, which the hub as it is keeps."""
    mutant = make_mutant(function, old, new)
    await keep(promise)
    with install(function, mutant), pytest.raises((AssertionError, RuntimeError, TimeoutError, ValueError)):
        await keep(promise)


@_each
def test_mutation_is_possible(function: Callable[..., Any], old: str, new: str, promise: Promise) -> None:
    """The text that is to be mutated is there, so that the long run cannot fall behind the code."""
    assert make_mutant(function, old, new).__name__ == function.__name__
