"""What the Python clients send next and what follows from each response, without any I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.avelarsys import CartUpdated
from contracts.notification import Notification
from contracts.problem import Problem
from contracts.receipt import BatchReceipt, BatchResult, Receipt
from notification_hub import (
    Addressed,
    HubFailure,
    HubRefused,
    HubUnreachable,
    NotificationLost,
    QueueCounts,
    QueueLimits,
    RetryPolicy,
)
from notification_hub.batch import Batch
from notification_hub.outbox import Outbox
from tests.clients.conftest import alert

RECEIPT = Receipt(id="1", cursor="e-1", duplicate=False, connections=0)
RETRY = RetryPolicy(base_s=1.0, cap_s=8.0)
ABC = ["a", "b", "c"]

Response = Receipt | BatchReceipt | HubFailure


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    """Return a clock."""
    return Clock()


@pytest.fixture
def outbox(clock: Clock) -> Outbox:
    """Return an outbox with three notifications."""
    return fill(Outbox(QueueLimits(), RETRY, now=clock))


def fill(outbox: Outbox, notifications: list[Notification] | None = None) -> Outbox:
    """Queue notifications, three alerts unless others are given, for an account."""
    for notification in notifications or list(map(alert, ABC)):
        assert outbox.add(Addressed(notification, account_id="1")) is None
    return outbox


def take(outbox: Outbox) -> Batch:
    """Take the next batch, which there is."""
    batch = outbox.take()
    assert batch is not None
    return batch


def titles(batch: Batch) -> list[str]:
    """Return the titles in the request of a batch."""
    body = json.loads(batch.call.body or b"")
    return [notification["title"] for notification in body.get("notifications", [body])]


def accept(batch: Batch, problems: dict[int, tuple[int, str]] | None = None) -> Response:
    """Return the response of a hub that takes the notifications of a batch, but for these indexes."""
    problems = problems or {}
    if not batch.call.path.endswith("/batch"):
        return HubRefused(*problems[0]) if problems else RECEIPT
    results = []
    for index in range(len(titles(batch))):
        if index in problems:
            status, code = problems[index]
            problem = Problem(type=f"urn:{code}", title=code, status=status, detail="No", code=code)
            results.append(BatchResult(index=index, problem=problem))
        else:
            results.append(BatchResult(index=index, receipt=RECEIPT))
    return BatchReceipt(results=results)


class TestTake:
    def test_one_at_a_time(self, outbox: Outbox) -> None:
        """Before `close`, each notification has a request of its own."""
        for title in ABC:
            batch = take(outbox)
            assert ("/api/internal/notify", [title]) == (batch.call.path, titles(batch))
            outbox.settle(batch, RECEIPT)
        assert outbox.take() is None

    def test_all_after_close(self, outbox: Outbox) -> None:
        """After `close`, one request has all that waits, in order."""
        outbox.close()
        batch = take(outbox)
        assert ("/api/internal/notify/batch", ABC) == (batch.call.path, titles(batch))
        assert (outbox.settle(batch, accept(batch)), True) == (([], None), outbox.is_empty)

    def test_bounds(self, outbox: Outbox) -> None:
        """A batch has up to 100 notifications and 256 KiB; a larger notification goes alone."""
        many = [alert(str(number)) for number in range(150)]
        large: list[Notification] = [
            CartUpdated(title=f"grande {number}", message="b", data={"x": "x" * size})
            for number, size in enumerate([120_000, 120_000, 120_000, 300_000])
        ]
        fill(outbox, many + large).close()
        sizes = []
        sent: list[str] = []
        while (batch := outbox.take()) is not None:
            sizes.append(len(titles(batch)))
            sent += titles(batch)
            outbox.settle(batch, accept(batch))
        assert [100, 55, 1, 1] == sizes
        assert [*ABC, *(one.title for one in many + large)] == sent

    def test_last_one(self, outbox: Outbox) -> None:
        """A single notification is not a batch: its request is the one it would have had before `close`."""
        for _ in range(2):
            outbox.settle(take(outbox), RECEIPT)
        outbox.close()
        assert "/api/internal/notify" == take(outbox).call.path


class TestSettle:
    @pytest.mark.parametrize(
        "failure", [HubUnreachable("away"), HubRefused(503, "overloaded"), HubRefused(429, "http_429")]
    )
    def test_same_request_again(self, failure: HubFailure, outbox: Outbox) -> None:
        """What may succeed later is the same batch again, after a wait."""
        outbox.close()
        batch = take(outbox)
        lost, delay_s = outbox.settle(batch, failure)
        assert ([], True) == (lost, delay_s is not None and delay_s >= 0.05)
        assert QueueCounts(queued=3, sent=0, failed=0, dropped=0) == outbox.counts
        assert ([], None) == outbox.settle(batch, accept(batch))
        assert QueueCounts(queued=0, sent=3, failed=0, dropped=0) == outbox.counts

    def test_one_that_cannot_be_stored_yet(self, outbox: Outbox) -> None:
        """Where the hub could not store one, the batch is sent again, and each notification is counted once."""
        outbox.close()
        batch = take(outbox)
        _, delay_s = outbox.settle(batch, accept(batch, {1: (503, "storage_unavailable")}))
        assert (True, 2, 1) == (delay_s is not None, outbox.counts.sent, outbox.counts.queued)
        assert ([], None) == outbox.settle(batch, accept(batch))
        assert QueueCounts(queued=0, sent=3, failed=0, dropped=0) == outbox.counts

    def test_one_that_is_refused(self, outbox: Outbox) -> None:
        """A refused notification is lost, with the hub's problem, and no other is."""
        outbox.close()
        batch = take(outbox)
        lost, delay_s = outbox.settle(batch, accept(batch, {1: (400, "unknown_type")}))
        assert ([("b", "unknown_type")], None) == (codes(lost), delay_s)
        assert QueueCounts(queued=0, sent=2, failed=1, dropped=0) == outbox.counts

    @pytest.mark.parametrize(
        ("status", "code"),
        [(400, "invalid_json"), (413, "body_too_large"), (404, "not_found"), (503, "directory_unavailable")],
    )
    def test_refused_as_a_whole(self, status: int, code: str, outbox: Outbox) -> None:
        """A batch that the hub does not take is taken apart: each notification has a request of its own, at once."""
        outbox.close()
        assert ([], None) == outbox.settle(take(outbox), HubRefused(status, code))
        lost = []
        for response in (RECEIPT, HubRefused(400, "too_deep"), RECEIPT):
            batch = take(outbox)
            assert 1 == len(titles(batch))
            lost += outbox.settle(batch, response).lost
        assert [("b", "too_deep")] == codes(lost)

    def test_batches_again(self, outbox: Outbox) -> None:
        """Only the notifications of a batch that was refused go one by one; those after them do not."""
        fill(outbox, [alert(str(number)) for number in range(150)]).close()
        outbox.settle(take(outbox), HubRefused(400, "invalid_json"))
        sizes = []
        while (batch := outbox.take()) is not None:
            sizes.append(len(titles(batch)))
            outbox.settle(batch, accept(batch))
        assert [1] * 100 + [53] == sizes

    def test_may_have_been_stored(self, outbox: Outbox) -> None:
        """A batch whose first attempt had no response is never taken apart: its notifications could be stored twice."""
        outbox.close()
        batch = take(outbox)
        outbox.settle(batch, HubUnreachable("away"))
        lost, delay_s = outbox.settle(batch, HubRefused(413, "body_too_large"))
        assert ([(title, "body_too_large") for title in ABC], None) == (codes(lost), delay_s)

    @pytest.mark.parametrize("status", [500, 501])
    def test_failure_of_the_hub(self, status: int, outbox: Outbox) -> None:
        """A hub that fails may have stored the batch: it is given up, as a single notification is."""
        outbox.close()
        lost, delay_s = outbox.settle(take(outbox), HubRefused(status, "internal"))
        assert (3, None) == (len(lost), delay_s)

    @pytest.mark.parametrize("results", [[], [BatchResult(index=0), BatchResult(index=7, receipt=RECEIPT)]])
    def test_too_few_results(self, results: list[BatchResult], outbox: Outbox) -> None:
        """A response that does not say what became of each is not a hub's: the batch is sent again."""
        outbox.close()
        _, delay_s = outbox.settle(take(outbox), BatchReceipt(results=results))
        assert (True, 3) == (delay_s is not None, outbox.counts.queued)

    def test_too_old(self, clock: Clock) -> None:
        """Those of a batch that would be too old at the next attempt are given up; the others wait for it."""
        outbox = Outbox(QueueLimits(max_age_s=10.0), RETRY, now=clock)
        fill(outbox, [alert("velha")])
        clock.now_s = 9.99
        fill(outbox, [alert("nova")]).close()
        batch = take(outbox)
        lost, delay_s = outbox.settle(batch, HubUnreachable("away"))
        assert ["too_old"] == [failure.reason for failure, _ in lost if isinstance(failure, NotificationLost)]
        assert ["velha"] == [addressed.notification.title for _, addressed in lost]
        assert (True, ["velha", "nova"]) == (delay_s is not None, titles(batch))
        assert ([], None) == outbox.settle(batch, accept(batch))
        assert QueueCounts(queued=0, sent=1, failed=1, dropped=0) == outbox.counts


