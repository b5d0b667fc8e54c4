"""How connections end: once, counted by their code, told in the form that their client can read."""

from __future__ import annotations

import pytest

from contracts.closing import CloseCode
from hub.cluster.alone import Alone
from hub.cursor import Cursor
from hub.delivery.acknowledgements import Acknowledgements
from hub.delivery.confirmation import Confirmation
from hub.delivery.drain import drain
from hub.delivery.endings import ABNORMAL_CLOSURE, EVICTED_RETRY_MS, NORMAL_CLOSURE, Endings
from hub.delivery.resume_points import ResumePoints, identify_client
from hub.delivery.session import Phase
from hub.delivery.subscribers import Subscriber, TransportName
from hub.delivery.taken import Taken
from hub.language import DEFAULT_LANGUAGE, TEXTS
from hub.target import EVERYONE
from tests.delivery.harness import Harness
from tests.fakes import Ask, FakeLink, Nobody

#: A transport, whether its client speaks hub.v1, and the close code that an evicted one gets.
KINDS: list[tuple[TransportName, bool, int]] = [
    ("websocket", True, CloseCode.TOO_MANY_CONNECTIONS),
    ("websocket", False, NORMAL_CLOSURE),
    ("sse", False, CloseCode.TOO_MANY_CONNECTIONS),
]


class Ended(Harness):
    """The parts of delivery with the real endings, and resume points that are kept."""

    def __init__(self) -> None:
        super().__init__()
        points = ResumePoints(None, epoch=self.log.epoch, connections=5, keep_s=60.0, monotonic=lambda: 1.0)
        self.confirmation = Confirmation(self.progress, self.resumption, points)
        self.endings = Endings(
            subscribers=self.subscribers,
            progress=self.progress,
            heartbeat=self.heartbeat,
            confirmation=self.confirmation,
            acknowledgements=Acknowledgements(
                self.subscribers,
                self.progress,
                Nobody(),
                Taken(self.subscribers),
                tell=Alone().tell_acknowledged,
                epoch=self.log.epoch,
                start=0,
            ),
            metrics=self.metrics,
            texts=TEXTS[DEFAULT_LANGUAGE],
            now=self.clock,
        )

    def open(
        self, transport: TransportName = "websocket", *, speaks_hub_v1: bool = True
    ) -> tuple[Subscriber, FakeLink]:
        """Return a connection that is live and gets heartbeats."""
        subscriber, link = self.register(transport=transport, speaks_hub_v1=speaks_hub_v1)
        self.resumption.begin(subscriber, None)
        subscriber.session.go_live(self.log.head, room_bytes=0)
        self.heartbeat.watch(subscriber, 0.0)
        return subscriber, link


@pytest.mark.parametrize(
    ("method", "code"),
    [("end_slow", CloseCode.SLOW), ("end_expired", CloseCode.TOKEN_EXPIRED), ("end_dead", ABNORMAL_CLOSURE)],
)
def test_an_ending_is_counted_once(method: str, code: int) -> None:
    """Whatever ends a connection first counts; what comes after changes nothing, and nothing keeps it."""
    harness = Ended()
    subscriber, link = harness.open()
    getattr(harness.endings, method)(subscriber)
    harness.endings.end(subscriber, CloseCode.DRAIN, "again")
    harness.endings.leave(subscriber)
    assert {code: 1} == dict(harness.metrics.closes)
    assert Phase.CLOSED is subscriber.session.phase
    assert 0 == len(harness.subscribers)
    assert (code == ABNORMAL_CLOSURE) == link.aborted
    harness.beat(1_000.0)
    assert [] == link.beats + link.late


def test_a_stream_is_told_its_code_before_it_ends() -> None:
    """A stream has no close code, so its last event carries it; a WebSocket gets no such frame."""
    harness = Ended()
    (stream, stream_link), (socket, socket_link) = harness.open("sse", speaks_hub_v1=False), harness.open()
    for subscriber in (stream, socket):
        harness.endings.end(subscriber, CloseCode.DISCONNECTED, "by an operator")
    assert [("closing", CloseCode.DISCONNECTED)] == [(said["type"], said["code"]) for said in stream_link.controls]
    assert [] == socket_link.controls
    assert (CloseCode.DISCONNECTED, "by an operator") == stream_link.closed == socket_link.closed


@pytest.mark.parametrize(("transport", "speaks_hub_v1", "code"), KINDS)
def test_an_evicted_connection_is_kept_from_coming_back(
    transport: TransportName, speaks_hub_v1: bool, code: int
) -> None:
    """A client that knows no codes gets the one it stops at, and a stream a long pause; both count as evicted."""
    harness = Ended()
    subscriber, link = harness.open(transport, speaks_hub_v1=speaks_hub_v1)
    harness.subscribers.remove(subscriber)
    harness.endings.evict(subscriber)
    assert link.closed is not None
    assert code == link.closed[0]
    assert {CloseCode.TOO_MANY_CONNECTIONS: 1} == dict(harness.metrics.closes)
    assert (transport == "sse") == (link.retry_ms is not None and link.retry_ms >= EVICTED_RETRY_MS)


def test_a_client_without_a_cursor_confirms_before_the_close() -> None:
    """The last thing it is sent asks for all that was dispatched, so that it resumes behind that."""
    harness = Ended()
    subscriber, link = harness.register(speaks_hub_v1=False)
    client = identify_client("a1", "token", [])
    _, link.point = harness.confirmation.begin(subscriber, client)
    subscriber.session.go_live(harness.log.head, room_bytes=0)
    harness.log.publish(EVERYONE)
    harness.progress.position = harness.log.head
    harness.endings.end(subscriber, CloseCode.DRAIN, "the hub is restarting")
    assert [Ask(1)] == link.said
    again, _ = harness.register("u2", speaks_hub_v1=False)
    assert ("replayed", 1) == harness.confirmation.begin(again, client)[0]


def test_a_gap_is_announced_to_those_who_can_read_it() -> None:
    """A client that gives no cursor would show the frame as a notification, so it is not told."""
    harness = Ended()
    (told, told_link), (old, old_link) = harness.open(), harness.register(speaks_hub_v1=False)
    harness.confirmation.begin(old, identify_client("a1", "token", []))
    cursor = Cursor(harness.log.epoch, 7)
    for subscriber in (told, old):
        harness.endings.announce_gap(subscriber, cursor)
    assert [("gap", str(cursor))] == [(said["type"], said["data"]["cursor"]) for said in told_link.controls]
    assert [] == old_link.said


async def test_a_drain_tells_each_client_in_its_own_way_and_ends_all() -> None:
    """A client of hub.v1 gets the frame, a stream its pause, an old frontend nothing; then each is closed with 1012."""
    harness = Ended()
    links = {kind: harness.open(kind[0], speaks_hub_v1=kind[1])[1] for kind in KINDS}
    await drain(harness.subscribers.everyone(), harness.endings, window_s=0)
    new, old, stream = links.values()
    assert ["reconnect"] == [said["type"] for said in new.controls]
    assert [] == old.said
    assert ["closing"] == [said["type"] for said in stream.controls]
    assert stream.retry_ms is not None
    assert {CloseCode.DRAIN: 3} == dict(harness.metrics.closes)
    assert {CloseCode.DRAIN} == {link.closed[0] for link in links.values() if link.closed is not None}
