"""What subscribers are owed, said as plainly as possible, and a hub of real parts whose every step is taken by hand.

`Ledger` is the model: who was meant by each notification, and what one connection may be told. `Scenario` puts the
real subscribers, sessions, replay, dispatcher and heartbeat on a log and links in memory; no loop runs, so what
happens between two awaits is up to the test.
"""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import msgspec

from hub.cursor import Cursor, parse_cursor
from hub.delivery.confirmation import Confirmation
from hub.delivery.envelope import Envelope
from hub.delivery.resume_points import ResumePoints, identify_client
from hub.delivery.session import Phase, ResumeResult, Session
from hub.delivery.subscribers import Subscriber
from hub.errors import HubFull
from hub.log.port import Kind
from hub.target import EVERYONE, Target, account_target, user_target
from tests.delivery.harness import INTERVAL_S, Parts
from tests.fakes import NOW_S, Ask, Beat, FakeLink, Said, make_draft, make_subscriber

__all__ = ["BUDGET_BYTES", "Connection", "Ledger", "Scenario", "silent_links"]

BUDGET_BYTES = 800
#: How long the hub remembers where a client without a cursor stood.
KEEP_S = 60.0
#: So small that every run has seams between pages, and between slices.
PAGE = 3
SLICE = 3
#: No coroutine needs more steps than this to come to its end.
MOST_STEPS = 10_000


@contextmanager
def silent_links() -> Generator[None, None, None]:
    """Let links fail without a log line."""
    with mock.patch.object(logging.getLogger("hub.dispatcher"), "disabled", True):
        yield


class Due(msgspec.Struct, frozen=True):
    """A notification as its publisher meant it: for these (account, user) pairs; None means any."""

    audience: frozenset[tuple[str | None, str | None]]
    expires_at_s: float | None
    #: It says that a user's state has changed, and is for those alone that know such frames.
    is_state: bool = False

    def is_for(self, connection: Connection) -> bool:
        """Whether it was meant for this connection."""
        if self.is_state and isinstance(connection.client, OldClient):
            return False
        account_id, user_id = connection.account_id, connection.user_id
        return not self.audience.isdisjoint({(account_id, user_id), (account_id, None), (None, None)})


class Ledger:
    """The model: all that was ever published, and what retention has passed."""

    def __init__(self) -> None:
        self.published: dict[int, Due] = {}
        #: By audience, the newest one that takes the place of others; and those whose place was taken.
        self.newest: dict[frozenset[tuple[str | None, str | None]], int] = {}
        self.superseded: set[int] = set()
        self.head = 0
        self.first = 1
        #: The wall clock may be set back; what was expired then may or may not be handed over.
        self.latest_s = NOW_S

    def owed(self, connection: Connection, *, after: int, upto: int) -> list[int]:
        """Return what this connection has to get in `(after, upto]`: all that was meant for it and never expired."""
        return [
            position
            for position in range(after + 1, upto + 1)
            if (due := self.published[position]).is_for(connection)
            and (due.expires_at_s is None or due.expires_at_s > self.latest_s)
            and position not in self.superseded
        ]

    def expect_start(self, cursor: Cursor | None, epoch: str) -> tuple[str, int]:
        """Return how a connection with this cursor has to begin, and where."""
        if cursor is None:
            return "live", self.head
        if cursor.epoch == epoch and self.first <= cursor.position + 1 <= self.head + 1:
            return "replayed", cursor.position
        return "gap", self.head

    def check(self, connection: Connection, item: Said, now_s: float) -> None:
        """Check one thing a connection was told, and move its place: everything owed up to there was told."""
        if isinstance(item, Envelope):
            due = self.published[item.position]
            assert due.is_for(connection), "somebody else's notification"
            assert due.expires_at_s is None or due.expires_at_s > now_s, "handed over after its time"
            assert item.position > connection.place, "twice, or out of order"
            skipped = self.owed(connection, after=connection.place, upto=item.position - 1)
            assert [] == skipped, "lost without a word"
            connection.place = item.position
        elif isinstance(item, Beat | Ask):
            position = item.position if isinstance(item, Ask) else _position(item)
            assert position >= connection.place, "a heartbeat goes back"
            skipped = self.owed(connection, after=connection.place, upto=position)
            assert [] == skipped, "a heartbeat is ahead of what was handed over"
            connection.place = position
        else:
            gap = parse_cursor(item.decode())
            assert gap is not None
            assert self.first > connection.place + 1, "a gap is announced where nothing is missing"
            assert connection.place <= gap.position <= self.head
            connection.place = gap.position


