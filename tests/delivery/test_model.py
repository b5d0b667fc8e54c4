"""The seam between replay and live, against the model: every connection gets what it is owed, once and in order.

Each rule is one step of the world. The parts under test are the real ones; only the log, the links and the clock
are in memory, and no coroutine goes on by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from hub.cursor import Cursor, Epoch
from tests.delivery.model import Client, Connection, OldClient, Scenario, silent_links

EXAMPLES = 640
STEPS = 50

Audience = frozenset[tuple[str | None, str | None]]

picks = st.integers(0, 59)
PAIRS: list[tuple[str | None, str | None]] = [
    *(("a", "1"), ("a", "2"), ("b", "1"), ("b", "2")),
    *(("a", None), ("b", None)),
    (None, None),
]
#: Everybody alone, and every two; those that mean many twice, so that there is something to hold.
AUDIENCES = [frozenset({one, other}) for one in PAIRS for other in PAIRS]
AUDIENCES += [audience for audience in AUDIENCES if any(user_id is None for _, user_id in audience)]
batches = st.lists(st.sampled_from(AUDIENCES), min_size=1, max_size=6)
sizes_bytes = st.sampled_from([0, 0, 100, 300])
#: How long a notification is worth anything; 0: for ever.
ttls_s = st.sampled_from([0, 0, 5, 20])
turns = st.integers(0, 6)
lives_s = st.sampled_from([100_000, 100_000, 100_000, 20])
#: Which cursor a client presents; None: it only registers, for now.
kinds = st.sampled_from(["own"] * 6 + ["oldest"] * 4 + [None] * 5 + ["none", "foreign", "beyond"])


def among(choose: Callable[[Seam], list[Connection]]) -> Callable[[Any], Any]:
    """Return what keeps a rule from being taken while there is nothing for it."""
    return precondition(lambda self: bool(choose(self)))


def _open(self: Seam) -> list[Connection]:
    return self.scenario.open


def _registered(self: Seam) -> list[Connection]:
    return [connection for connection in self.scenario.open if not connection.begun]


def _replaying(self: Seam) -> list[Connection]:
    return [connection for connection in self.scenario.open if connection.replaying is not None]


def _stalled(self: Seam) -> list[Connection]:
    return [connection for connection in self.scenario.open if connection.link.stalled]


def _waiting(self: Seam) -> list[Connection]:
    return [connection for connection in _stalled(self) if connection.link.waiting]


class Seam(RuleBasedStateMachine):
    """The world's steps, in any order; most leave work under way, for the next ones to come in between."""

    executed = 0

    def __init__(self) -> None:
        super().__init__()
        self.scenario = Scenario()

    @initialize(batches=st.lists(batches, max_size=8), begun=st.integers(0, 6))
    def start(self, batches: list[list[Audience]], begun: int) -> None:
        """Some history and some clients that are here already."""
        for batch in batches:
            self.scenario.publish(batch, 0, 0)
        for client in self.scenario.clients[:begun]:
            self._connect(client, "none")

    # The publishers and the log

    @rule(batch=batches, size_bytes=sizes_bytes, ttl_s=ttls_s, turns=turns)
    def publish(self, batch: list[Audience], size_bytes: int, ttl_s: float, turns: int) -> None:
        """A service publishes one notification, or a batch."""
        self.scenario.publish(batch, size_bytes, ttl_s)
        self._turn(turns)

    @rule(batch=batches, turns=turns)
    def collapse(self, batch: list[Audience], turns: int) -> None:
        """A service publishes what takes the place of an older one."""
        for audience in batch:
            self.scenario.collapse(audience)
        self._turn(turns)

    @rule(pick=picks, turns=turns)
    def change_state(self, pick: int, turns: int) -> None:
        """A user's state changes: something was read, say."""
        client = self.scenario.clients[pick % len(self.scenario.clients)]
        self.scenario.change_state(client.account_id, client.user_id)
        self._turn(turns)

    @precondition(lambda self: self.scenario.log.first <= self.scenario.log.head)
    @rule(share=st.sampled_from([0.3, 0.6, 1.0]), turns=st.integers(0, 3))
    def forget(self, share: float, turns: int) -> None:
        """Retention takes some of the log, or all of it."""
        log = self.scenario.log
        self.scenario.forget(log.first - 1 + max(1, round((log.head - log.first + 1) * share)))
        self._turn(turns)

    # The connections

    @precondition(lambda self: any(client.connection is None for client in self.scenario.clients))
    @rule(pick=picks, kind=kinds, life_s=lives_s, can_pong=st.booleans(), turns=turns)
    def connect(self, pick: int, kind: str | None, life_s: float, can_pong: bool, turns: int) -> None:
        """A client comes (back), and presents a cursor now or later."""
        away = [client for client in self.scenario.clients if client.connection is None]
        # The last one is a user's third, whose place is another's, so it comes less often.
        self._connect(away[min(pick // 8, len(away) - 1)], kind, life_s=life_s, can_pong=can_pong)
        self._turn(turns)

    @among(_registered)
    @rule(pick=picks, kind=kinds, turns=turns)
    def begin(self, pick: int, kind: str | None, turns: int) -> None:
        """A registered client presents its cursor."""
        self._begin(_choose(_registered(self), pick), kind or "own")
        self._turn(turns)

    @among(_open)
    @rule(pick=picks, life_s=lives_s, can_pong=st.booleans(), turns=turns)
    def come_back(self, pick: int, life_s: float, can_pong: bool, turns: int) -> None:
        """A connection is lost, and its client is back at once with its cursor."""
        client = _choose(self.scenario.open, pick).client
        assert client.connection is not None
        self.scenario.leave(client.connection)
        self._connect(client, "own", life_s=life_s, can_pong=can_pong)
        self._turn(turns)

    @among(_open)
    @rule(pick=picks, breaks=st.booleans())
    def lose(self, pick: int, breaks: bool) -> None:
        """A connection is lost, or its link fails at the next write."""
        connection = _choose((_replaying(self) if pick < 20 else []) or self.scenario.open, pick)
        if breaks:
            connection.link.breaks = True
        else:
            self.scenario.leave(connection)

    # What goes on inside

    @among(_replaying)
    @rule(pick=picks, steps=st.integers(1, 3), fails=st.sampled_from([False] * 9 + [True]))
    def step_replay(self, pick: int, steps: int, fails: bool) -> None:
        """One replay goes on, await by await; now and then the log cannot be read."""
        connection = _choose(_replaying(self), pick)
        self.scenario.log.fails = fails
        for _ in range(steps):
            self.scenario.step_replay(connection)
            self.scenario.flush()
        self.scenario.log.fails = False

    @rule(batches=st.lists(batches, max_size=3), size_bytes=sizes_bytes, ttl_s=ttls_s, steps=st.integers(1, 8))
    def step_dispatcher(self, batches: list[list[Audience]], size_bytes: int, ttl_s: float, steps: int) -> None:
        """The dispatcher alone goes on, with what is there or more, a batch or a slice at a time; then time passes."""
        for batch in batches:
            self.scenario.publish(batch, size_bytes, ttl_s)
        for _ in range(steps):
            self.scenario.step_dispatcher()
            self.scenario.flush()
        self.scenario.check()
        self.scenario.clock.now_s += ttl_s

    @rule(count=st.integers(1, 6))
    def turn(self, count: int) -> None:
        """Everything goes on."""
        self._turn(count)

    @rule()
    def settle(self) -> None:
        """Everybody reads, and everything comes to its end."""
        self.scenario.settle()
        self.scenario.check()
        self.scenario.check_settled()

    # Peers that do not read

    @among(_open)
    @rule(pick=picks, turns=turns)
    def stall(self, pick: int, turns: int) -> None:
        """A peer stops reading."""
        _choose(self.scenario.open, pick).link.stall()
        self._turn(turns)

    @among(_stalled)
    @rule(pick=picks, count=st.integers(1, 6))
    def take(self, pick: int, count: int) -> None:
        """A peer that does not keep up reads a little, or all."""
        link = _choose(_stalled(self), pick).link
        if count > 5:
            link.release()
            self.scenario.flush()
        else:
            link.take(count)

    @among(_waiting)
    @rule(pick=picks)
    def time_out(self, pick: int) -> None:
        """The replay's patience with a peer ends."""
        _choose(_waiting(self), pick).link.time_out()
        self._turn(1)

    # Time

    @rule(passed_s=st.sampled_from([1.0, 16.0, 31.0]), wall_s=st.sampled_from([1.0, 16.0, 31.0, -40.0]))
    def beat(self, passed_s: float, wall_s: float) -> None:
        """Time passes; the wall clock may go its own way."""
        self.scenario.monotonic_s += passed_s
        self.scenario.clock.now_s += wall_s
        self.scenario.beat()

    @invariant()
    def holds(self) -> None:
        """What everybody was told is right so far."""
        Seam.executed += 1
        self.scenario.check()

    def _connect(self, client: Client, kind: str | None, *, life_s: float = 100_000, can_pong: bool = True) -> None:
        connection = self.scenario.register(client, life_s=life_s, can_pong=can_pong)
        if connection is not None and kind is not None:
            self._begin(connection, kind)

    def _begin(self, connection: Connection, kind: str) -> None:
        log = self.scenario.log
        cursors: dict[str, Cursor | None] = {
            "own": connection.client.cursor,
            "none": None,
            "foreign": Cursor(Epoch("zzzzzzzzzz"), log.head),
            "beyond": Cursor(log.epoch, log.head + 1),
            "oldest": Cursor(log.epoch, log.first - 1),
        }
        if kind == "oldest" and not isinstance(connection.client, OldClient):
            # As a client that never was here, and asks for all there is.
            connection.client.begin_at(None)
        self.scenario.begin(connection, cursors[kind])

    def _turn(self, count: int) -> None:
        for _ in range(count):
            self.scenario.turn()

    def teardown(self) -> None:
        """In the end everybody has got everything."""
        try:
            self.scenario.settle()
            self.scenario.check()
            self.scenario.check_settled()
        finally:
            self.scenario.close()


def _choose(connections: list[Connection], pick: int) -> Connection:
    return connections[pick % len(connections)]


def run_seam(examples: int, **how: Any) -> int:
    """Run the machine and return how many steps were taken."""
    Seam.executed = 0
    with silent_links():
        run_state_machine_as_test(
            Seam,
            settings=settings(
                max_examples=examples,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
                **how,
            ),
        )
    return Seam.executed


def test_seam() -> None:
    """In 20,000 steps nobody gets a notification twice, too late, out of order, not at all, or somebody else's."""
    assert 20_000 <= run_seam(EXAMPLES, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(25))
def test_seam_for_long(part: int) -> None:
    """Nor in a million other steps, different ones each time; in parts, so that none looks like a test that hangs."""
    assert 40_000 <= run_seam(2 * EXAMPLES, print_blob=True)
