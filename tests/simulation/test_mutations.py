"""The simulation's own proof: each way to break the engine that somebody may think of fails some seed soon.

As in `tests/delivery/test_mutations.py`, a mutation is one piece of a function's text replaced by another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hub.log.jetstream import append, record, renewal, repair
from hub.log.jetstream.append import Appender
from hub.log.jetstream.attempts import Attempts
from hub.log.jetstream.catch_up import CatchUp
from hub.log.jetstream.filling import Filling
from hub.log.jetstream.log import JetStreamLog
from hub.log.jetstream.order import Order
from hub.log.jetstream.renewal import Renewer
from hub.log.sqlite.erasure import Erasure
from hub.log.sqlite.renewal import Renewals
from hub.log.sqlite.store import Store
from tests.mutation import install, make_mutant, name_mutation
from tests.simulation.loop import Deadlock
from tests.simulation.test_simulation import run_seeds

Mutation = tuple[Callable[..., Any], str, str]

#: How many seeds may pass before one fails.
PATIENCE = 500

MUTATIONS: list[Mutation] = [
    # What may be applied.
    (Order.receive, "position > self.applied + 1", "position > self.applied + 2"),
    (Order.receive, "self.applied = position", "self.applied = position + 1"),
    (Order.receive_page, "self.applied = ready[-1][0]", "self.applied = self.head"),
    (Order.learn_first, "self.applied = position - 1", "self.applied = position"),
    (Order.missing_after, "self.applied < self.head", "self.applied + 1 < self.head"),
    (Order.learn_head, "max(self.head, position)", "self.applied"),
    (Order._release, "ready.append((self.applied, held[0]))", "pass"),
    # What is sent.
    (Attempts.fail, "heapq.heappush(self._ready, key)", "pass"),
    (Attempts.postpone, "heapq.heappush(self._postponed, (", "(lambda heap, item: None)(self._postponed, ("),
    (Attempts.finish, "return self._remove(key)", "return None"),
    (Attempts._land, "self._in_flight -= 1", "pass"),
    (Attempts.fail, "self._choose_delay_s(self._failures)", "100.0"),
    # What is read again.
    (repair._take_whole, 'int(reply.headers["Nats-Last-Sequence"]) != before', "False"),
    (Filling._recover, "self._order.reset(self._mirror.head)", "pass"),
    # What is not known.
    (JetStreamLog.is_beyond_end, "await self._catch_up.is_beyond_end(position)", "True"),
    (CatchUp.is_beyond_end, "or not is_settled", ""),
    # What is published.
    (append._repeat, "body_digest == draft.body_digest", "True"),
    (append._repeat, "Appended(identifier, position, True)", "Appended(identifier, position + 1, True)"),
    (Appender._publish, "message_id = key.hex()", "message_id = draft.id"),
    (Appender._take_reply, "ack.seq, ack.duplicate)", "ack.seq, False)"),
    # The mirror.
    (Store.apply, "self.head = batch.head", "self.head = batch.head + 1"),
    (Store._skip_to, "self._announce_first(position)", "pass"),
    (Store._skip_to, "self._renewals.skip(position)", "pass"),
    # What the stream is about to drop.
    (renewal.is_due, "state.first > base", "False"),
    (Renewer._lead, "if page.last is None:", "if True:"),
    (Renewer._lead, 'step = Renewal("control", position, position=at)', "continue"),
    (record.place, 'None if found is None else Renewal("stop")', "None"),
    (Renewals._take, "renewal.round != progress.round", "False"),
    (Renewals._take, "execute(_DELETE_STALE, (progress.round,))", "pass"),
    (Renewals._choose, "position <= row.position if", "True if"),
    (Renewals._choose, "is_partial and not was_removed", "True"),
    (Renewals._choose, "and not was_removed", ""),
    (Renewals.skip, 'self._connection.execute(_PUT, (_PARTIAL, position, 0, ""))', "pass"),
    (Erasure._remove_state, "self._upto, SLICE", "0, SLICE"),
]


every_mutation = pytest.mark.parametrize(
    ("function", "old", "new"), MUTATIONS, ids=[name_mutation(*mutation) for mutation in MUTATIONS]
)


@every_mutation
def test_mutation_is_possible(function: Callable[..., Any], old: str, new: str) -> None:
    """The text that is to be mutated is there, so that the long run cannot fall behind the code."""
    assert make_mutant(function, old, new).__name__ == function.__name__


@pytest.mark.soak
@pytest.mark.mutant
@every_mutation
def test_mutation_is_noticed(function: Callable[..., Any], old: str, new: str) -> None:
    """With this in it some simulation fails."""
    mutant = make_mutant(function, old, new)
    with install(function, mutant), pytest.raises((AssertionError, TimeoutError, KeyError, Deadlock)):
        run_seeds(range(PATIENCE))