class Connection:
    """One connection and what its client makes of it."""

    def __init__(self, client: Client, subscriber: Subscriber, link: FakeLink) -> None:
        self.client = client
        self.account_id, self.user_id = subscriber.account_id, subscriber.user_id
        self.subscriber = subscriber
        self.link = link
        self.replaying: Coroutine[Any, Any, None] | None = None
        self.begun = False
        #: Everything owed up to here was told; the model's word, not the session's.
        self.place = 0
        self.checked = 0
        self.heard = 0


class Client:
    """A frontend that keeps its cursor from one connection to the next."""

    def __init__(self, account_id: str, user_id: str) -> None:
        self.account_id = account_id
        self.user_id = user_id
        self.cursor: Cursor | None = None
        #: What it has got since its last hole.
        self.seen: list[int] = []
        self.connection: Connection | None = None

    def hear(self, item: Said) -> None:
        """Take one thing that has reached this client."""
        if isinstance(item, Envelope):
            assert not self.seen or item.position > self.seen[-1], "twice over two connections"
            self.seen.append(item.position)
            self.cursor = parse_cursor(item.cursor)
        elif isinstance(item, Beat):
            self.cursor = parse_cursor(item.cursor)
        elif isinstance(item, bytes):
            self.begin_at(parse_cursor(item.decode()))

    def begin_at(self, cursor: Cursor | None) -> None:
        """Go on after a hole, or begin."""
        self.seen.clear()
        self.cursor = cursor


class OldClient(Client):
    """A deployed frontend: it gives no cursor, and its browser answers pings."""

    def __init__(self, account_id: str, user_id: str) -> None:
        super().__init__(account_id, user_id)
        #: When its last connection ended; None on its first visit.
        self.ended_s: float | None = None
        #: It has answered that it has everything up to here.
        self.certain = 0
        #: It has everything up to here.
        self.place = 0

    def hear(self, item: Said) -> None:
        """Take one thing that has reached this client."""
        if isinstance(item, Envelope):
            assert item.position > self.certain, "what it had confirmed comes again"
            self.place = max(self.place, item.position)
        elif isinstance(item, Ask):
            self.certain = max(self.certain, item.position)
            self.place = max(self.place, item.position)
        elif isinstance(item, Beat):
            assert item.frame is None, "a frame of a type it does not know"
        else:
            raise AssertionError("a frame of a type it does not know")

    def begin_at(self, cursor: Cursor | None) -> None:
        """Begin, or begin again after a hole that it cannot be told of."""
        assert cursor is not None
        self.certain = self.place = cursor.position


