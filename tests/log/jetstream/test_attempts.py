"""Publishing with acknowledgement: every publish is acknowledged once or given up, and nothing is sent in a storm."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.log.jetstream.attempts import Attempt, Attempts

DEADLINE_S = 15.0
TIMEOUT_S = 1.0


def attempts(
    *, max_count: int = 100, max_bytes: int = 1_000, max_in_flight: int = 8, random: float = 1.0
) -> Attempts[str]:
    """Return attempts whose every back-off is the longest that it may be."""
    return Attempts(
        max_count=max_count,
        max_bytes=max_bytes,
        max_in_flight=max_in_flight,
        deadline_s=DEADLINE_S,
        timeout_s=TIMEOUT_S,
        base_s=0.1,
        cap_s=1.6,
        random=lambda: random,
    )


def items(due: list[Attempt[str]]) -> list[str]:
    """Return what is to be sent."""
    return [attempt.item for attempt in due]


class TestQueue:
    def test_sent_in_order(self) -> None:
        """Publishes are sent in the order in which they came."""
        queue = attempts()
        for name in "abc":
            queue.add(name, 1, 0.0)
        assert ["a", "b", "c"] == items(queue.take_due(0.0))
        assert [] == queue.take_due(0.0)

    def test_bound_in_count(self) -> None:
        """One more than may wait is not taken, until another has ended."""
        queue = attempts(max_count=2)
        key = queue.add("a", 1, 0.0)
        queue.add("b", 1, 0.0)
        assert queue.add("c", 1, 0.0) is None
        assert key is not None
        queue.finish(key)
        assert queue.add("c", 1, 0.0) is not None
        assert 2 == len(queue)

    def test_bound_in_bytes(self) -> None:
        """More than may wait is not taken, until something has ended."""
        queue = attempts(max_bytes=10)
        key = queue.add("a", 10, 0.0)
        assert queue.add("b", 1, 0.0) is None
        assert key is not None
        assert "a" == queue.finish(key)
        assert 0 == queue.waiting_bytes
        assert queue.add("b", 10, 0.0) is not None

    def test_bound_in_flight(self) -> None:
        """Only so many are on their way at one time."""
        queue = attempts(max_in_flight=2)
        keys = [queue.add(name, 1, 0.0) for name in "abc"]
        assert ["a", "b"] == items(queue.take_due(0.0))
        assert keys[0] is not None
        queue.finish(keys[0])
        assert ["c"] == items(queue.take_due(0.0))


class TestAgain:
    def test_same_item(self) -> None:
        """What is not acknowledged in time is sent again, unchanged, after a back-off."""
        queue = attempts()
        key = queue.add("a", 1, 0.0)
        assert key is not None
        assert [Attempt(key, 1, "a")] == queue.take_due(0.0)
        assert TIMEOUT_S == queue.next_at_s()
        assert [] == queue.take_due(TIMEOUT_S)
        assert TIMEOUT_S + 0.1 == queue.next_at_s()
        assert [Attempt(key, 2, "a")] == queue.take_due(TIMEOUT_S + 0.1)

    def test_failure_of_an_earlier_attempt(self) -> None:
        """What an earlier attempt came to, when another is on its way, says nothing of that one."""
        queue = attempts()
        key = queue.add("a", 1, 0.0)
        assert key is not None
        queue.take_due(0.0)
        queue.fail(key, 1, 0.25)
        assert [Attempt(key, 2, "a")] == queue.take_due(0.5)
        queue.fail(key, 1, 0.5)
        assert [] == queue.take_due(0.75)
        assert 0.5 + TIMEOUT_S == queue.next_at_s()

    def test_acknowledgement_of_an_earlier_attempt(self) -> None:
        """An acknowledgement is good, whichever attempt it is for; what waits to be sent again is not."""
        queue = attempts()
        key = queue.add("a", 1, 0.0)
        assert key is not None
        queue.take_due(0.0)
        queue.fail(key, 1, 0.2)
        assert "a" == queue.finish(key)
        assert queue.finish(key) is None
        assert [] == queue.take_due(5.0)
        assert queue.next_at_s() is None

    def test_one_at_a_time_while_nothing_is_acknowledged(self) -> None:
        """After a failure one publish at a time is tried; after an acknowledgement all go."""
        queue = attempts()
        keys = [queue.add(name, 1, 0.0) for name in "abcdef"]
        for attempt in queue.take_due(0.0):
            queue.fail(attempt.key, attempt.number, 0.0)
        assert ["a"] == items(queue.take_due(0.1))
        queue.fail(keys[0] or 0, 2, 0.1)
        assert [] == queue.take_due(0.2)
        assert ["a"] == items(queue.take_due(0.1 + 0.2))
        queue.finish(keys[0] or 0)
        assert ["b", "c"] == items(queue.take_due(0.4))
        queue.finish(keys[1] or 0)
        assert ["d", "e", "f"] == items(queue.take_due(0.4))

    def test_election(self) -> None:
        """While a stream elects for nine seconds, a thousand publishes make few attempts, and then all go through."""
        queue = attempts(max_count=1_000, max_bytes=10**6, max_in_flight=256)
        for number in range(1_000):
            queue.add(str(number), 1, 0.0)
        now_s, sent, acknowledged = 0.0, 0, 0
        while len(queue):
            due = queue.take_due(now_s)
            for attempt in due:
                if now_s < 9.0:
                    sent += 1
                    queue.fail(attempt.key, attempt.number, now_s)
                else:
                    acknowledged += queue.finish(attempt.key) is not None
            next_at_s = queue.next_at_s()
            now_s = now_s if next_at_s is None else max(now_s, next_at_s)
            assert [] == queue.take_over(now_s)
        assert 1_000 == acknowledged
        assert 256 + 20 > sent
        assert 11.0 > now_s

    def test_one_alone(self) -> None:
        """A publish whose message id is being stored waits by itself: the others go on."""
        queue = attempts()
        key = queue.add("a", 1, 0.0)
        assert key is not None
        queue.take_due(0.0)
        queue.postpone(key, 1, 0.0)
        queue.add("b", 1, 0.0)
        assert ["b"] == items(queue.take_due(0.0))
        assert 0.1 == queue.next_at_s()
        assert [Attempt(key, 2, "a")] == queue.take_due(0.1)


@pytest.mark.parametrize("per_s", [10_000.0, 60.0, 40.0, 20.0, 15.0])
def test_a_slow_stream_is_not_sent_everything_again(per_s: float) -> None:
    """Of 64 publishes under way, a stream that takes few a second gets each hardly more than once, and all in time.

    With a fixed time-out, what is sent again takes the stream's time from what is new, until nothing is in time.
    """
    queue, now_s, free_s, sent, acknowledged = attempts(max_in_flight=256, max_count=100), 0.0, 0.0, 0, 0
    acks: deque[tuple[float, int, int]] = deque()
    for _ in range(64):
        queue.add("a", 1, now_s)
    while now_s < 60.0 and acknowledged < 3_000:
        for attempt in queue.take_due(now_s):
            sent += 1
            free_s = max(free_s, now_s) + 1 / per_s
            acks.append((free_s, attempt.key, attempt.number))
        assert [] == queue.take_over(now_s)
        at_s = queue.next_at_s()
        assert at_s is not None
        now_s = max(now_s + 1e-6, min(at_s, acks[0][0]))
        while acks and acks[0][0] <= now_s:
            _, key, number = acks.popleft()
            if queue.acknowledge(key, number, now_s) is not None:
                acknowledged += 1
                queue.add("a", 1, now_s)
    assert acknowledged >= min(3_000, 0.8 * 60 * per_s)
    # Until the stream is known, some of the first ones are sent twice.
    assert sent <= 1.1 * acknowledged + 2 * 64


class TestDeadline:
    def test_given_up_once(self) -> None:
        """After its deadline a publish is given up, once, and not sent any more."""
        queue = attempts()
        key = queue.add("a", 4, 0.0)
        queue.take_due(0.0)
        assert [] == queue.take_over(DEADLINE_S - 0.1)
        assert [(key, "a")] == queue.take_over(DEADLINE_S)
        assert [] == queue.take_over(DEADLINE_S)
        assert 0 == queue.waiting_bytes
        assert [] == queue.take_due(DEADLINE_S + 5)
        assert queue.next_at_s() is None
        assert key is not None
        assert queue.finish(key) is None


STEPS = st.sampled_from(["add", "acknowledge", "late", "fail", "postpone", "wait", "wait", "wait long"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 50)), max_size=120), st.floats(0, 1))
def test_each_ends_once(steps: list[tuple[str, int]], random: float) -> None:
    """Whatever comes of the attempts: each publish ends once, within its deadline, and the bounds hold."""
    queue = attempts(max_count=6, max_bytes=60, max_in_flight=3, random=random)
    now_s = 0.0
    added: dict[int, tuple[str, float, int]] = {}
    ended: set[int] = set()
    #: What was sent and not heard of, with the time; and all that was ever sent.
    flying: list[tuple[float, Attempt[str]]] = []
    flown: list[Attempt[str]] = []

    def look() -> None:
        for key, item in queue.take_over(now_s):
            assert (item, key not in ended) == (added[key][0], True)
            assert now_s >= added[key][1] + DEADLINE_S
            ended.add(key)
        due = queue.take_due(now_s)
        assert sorted(attempt.key for attempt in due) == [attempt.key for attempt in due]
        for attempt in due:
            assert attempt.key not in ended
            assert attempt.item == added[attempt.key][0]
        flying.extend((now_s, attempt) for attempt in due)
        flying[:] = [(sent_s, each) for sent_s, each in flying if sent_s + TIMEOUT_S > now_s and each.key not in ended]
        flown.extend(due)

    for step, number in [*steps, *[("end", 0)] * 200]:
        if step == "add" and (key := queue.add(f"item {len(added)}", 1 + number, now_s)) is not None:
            added[key] = (f"item {len(added)}", now_s, 1 + number)
        elif step == "acknowledge" and flying:
            _, attempt = flying.pop(number % len(flying))
            assert attempt.item == queue.finish(attempt.key)
            ended.add(attempt.key)
        elif step == "late" and flown:
            attempt = flown[number % len(flown)]
            assert (attempt.item if attempt.key not in ended else None) == queue.finish(attempt.key)
            ended.add(attempt.key)
        elif step in {"fail", "postpone"} and flown:
            attempt = flown[number % len(flown)]
            (queue.fail if step == "fail" else queue.postpone)(attempt.key, attempt.number, now_s)
            flying = [(sent_s, each) for sent_s, each in flying if each != attempt]
        elif step in {"wait", "end"}:
            next_at_s = queue.next_at_s()
            assert (next_at_s is None) == (len(queue) == 0)
            now_s = now_s if next_at_s is None else max(now_s, next_at_s)
        elif step == "wait long":
            now_s += number
        look()
        open_keys = added.keys() - ended
        assert len(queue) == len(open_keys) <= 6
        assert queue.waiting_bytes == sum(added[key][2] for key in open_keys) <= 60
        assert len(flying) <= 3
    assert ended == added.keys()
