"""Envelopes that a reconnect storm shares, within a bound."""

from __future__ import annotations

import pytest

from hub.cursor import Epoch
from hub.delivery.envelope import Envelope
from hub.delivery.envelope_cache import EnvelopeCache
from hub.log.port import Record
from hub.target import EVERYONE, Target, account_target, user_target

EPOCH = Epoch("abcdefghij")
LIMIT_BYTES = 10_000


def make_record(position: int, *targets: Target, size: int = 100) -> Record:
    """Return a record of about `size` bytes, for everyone unless said otherwise."""
    payload = b'{"title":"%b"}' % (b"x" * size)
    return Record(position, targets or (EVERYONE,), payload, None)


@pytest.fixture
def cache() -> EnvelopeCache:
    """An empty one."""
    return EnvelopeCache(EPOCH, limit_bytes=LIMIT_BYTES)


@pytest.mark.parametrize(
    "targets", [(EVERYONE,), (account_target("a"),), (user_target("a", "1"), user_target("a", "2"))]
)
def test_what_several_clients_missed_is_made_once(cache: EnvelopeCache, targets: tuple[Target, ...]) -> None:
    """Each client that reads the record gets the same object, and with it its finished forms."""
    first = cache.find(make_record(7, *targets))
    assert first is cache.find(make_record(7, *targets))
    assert Envelope(make_record(7).payload, EPOCH, 7).frame == first.frame


def test_what_one_user_missed_is_not_kept(cache: EnvelopeCache) -> None:
    """Nobody else needs it, and it would push out what others do."""
    cache.find(make_record(1, user_target("a", "1")))
    assert 0 == cache.held_bytes


def test_positions_are_told_apart(cache: EnvelopeCache) -> None:
    """Each position has its own envelope."""
    assert [1, 2, 1] == [cache.find(make_record(position)).position for position in (1, 2, 1)]


def test_it_is_bounded_in_bytes(cache: EnvelopeCache) -> None:
    """All forms of what is kept stay below the limit; what was made first goes first, one beyond the limit at once."""
    kept = {position: cache.find(make_record(position)) for position in range(1, 101)}
    assert 0 < cache.held_bytes <= LIMIT_BYTES
    held = [position for position, envelope in kept.items() if cache.find(make_record(position)) is envelope]
    assert held == []  # each look made an old one anew, and so pushed out the next
    newest = cache.find(make_record(200))
    forms = (newest.json, newest.frame, newest.deflated, newest.event, newest.chunk)
    assert sum(map(len, forms)) < cache.held_bytes
    cache.find(make_record(300, size=LIMIT_BYTES))
    assert 0 == cache.held_bytes


def test_lines_weigh_what_they_take_as_events(cache: EnvelopeCache) -> None:
    """JSON that its publisher laid out in lines grows as an event: each line has a field's name before it."""
    payload = b'{"data":[' + b"\n" * 200 + b"]}"
    envelope = cache.find(Record(1, (EVERYONE,), payload, None))
    assert envelope is cache.find(Record(1, (EVERYONE,), payload, None))
    assert len(envelope.event) > 4 * len(envelope.json)
    forms = (envelope.json, envelope.frame, envelope.deflated, envelope.event, envelope.chunk)
    assert sum(map(len, forms)) < cache.held_bytes