class Scenario(Parts):
    """The real parts of delivery, with everything around them in memory and every step taken by hand."""

    def __init__(self) -> None:
        super().__init__(
            limit=5,
            limit_per_user=2,
            budget_bytes=BUDGET_BYTES,
            interval_s=INTERVAL_S,
            slice_deliveries=SLICE,
            page_records=PAGE,
        )
        self.monotonic_s = 0.0
        self.ledger = Ledger()
        users = [("a", "1"), ("a", "2"), ("b", "1"), ("b", "2"), ("a", "1"), ("a", "1")]
        self.clients = [Client(*user) for user in users] + [OldClient("a", "2"), OldClient("b", "1")]
        self.open: list[Connection] = []
        self._faults: list[str] = []
        self._by_subscriber: dict[Subscriber, Connection] = {}
        points = ResumePoints(
            None, epoch=self.log.epoch, connections=5, keep_s=KEEP_S, monotonic=lambda: self.monotonic_s
        )
        self.confirmation = Confirmation(self.progress, self.resumption, points, pings=1)
        # Every read and every batch of the tail can be stopped before and after.
        self.log.before_read.pauses, self.log.after_read.pauses = 2, 3
        self.log.tails[0].gate.pauses = 1
        self._dispatching = self.dispatcher.run()
        self.step_dispatcher()

    # What the world does

    def publish(self, audiences: list[frozenset[tuple[str | None, str | None]]], size_bytes: int, ttl_s: float) -> None:
        """Append one notification for each audience, all as one batch."""
        expires_at_s = self.clock() + ttl_s if ttl_s else None
        drafts = []
        for audience in audiences:
            self.ledger.head += 1
            self.ledger.published[self.ledger.head] = Due(audience, expires_at_s)
            targets = [_target(*pair) for pair in sorted(audience, key=str)]
            drafts.append(make_draft(targets, size_bytes=size_bytes, expires_at_s=expires_at_s))
        self.log.store(drafts)

    def collapse(self, audience: frozenset[tuple[str | None, str | None]]) -> None:
        """Append a notification that takes the place of the last one of these for this audience."""
        self.ledger.head += 1
        self.ledger.published[self.ledger.head] = Due(audience, None)
        self.ledger.superseded.add(self.ledger.newest.get(audience, 0))
        self.ledger.newest[audience] = self.ledger.head
        draft = make_draft([_target(*pair) for pair in sorted(audience, key=str)])
        self.log.store([msgspec.structs.replace(draft, collapse=str(sorted(audience, key=str)).encode())])

    def change_state(self, account_id: str, user_id: str) -> None:
        """Append a record that says that this user's state has changed."""
        self.ledger.head += 1
        self.ledger.published[self.ledger.head] = Due(frozenset({(account_id, user_id)}), None, is_state=True)
        draft = make_draft([user_target(account_id, user_id)])
        self.log.store([msgspec.structs.replace(draft, kind=Kind.STATE)])

    def forget(self, upto: int) -> None:
        """Let retention pass `upto`."""
        self.log.forget(upto)
        self.ledger.first = max(self.ledger.first, upto + 1)

    def register(self, client: Client, *, life_s: float, can_pong: bool) -> Connection | None:
        """Let a client's connection take its place, before it is asked for its cursor; None where there is none."""
        can_pong |= isinstance(client, OldClient)
        session = Session(expires_at_s=self.clock() + life_s, hold_limit=4, hold_limit_bytes=2 * BUDGET_BYTES)
        link = FakeLink(can_pong=can_pong, collects=True, has_send_socket=True)
        subscriber = make_subscriber(
            client.user_id,
            client.account_id,
            session=session,
            link=link,
            transport="websocket" if can_pong else "sse",
            speaks_hub_v1=not isinstance(client, OldClient),
        )
        try:
            evicted = self.subscribers.add(subscriber)
        except HubFull:
            assert 5 == len(self.open)
            return None
        if evicted is not None:
            self._finish(evicted, 4002)
        connection = Connection(client, subscriber, link)
        self._by_subscriber[subscriber] = connection
        self.open.append(connection)
        client.connection = connection
        return connection

    def begin(self, connection: Connection, cursor: Cursor | None) -> None:
        """Take the cursor, greet, and have the replay ready for its first step."""
        client = connection.client
        if isinstance(client, OldClient):
            resume = self._begin_old(connection, client)
        else:
            expected = self.ledger.expect_start(cursor, self.log.epoch)
            resume = self.resumption.begin(connection.subscriber, cursor)
            assert expected == tuple(resume)
        connection.begun = True
        connection.place = resume.position
        if resume.kind != "replayed":
            client.begin_at(self.resumption.cursor(resume.position))
        self.heartbeat.watch(connection.subscriber, self.monotonic_s)
        connection.replaying = self.replay.run(connection.subscriber)

    def _begin_old(self, connection: Connection, client: OldClient) -> ResumeResult:
        self.check()  # what has reached it by now
        known = identify_client(client.account_id, f"token {self.clients.index(client)}", [])
        resume, connection.link.point = self.confirmation.begin(connection.subscriber, known)
        if client.ended_s is None or client.ended_s + KEEP_S < self.monotonic_s:
            assert ("live", self.log.head) == tuple(resume)
            return resume
        assert "replayed" == resume.kind
        # It confirmed the one and has the other; retention may have taken what comes then.
        assert max(client.certain, self.ledger.first - 1) <= resume.position
        assert resume.position <= max(client.place, self.ledger.first - 1), "lost without a word"
        client.place = max(client.place, resume.position)
        return resume

    def step_replay(self, connection: Connection) -> bool:
        """Take one step of a replay, up to its next await; False where it has come to its end."""
        if connection.replaying is None:
            return False
        try:
            connection.replaying.send(None)
        except StopIteration:
            connection.replaying = None
            assert connection.subscriber.session.phase is not Phase.REPLAYING
        except RuntimeError:
            assert connection.link.breaks
            connection.replaying = None
            self.leave(connection)
        return connection.replaying is not None

    def step_dispatcher(self) -> None:
        """Take one step of the dispatcher, up to its next await."""
        self._dispatching.send(None)

    def turn(self) -> bool:
        """Take one step of everything, as the loop does in one turn; False where no replay goes on."""
        running = [self.step_replay(connection) for connection in list(self._by_subscriber.values())]
        self.step_dispatcher()
        self.confirmation.look(self.monotonic_s, self)
        self.flush()
        return any(running)

    def flush(self) -> None:
        """End the loop's turn: peers that read get what was collected, and answer pings."""
        for connection in self.open:
            if not connection.link.stalled:
                self._require(connection.link.unsent_bytes <= BUDGET_BYTES, "a peer that reads is over its budget")
                connection.link.flush()
                connection.subscriber.session.note_activity()

    def leave(self, connection: Connection) -> None:
        """Lose a connection from outside: what had not reached the client is gone."""
        self.subscribers.remove(connection.subscriber)
        self._finish(connection.subscriber, None)

    def beat(self) -> None:
        """Let every heartbeat that is due be sent."""
        while self.heartbeat.beat(self.monotonic_s, self, limit=SLICE):
            pass
        self.flush()

    def settle(self) -> None:
        """Let everything that is under way come to its end."""
        for connection in list(self.open):
            connection.link.release()
        for _ in range(MOST_STEPS):
            if not self.turn() and self.progress.position == self.log.head:
                return
        raise AssertionError("it never comes to an end")

    def close(self) -> None:
        """Close everything that is still running."""
        self._dispatching.close()
        for connection in self._by_subscriber.values():
            if connection.replaying is not None:
                connection.replaying.close()

    # What must hold

    def check(self) -> None:
        """Check all that was told since the last time."""
        assert [] == self._faults
        now_s = self.clock()
        self.ledger.latest_s = max(self.ledger.latest_s, now_s)
        for connection in list(self._by_subscriber.values()):
            said = connection.link.said
            assert [] == connection.link.late, "told something after the end"
            if connection.begun:
                for item in said[connection.checked :]:
                    self.ledger.check(connection, item, now_s)
            else:
                assert [] == said, "told something before it was asked for its cursor"
            connection.checked = len(said)
            for item in said[connection.heard : connection.link.taken]:
                connection.client.hear(item)
            connection.heard = connection.link.taken
            if connection.link.ended and connection.replaying is None:
                del self._by_subscriber[connection.subscriber]
        assert [connection.subscriber for connection in self.open] == self.subscribers.everyone()
        for connection in self.open:
            assert not connection.link.ended
            assert connection.subscriber.session.phase is not Phase.CLOSED
            if connection.subscriber.session.phase is Phase.LIVE:
                assert connection.link.unsent_bytes <= BUDGET_BYTES + 20 * FakeLink.CONTROL_BYTES, "over its budget"

    def check_settled(self) -> None:
        """Check that no connection is owed anything."""
        for connection in self.open:
            if connection.begun:
                assert connection.subscriber.session.phase is Phase.LIVE
                owed = self.ledger.owed(connection, after=connection.place, upto=self.log.head)
                assert [] == owed, "never came"

    # What the transports do in the hub

    def take(self, payload: bytes) -> None:
        """Take a control record; there is none."""
        raise AssertionError(payload)

    def end(self, subscriber: Subscriber, code: int, reason: str) -> None:
        """End a connection in order."""
        self.subscribers.remove(subscriber)
        self._finish(subscriber, code)

    def end_expired(self, subscriber: Subscriber) -> None:
        """End a connection whose token expired."""
        self.end(subscriber, 4001, "")

    def fall_behind(self, subscriber: Subscriber) -> None:
        """Begin another replay of a live connection."""
        self._require(link_of(subscriber).stalled, "a peer that reads fell behind")
        if self.replay.fall_behind(subscriber):
            connection = self._by_subscriber[subscriber]
            assert connection.replaying is None
            connection.replaying = self.replay.run(subscriber)

    def end_slow(self, subscriber: Subscriber) -> None:
        """End a connection whose peer takes nothing."""
        self._require(link_of(subscriber).stalled, "a peer that reads was closed as slow")
        self.end(subscriber, 4000, "")

    def end_dead(self, subscriber: Subscriber) -> None:
        """Drop a connection whose peer is gone."""
        link = link_of(subscriber)
        self._require(link.stalled or link.breaks, "a peer that reads was taken for dead")
        self.subscribers.remove(subscriber)
        self._finish(subscriber, None)

    def announce_gap(self, subscriber: Subscriber, cursor: Cursor) -> None:
        """Tell a client of a gap, where it can be told."""
        if subscriber.point is None:
            subscriber.link.write_control(str(cursor).encode())
            return
        connection = self._by_subscriber[subscriber]
        self._require(self.ledger.first > connection.place + 1, "something was left out where nothing is missing")
        self._require(cursor.position < self.ledger.first, "something was left out that was there")
        self.check()
        connection.place = max(connection.place, cursor.position)

    def _require(self, holds: bool, otherwise: str) -> None:
        # Not an assertion: the dispatcher and the heartbeat go on whatever a method raises.
        if not holds:
            self._faults.append(otherwise)

    def _finish(self, subscriber: Subscriber, code: int | None) -> None:
        place, link = self.progress.place(subscriber), link_of(subscriber)
        if subscriber.session.close():
            connection = self._by_subscriber[subscriber]
            self.open.remove(connection)
            connection.client.connection = None
            if isinstance(connection.client, OldClient) and subscriber.point is not None:
                connection.client.ended_s = self.monotonic_s
            try:
                if subscriber.point is not None and code is not None:
                    link.ask(place)
                    if not link.stalled:
                        link.flush()
            finally:
                self.confirmation.end(subscriber)
            if code is not None:
                link.close(code, "")
        if code is None:
            link.abort()


def link_of(subscriber: Subscriber) -> FakeLink:
    """Return a subscriber's link as the fake it is."""
    assert isinstance(subscriber.link, FakeLink)
    return subscriber.link


def _position(beat: Beat) -> int:
    cursor = parse_cursor(beat.cursor)
    assert cursor is not None
    return cursor.position


def _target(account_id: str | None, user_id: str | None) -> Target:
    if account_id is None:
        return EVERYONE
    return account_target(account_id) if user_id is None else user_target(account_id, user_id)