def codes(lost: list[tuple[HubFailure, Addressed]]) -> list[tuple[str, str]]:
    """Return the title and the hub's code of each that was lost."""
    return [(addressed.notification.title, getattr(failure, "code", "")) for failure, addressed in lost]


class Storage:
    """A hub's log, as far as the order and the Idempotency-Keys go."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self._keys: set[tuple[str, int]] = set()

    def append(self, batch: Batch, refused: int | None = None) -> Response:
        """Store what was not stored under this key before; refuse the notification at an index."""
        key = batch.call.headers("k")["idempotency-key"]
        count = len(titles(batch))
        problems = {} if refused is None or refused >= count else {refused: (400, "unknown_type")}
        for index, title in enumerate(titles(batch)):
            if index not in problems and (key, index) not in self._keys:
                self._keys.add((key, index))
                self.stored.append(title)
        return accept(batch, problems)


def respond(storage: Storage, batch: Batch, event: Any) -> Response:
    """Return what a client gets for a request on which this happens."""
    match event:
        case "away":
            return HubUnreachable("away")
        case "response lost":
            storage.append(batch)
            return HubUnreachable("away")
        case "too large" if len(batch.pending) > 1:
            return HubRefused(413, "body_too_large")
        case "busy":
            return HubRefused(503, "overloaded", retry_after_s=1.0)
        case int():
            return storage.append(batch, event)
        case _:
            return storage.append(batch)


EVENTS = st.sampled_from(["away", "response lost", "too large", "busy", "stored"]) | st.integers(0, 5)


@given(count=st.integers(1, 12), before=st.integers(0, 12), events=st.lists(EVENTS, max_size=30))
def test_nothing_twice_nothing_lost_in_silence_and_in_order(count: int, before: int, events: list[Any]) -> None:
    """Whatever happens to requests before and after `close`, each notification is stored once or reported, in order."""
    storage, happening = Storage(), iter(events)
    outbox = fill(Outbox(QueueLimits(), RETRY, now=Clock()), [alert(str(number)) for number in range(count)])
    lost: list[str] = []

    def deliver(batches: Iterator[Batch]) -> None:
        for batch in batches:
            while True:
                step = outbox.settle(batch, respond(storage, batch, next(happening, "stored")))
                lost.extend(addressed.notification.title for _, addressed in step.lost)
                if step.delay_s is None:
                    break

    deliver(take(outbox) for _ in range(before) if not outbox.is_empty)
    outbox.close()
    deliver(iter(outbox.take, None))
    assert sorted(storage.stored, key=int) == storage.stored
    assert len(set(storage.stored)) == len(storage.stored)
    assert {*storage.stored, *lost} == set(map(str, range(count)))
    assert QueueCounts(queued=0, sent=count - len(lost), failed=len(lost), dropped=0) == outbox.counts
